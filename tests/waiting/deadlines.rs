//! A job that is not under way at its deadline ends then, and one that is goes on.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use reapool::{Backend, Cancel, Completion, Dispatcher, Job, PollEvents};

use crate::support::{
    self, HANG, Tended, eventfd, known_file, make_readable, null, occupy_thread, open_buffered,
    scale, scratch, watched,
};

const SOON: Duration = Duration::from_millis(1);
/// Not to come while a test runs.
const LATER: Duration = Duration::from_secs(3600);

fn timed_out<B>(done: &Completion<B>) -> bool {
    done.result.as_ref().is_err_and(|error| error.kind() == ErrorKind::TimedOut)
}

fn null_job() -> Job<Completion<Vec<u8>>> {
    Job::read(null(), vec![7; 16], 5, |done| done)
}

/// A dispatcher whose only slot a poll has, until the eventfd is made readable.
fn full() -> (Tended, Arc<fs::File>) {
    let dispatcher = Tended::new(support::builder().depth(1).backlog(64).workers(2));
    let eventfd = eventfd();
    dispatcher
        .submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ()).start_within(LATER))
        .unwrap();
    (dispatcher, eventfd)
}

#[test]
fn what_waits_ends_in_time_and_the_others_go_on() {
    watched(|| {
        let (dispatcher, eventfd) = full();
        let spawn = |job| dispatcher.spawn(job).unwrap();
        let late: Vec<_> = (0..10)
            .map(|number| match number % 3 {
                0 => spawn(null_job().start_within(SOON * number)),
                1 => spawn(null_job().start_by(Instant::now() + SOON * number)),
                _ => dispatcher.try_spawn(null_job().start_within(SOON * number).exact()).unwrap(),
            })
            .collect();
        let (patient, withdrawn) =
            (spawn(null_job().start_within(LATER)), spawn(null_job().start_within(LATER)));
        let nop = dispatcher.spawn(Job::nop(|| ()).start_within(Duration::ZERO)).unwrap();
        for handle in late {
            let done = handle.join_timeout(HANG).unwrap();
            assert!(timed_out(&done));
            assert_eq!((done.offset, done.requested, done.transferred), (5, 16, 0));
        }
        assert_eq!(withdrawn.cancel(), Cancel::Cancelled);
        assert!(!timed_out(&withdrawn.join_timeout(HANG).unwrap()));
        dispatcher_stats(&dispatcher, 10, 1);
        make_readable(&eventfd);
        assert_eq!(patient.join_timeout(HANG).unwrap().result.unwrap(), 0);
        nop.join_timeout(HANG).unwrap();
        dispatcher.quiesce();
        dispatcher_stats(&dispatcher, 10, 1);
    });
}

fn dispatcher_stats(dispatcher: &Dispatcher, timed_out: u64, cancelled: u64) {
    let stats = dispatcher.stats();
    assert_eq!((stats.timed_out, stats.cancelled), (timed_out, cancelled));
}

#[test]
fn polls_have_a_limit_to_their_wait() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(4).workers(2));
        let eventfd = eventfd();
        let poll = |limit| {
            let job = Job::poll(&eventfd, PollEvents::READABLE, |done| done).start_within(limit);
            dispatcher.spawn(job).unwrap()
        };
        for number in 0..20 {
            let (patient, late) = (poll(LATER), [poll(SOON), poll(number * SOON), poll(SOON)]);
            for handle in late {
                assert!(timed_out(&handle.join_timeout(HANG).unwrap()));
            }
            assert!(!patient.is_finished());
            assert_eq!(patient.cancel(), Cancel::Cancelled);
            assert!(!timed_out(&patient.join_timeout(HANG).unwrap()));
        }
        dispatcher_stats(&dispatcher, 60, 20);
        // Slots of polls that have ended serve others.
        let in_time: Vec<_> = (0..3).map(|_| poll(LATER)).collect();
        make_readable(&eventfd);
        for handle in in_time {
            let events = handle.join_timeout(HANG).unwrap().result.unwrap();
            assert_eq!(PollEvents::from_result(events), PollEvents::READABLE);
        }
        dispatcher_stats(&dispatcher, 60, 20);
    });
}

#[test]
fn batches_and_jobs_of_callbacks_have_deadlines_too() {
    watched(|| {
        let (dispatcher, eventfd) = full();
        let ended = Arc::new(AtomicU64::new(0));
        let job = |ended: &Arc<AtomicU64>| {
            let ended = Arc::clone(ended);
            Job::read(null(), vec![0; 16], 0, move |done| {
                assert!(timed_out(&done));
                ended.fetch_add(1, Ordering::SeqCst);
            })
            .start_within(SOON)
        };
        dispatcher.submit_batch((0..20).map(|_| job(&ended))).unwrap();
        let (submitter, inner) = (dispatcher.submitter(), Arc::clone(&ended));
        // Its callback submits more, though no slot is free.
        let first = Job::read(null(), vec![0; 16], 0, move |done| {
            assert!(timed_out(&done));
            submitter.submit_batch((0..20).map(|_| job(&inner))).unwrap();
            let last = job(&inner);
            submitter.submit(last).unwrap();
        });
        dispatcher.submit(first.start_within(SOON)).unwrap();
        support::eventually("all time out", || ended.load(Ordering::SeqCst) == 41);
        dispatcher_stats(&dispatcher, 42, 0);
        make_readable(&eventfd);
        dispatcher.quiesce();
    });
}

#[test]
fn what_has_to_wait_for_a_thread_is_not_begun_when_it_is_late() {
    watched(|| {
        let builder = support::builder().depth(16).workers(2).blocking_threads(1);
        let dispatcher = Tended::new(builder);
        let gate = occupy_thread(&dispatcher.submitter());
        let directory = scratch();
        let path = known_file(directory.path(), "file", 4);
        let before = fs::read(&path).unwrap();
        let file = open_buffered(&path);
        let deadline = Instant::now() + SOON;
        let write = |offset| Job::write(&file, vec![0xff], offset, |done| done);
        let late = dispatcher.spawn(write(1).start_by(deadline)).unwrap();
        let in_time = dispatcher.spawn(write(2).start_within(LATER)).unwrap();
        // For this there is no event.
        thread::sleep(deadline.saturating_duration_since(Instant::now()));
        gate.open();
        assert!(timed_out(&late.join_timeout(HANG).unwrap()));
        assert_eq!(in_time.join_timeout(HANG).unwrap().result.unwrap(), 1);
        dispatcher.quiesce();
        assert_eq!(fs::read(&path).unwrap(), [before[0], before[1], 0xff, before[3]]);
        dispatcher_stats(&dispatcher, 1, 0);
    });
}

#[test]
fn what_waits_for_a_thread_ends_in_time_though_all_of_them_hang() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "file", 4);
        let file = open_buffered(&path);
        for backend in [Backend::Automatic, Backend::BlockingThreads] {
            let builder = support::builder().depth(64).workers(2).blocking_threads(1);
            let dispatcher = Tended::new(builder.backend(backend));
            let gate = occupy_thread(&dispatcher.submitter());
            let write = |offset| Job::write(&file, vec![0xff], offset, |done| done.result);
            let patient = dispatcher.spawn(write(1).start_within(LATER)).unwrap();
            let late: Vec<_> = (0..10)
                .map(|number| dispatcher.spawn(write(2).start_within(SOON * number)).unwrap())
                .collect();
            // The last to be late, so that no other's deadline has it looked for. With AIO the
            // kernel performs it, in time or too late to stop it.
            let sync = Job::sync_all(&file, |done| done.result).start_within(SOON * 20);
            let sync = dispatcher.spawn(sync).unwrap();
            for handle in late {
                let error = handle.join_timeout(HANG).unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TimedOut);
            }
            let synced = sync.join_timeout(HANG).unwrap();
            if dispatcher.backend() == Backend::BlockingThreads {
                assert_eq!(synced.unwrap_err().kind(), ErrorKind::TimedOut);
            }
            assert!(!patient.is_finished());
            gate.open();
            assert_eq!(patient.join_timeout(HANG).unwrap().unwrap(), 1);
        }
    });
}

#[test]
fn a_refused_job_keeps_its_deadline() {
    watched(|| {
        let dispatcher = support::builder().depth(1).workers(1).build().unwrap();
        let closed = dispatcher.submitter();
        drop(dispatcher);
        let refused = closed.spawn(null_job().start_within(Duration::ZERO)).unwrap_err();
        let dispatcher = Tended::new(support::builder().depth(1).workers(1));
        let done = dispatcher.spawn(refused.into_inner()).unwrap().join_timeout(HANG).unwrap();
        assert!(timed_out(&done));
        let refused = closed.spawn(null_job().start_within(LATER)).unwrap_err();
        let done = dispatcher.spawn(refused.into_inner()).unwrap().join_timeout(HANG).unwrap();
        assert_eq!(done.result.unwrap(), 0);
    });
}

#[test]
fn each_job_of_many_is_either_done_or_given_up() {
    const THREADS: u64 = 3;
    let jobs = 10_000 / scale() as u64;
    watched(move || {
        let builder = support::builder().depth(4).backlog(256).workers(2).blocking_threads(1);
        let (dispatcher, directory) = (Tended::new(builder), scratch());
        let path = directory.path().join("file");
        let file = open_buffered(&path);
        let bytes: Arc<[AtomicU64]> = (0..THREADS * jobs).map(|_| AtomicU64::new(0)).collect();
        thread::scope(|scope| {
            for first in 0..THREADS {
                let (dispatcher, file, bytes) = (&dispatcher, &file, &bytes);
                scope.spawn(move || {
                    for number in 0..jobs {
                        let (index, bytes) = (number * THREADS + first, Arc::clone(bytes));
                        let job = Job::write(file, vec![0xff], index, move |done| {
                            assert!(done.result.is_ok() || timed_out(&done));
                            let byte = if done.result.is_ok() { 1 } else { 2 };
                            bytes[index as usize].fetch_add(byte, Ordering::SeqCst);
                        });
                        let limit = Duration::from_micros(index * 7919 % 3000);
                        dispatcher.submit(job.start_within(limit)).unwrap();
                    }
                });
            }
        });
        dispatcher.quiesce();
        let mut written = fs::read(&path).unwrap();
        written.resize((THREADS * jobs) as usize, 0);
        let mut given_up = 0;
        for (byte, told) in written.into_iter().zip(bytes.iter()) {
            let done = match told.load(Ordering::SeqCst) {
                1 => true,
                2 => false,
                other => panic!("a callback has not run once: {other}"),
            };
            assert_eq!(byte == 0xff, done);
            given_up += u64::from(!done);
        }
        assert!(given_up > 0);
        let stats = dispatcher.stats();
        assert_eq!((stats.timed_out, stats.failed), (given_up, given_up));
    });
}
