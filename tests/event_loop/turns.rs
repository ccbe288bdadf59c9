//! Event-loop mode: a descriptor that is readable while there is something to do, and callbacks on
//! the thread that runs them. There is no thread besides: `process` has the test of that.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use reapool::{Dispatcher, FileHandle, Job, PollEvents, Submitter};

use crate::support::event_loop::{TendedLoop, counted, read_all};
use crate::support::readiness::{Epoll, Trigger, is_readable};
use crate::support::{
    self, HANG, byte_at, eventfd, known_file, make_readable, null, null_read, open_buffered,
    scratch, watched,
};

const BLOCK: usize = 4096;

fn tended(depth: usize, backlog: usize) -> TendedLoop {
    TendedLoop::new(Dispatcher::builder().depth(depth).backlog(backlog))
}

#[test]
fn a_level_triggered_loop_gets_everything() {
    watched(|| {
        for most in [1, 7, usize::MAX] {
            let mut jobs = tended(16, 4);
            let watcher = Epoll::of(jobs.as_fd(), Trigger::Level);
            read_all(&mut jobs, |jobs| {
                watcher.wait();
                assert!(jobs.run(most).unwrap() <= most);
            });
            assert!(!is_readable(&*jobs), "nothing is left to do");
        }
    });
}

#[test]
fn an_edge_triggered_loop_gets_everything_with_one_call_an_edge() {
    watched(|| {
        for most in [1, 7, usize::MAX] {
            let mut jobs = tended(16, 4);
            let watcher = Epoll::of(jobs.as_fd(), Trigger::Edge);
            read_all(&mut jobs, |jobs| {
                watcher.wait();
                assert!(jobs.run(most).unwrap() <= most);
            });
        }
    });
}

#[test]
fn spurious_calls_find_nothing_and_lose_nothing() {
    watched(|| {
        let mut jobs = tended(16, 4);
        assert_eq!(jobs.run(10).unwrap(), 0);
        read_all(&mut jobs, |jobs| {
            for _ in 0..3 {
                jobs.run(2).unwrap();
            }
        });
        assert_eq!(jobs.run(10).unwrap(), 0);
    });
}

#[test]
fn what_is_left_keeps_the_descriptor_readable() {
    let mut jobs = tended(32, 0);
    let runs = Arc::new(AtomicUsize::new(0));
    let null = null();
    let edge = Epoll::of(jobs.as_fd(), Trigger::Edge);
    assert!(!is_readable(&*jobs) && !edge.has_event());
    for _ in 0..5 {
        jobs.try_submit(counted(&runs)).unwrap();
        jobs.try_submit(null_read(&null, || ())).unwrap();
    }
    assert!(edge.has_event() && !edge.has_event());
    assert_eq!(jobs.run(0).unwrap(), 0);
    for left in [7, 4, 1] {
        assert!(is_readable(&*jobs), "{left} are left");
        assert!(edge.has_event(), "what is left makes an edge");
        assert_eq!(jobs.run(3).unwrap(), 3);
        assert_eq!(jobs.stats().outstanding, left);
    }
    assert_eq!(jobs.run(3).unwrap(), 1);
    assert!(!is_readable(&*jobs));
    assert!(!edge.has_event() || jobs.run(3).unwrap() == 0);
    assert_eq!(runs.load(Ordering::SeqCst), 5);
}

#[test]
fn buffered_reads_of_other_threads_call_the_owner() {
    watched(|| {
        let directory = scratch();
        let file = open_buffered(&known_file(directory.path(), "file", 1000));
        let mut jobs = tended(4, 100);
        for round in 0..50 {
            let (submitter, file) = (jobs.submitter(), file.clone());
            let other = thread::spawn(move || {
                let reads = (0..10).map(|offset| {
                    Job::read(&file, vec![0; 1], offset, move |done| {
                        assert_eq!(done.buffer, [byte_at(offset)]);
                    })
                });
                submitter.submit_batch(reads).unwrap();
            });
            while jobs.stats().finished < 10 * (round + 1) {
                jobs.turn(3);
            }
            other.join().unwrap();
        }
        assert_eq!(jobs.stats().buffered, 500);
    });
}

#[test]
fn no_more_is_copied_from_the_page_cache_in_a_turn_than_was_asked_for() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "file", 1 << 20);
        support::cache::evict(&path);
        let mut jobs = tended(32, 0);
        // Some are in the cache, and others are not and have to be waited for.
        let file = open_buffered(&path);
        for block in [30, 200, 100, 30, 60, 100, 150, 30_u64] {
            jobs.try_submit(Job::read(&file, vec![0; BLOCK], block << 12, |_| ())).unwrap();
        }
        let looked = |jobs: &TendedLoop| jobs.stats().cached + jobs.stats().submitted;
        let mut before = looked(&jobs);
        assert_eq!(before, 0, "the owner does it in its turn");
        while jobs.stats().outstanding > 0 {
            jobs.turn(1);
            let after = looked(&jobs);
            assert!(after - before <= 1);
            before = after;
        }
        assert_eq!(before, 8);
    });
}

#[test]
fn a_chain_goes_on_and_a_fan_is_parked() {
    fn link(submitter: Submitter, null: FileHandle, left: usize) -> Job {
        let next = null.clone();
        null_read(&null, move || {
            if left > 0 {
                submitter.submit(link(submitter.clone(), next, left - 1)).unwrap();
            }
        })
    }
    watched(|| {
        let mut jobs = tended(2, 0);
        jobs.try_submit(link(jobs.submitter(), null(), 1000)).unwrap();
        let (submitter, runs) = (jobs.submitter(), Arc::new(AtomicUsize::new(0)));
        let counts = Arc::clone(&runs);
        let fan = move || {
            for _ in 0..100 {
                submitter.submit(counted(&counts)).unwrap();
            }
        };
        jobs.try_submit(Job::nop(fan)).unwrap();
        let watcher = Epoll::of(jobs.as_fd(), Trigger::Edge);
        while jobs.stats().outstanding > 0 {
            watcher.wait();
            jobs.run(usize::MAX).unwrap();
        }
        assert_eq!(runs.load(Ordering::SeqCst), 100);
        assert_eq!(jobs.stats().finished, 1001 + 101);
    });
}

#[test]
fn polls_tell_the_loop_like_all_else() {
    watched(|| {
        let mut jobs = tended(4, 0);
        let (first, second) = (eventfd(), eventfd());
        let events = |done: reapool::Completion<()>| PollEvents::from_result(done.result.unwrap());
        let poll = |file: &Arc<std::fs::File>| Job::poll(file, PollEvents::READABLE, events);
        let handles =
            [jobs.try_spawn(poll(&first)).unwrap(), jobs.try_spawn(poll(&second)).unwrap()];
        assert_eq!(jobs.run(10).unwrap(), 0);
        assert!(!is_readable(&*jobs));
        // Counted while the kernel is signalling another eventfd.
        make_readable(&second);
        assert_eq!(jobs.turn(10), 1);
        assert!(handles[1].is_finished() && !handles[0].is_finished());
        make_readable(&first);
        assert_eq!(jobs.turn(10), 1);
        for handle in handles {
            assert_eq!(handle.join().unwrap(), PollEvents::READABLE);
        }
    });
}

#[test]
fn results_and_refusals_are_as_elsewhere() {
    let mut jobs = tended(1, 1);
    let bad = jobs.try_spawn(Job::read(support::bad_file(), vec![0; 8], 0, |done| done)).unwrap();
    let (tell, told) = mpsc::channel();
    jobs.try_submit(Job::read(null(), vec![0; 8], 0, move |done| tell.send(done).unwrap()))
        .unwrap();
    let error = jobs.try_submit(Job::write(null(), vec![7; 9], 0, |_| ())).unwrap_err();
    assert_eq!(error.kind(), reapool::Refusal::Full);
    assert_eq!(error.into_inner().into_buffer::<Vec<u8>>().unwrap(), [7; 9]);
    jobs.drain_timeout(HANG).unwrap();
    let done = bad.join().unwrap();
    assert_eq!(done.result.unwrap_err().raw_os_error(), Some(libc::EBADF));
    assert!(told.try_recv().unwrap().is_eof());
}
