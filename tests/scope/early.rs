//! A scope's jobs are withdrawn and have deadlines as others have: their callbacks run in the
//! scope, with what they borrow.

use std::fs::File;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use reapool::{Cancel, PollEvents, ScopedJob};

use crate::support::{self, HANG, Tended, errno, eventfd, make_readable, null, scale, watched};

/// For deadlines that come while a test runs.
const SOON: Duration = Duration::from_millis(1);
/// For those that don't.
const LATER: Duration = Duration::from_secs(3600);

/// A poll of what never comes, whose callback tells how it ended.
fn poll<'a>(never: &'a File, told: &'a mut Option<i32>) -> ScopedJob<'a> {
    ScopedJob::poll(never, PollEvents::READABLE, |done| *told = errno(&done))
}

#[test]
fn jobs_that_wait_are_withdrawn_and_given_up_in_the_scope() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(1).backlog(8).workers(2));
        let (never, file) = (eventfd(), null());
        let mut buffers = [[7; 16]; 4];
        let heard = Mutex::new(Vec::new());
        dispatcher
            .scope(|scope| {
                let poll = ScopedJob::poll(&*never, PollEvents::READABLE, |done| errno(&done));
                let poll = scope.spawn(poll).unwrap();
                let mut buffers = buffers.iter_mut();
                // The buffer comes back as it was, and what the callback does with it stays.
                let mut read = |name: u8| {
                    let heard = &heard;
                    let buffer = &mut buffers.next().unwrap()[..];
                    ScopedJob::read(&file, buffer, name.into(), move |done| {
                        assert_eq!((done.transferred, &*done.buffer), (0, &[7; 16][..]));
                        heard.lock().unwrap().push((name, errno(&done)));
                        done.buffer.fill(name);
                        name
                    })
                };
                let withdrawn = scope.spawn(read(1).start_within(LATER)).unwrap();
                let late = scope.spawn(read(2).start_within(SOON)).unwrap();
                let overdue = scope.try_spawn(read(3).start_by(Instant::now())).unwrap();
                // Nobody waits for this one, but the scope.
                drop(scope.spawn(read(4).start_within(Duration::ZERO)).unwrap());
                assert_eq!(withdrawn.cancel(), Cancel::Cancelled);
                assert_eq!(withdrawn.cancel(), Cancel::TooLate);
                for (handle, name) in [(withdrawn, 1), (late, 2), (overdue, 3)] {
                    assert_eq!(handle.join_timeout(HANG).unwrap(), name);
                }
                // The kernel has this one, and nothing else would end it.
                assert_eq!(poll.cancel(), Cancel::Cancelled);
                assert_eq!(poll.join_timeout(HANG).unwrap(), Some(libc::ECANCELED));
            })
            .unwrap();
        let mut heard = heard.into_inner().unwrap();
        heard.sort_unstable();
        let late = Some(libc::ETIMEDOUT);
        assert_eq!(heard, [(1, Some(libc::ECANCELED)), (2, late), (3, late), (4, late)]);
        assert_eq!(buffers.map(|buffer| buffer[0]), [1, 2, 3, 4]);
        dispatcher.quiesce();
        assert_eq!((dispatcher.stats().cancelled, dispatcher.stats().timed_out), (2, 3));
    });
}

#[test]
fn a_poll_without_a_handle_ends_its_scope_at_its_deadline() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(2).workers(1));
        let never = eventfd();
        let mut told = [None; 3];
        dispatcher
            .scope(|scope| {
                let jobs = told.iter_mut().map(|told| poll(&never, told).start_within(SOON));
                scope.submit_batch(jobs).unwrap();
            })
            .unwrap();
        assert_eq!(told, [Some(libc::ETIMEDOUT); 3]);
    });
}

#[test]
fn a_handle_that_has_left_the_scope_withdraws_nobody_elses_job() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(2).workers(2));
        let old: Vec<_> = (0..100)
            .map(|_| dispatcher.scope(|scope| scope.spawn(ScopedJob::nop(|| 1)).unwrap()).unwrap())
            .collect();
        let event = eventfd();
        let mut told = None;
        dispatcher
            .scope(|scope| {
                let poll = ScopedJob::poll(&*event, PollEvents::READABLE, |done| errno(&done));
                let poll = scope.spawn(poll).unwrap();
                for handle in &old {
                    assert_eq!(handle.cancel(), Cancel::TooLate);
                }
                assert!(!poll.is_finished());
                make_readable(&event);
                told = poll.join_timeout(HANG).unwrap();
            })
            .unwrap();
        assert_eq!(told, None);
        assert!(old.into_iter().all(|handle| handle.join().unwrap() == 1));
    });
}

#[test]
fn who_withdraws_while_the_scope_ends_leaves_nothing_behind() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(2).backlog(16).workers(2));
        let never = eventfd();
        for _ in 0..500 / scale() {
            let mut told = [None; 2];
            dispatcher
                .scope(|scope| {
                    let handles =
                        told.each_mut().map(|told| scope.spawn(poll(&never, told)).unwrap());
                    thread::spawn(move || handles.map(|handle| handle.cancel()));
                })
                .unwrap();
            assert_eq!(told, [Some(libc::ECANCELED); 2]);
        }
    });
}
