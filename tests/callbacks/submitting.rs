//! A callback may submit: that never blocks, nothing starves by it, and what it parks goes in
//! order.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use reapool::{FileHandle, Job, Refusal, Submitter};

use crate::support::{self, Gate, HANG, null, null_read, watched};

/// The ways to submit that take a plain job.
const WAYS: usize = 7;

fn submit(submitter: &Submitter, way: usize, job: Job) {
    match way {
        0 => submitter.submit(job).unwrap(),
        1 => submitter.try_submit(job).unwrap(),
        2 => submitter.submit_timeout(job, HANG).unwrap(),
        3 => submitter.submit_batch([job]).unwrap(),
        4 => submitter.try_submit_batch([job]).unwrap(),
        5 => drop(submitter.spawn(job).unwrap()),
        6 => drop(submitter.try_spawn(job).unwrap()),
        _ => unreachable!("there are {WAYS} ways"),
    }
}

/// A job whose callback submits the next one, each in another way, until none are left.
fn chain(submitter: Submitter, file: FileHandle, left: usize, end: mpsc::Sender<()>) -> Job {
    let null = file.clone();
    null_read(&null, move || {
        if left == 0 {
            end.send(()).unwrap();
        } else {
            let next = chain(submitter.clone(), file, left - 1, end);
            submit(&submitter, left % WAYS, next);
        }
    })
}

#[test]
fn chains_of_callbacks_run_to_their_end() {
    let length = 10_000 / support::scale();
    watched(move || {
        for (depth, workers, chains) in [(1, 1, 1), (1, 2, 3), (4, 2, 9), (64, 2, 1)] {
            let dispatcher = support::builder().depth(depth).workers(workers).build().unwrap();
            let (end, ended) = mpsc::channel();
            for _ in 0..chains {
                let job = chain(dispatcher.submitter(), null(), length, end.clone());
                dispatcher.submit(job).unwrap();
            }
            for _ in 0..chains {
                ended.recv_timeout(HANG).unwrap();
            }
            let report = dispatcher.shutdown().unwrap();
            assert_eq!((report.jobs, report.panics), (chains * (length as u64 + 1), 0));
        }
    });
}

#[test]
fn a_fan_out_far_beyond_the_depth_is_accepted_and_run() {
    watched(|| {
        for workers in [1, 2] {
            let dispatcher = support::builder().depth(4).workers(workers).build().unwrap();
            let (submitter, file) = (dispatcher.submitter(), null());
            let ran = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&ran);
            let fan_out = null_read(&file.clone(), move || {
                for number in 0..1000 {
                    let counter = Arc::clone(&counter);
                    let job = null_read(&file, move || {
                        counter.fetch_add(1, Ordering::SeqCst);
                    });
                    submit(&submitter, number % WAYS, job);
                }
            });
            dispatcher.submit(fan_out).unwrap();
            let report = dispatcher.shutdown().unwrap();
            assert_eq!((report.jobs, report.panics, report.stats.refused), (1001, 0, 0));
            assert_eq!(ran.load(Ordering::SeqCst), 1000);
        }
    });
}

#[test]
fn all_workers_submit_while_every_slot_is_in_a_callback() {
    watched(|| {
        for way in 0..WAYS {
            let dispatcher = support::builder().depth(4).backlog(4).workers(4).build().unwrap();
            let (gate, file) = (Gate::default(), null());
            let held = || {
                let (submitter, gate, file) = (dispatcher.submitter(), gate.clone(), file.clone());
                null_read(&file.clone(), move || {
                    gate.pass();
                    for _ in 0..100 {
                        submit(&submitter, way, null_read(&file, || ()));
                    }
                })
            };
            dispatcher.submit_batch((0..4).map(|_| held())).unwrap();
            gate.wait_for(4);
            // The backlog is full too, so a caller outside would have to wait now.
            dispatcher.submit_batch((0..4).map(|_| null_read(&file, || ()))).unwrap();
            let refused = dispatcher.try_submit(null_read(&file, || ())).unwrap_err();
            assert_eq!(refused.kind(), Refusal::Full);
            gate.open();
            let report = dispatcher.shutdown().unwrap();
            assert_eq!((report.jobs, report.panics), (4 + 4 + 400, 0), "way {way}");
        }
    });
}

#[test]
fn parked_jobs_enter_in_the_order_of_their_submission() {
    watched(|| {
        let dispatcher = support::builder().depth(1).workers(1).build().unwrap();
        let (submitter, file) = (dispatcher.submitter(), null());
        let (sender, order) = mpsc::channel();
        let job = null_read(&file.clone(), move || {
            for number in 0..500 {
                let sender = sender.clone();
                let job = null_read(&file, move || sender.send(number).unwrap());
                submit(&submitter, number % WAYS, job);
            }
        });
        dispatcher.submit(job).unwrap();
        assert_eq!(dispatcher.shutdown().unwrap().panics, 0);
        assert!(order.iter().eq(0..500));
    });
}

#[test]
fn more_parked_jobs_than_allowed_come_back_with_their_buffers() {
    watched(|| {
        let builder = support::builder().depth(1).backlog(0).workers(1).parked_limit(3);
        let dispatcher = builder.build().unwrap();
        let (submitter, file) = (dispatcher.submitter(), null());
        let (sender, seen) = mpsc::channel();
        let job = null_read(&file.clone(), move || {
            let job = |mark: u8| Job::write(&file, vec![mark; 5], 0, |_| ());
            let batch = submitter.submit_batch((0..5).map(job)).unwrap_err();
            let one = submitter.submit(job(7)).unwrap_err();
            let spawned = submitter.spawn(job(8)).unwrap_err();
            let kinds = [batch.kind(), one.kind(), spawned.kind()];
            let accepted = batch.accepted();
            let mut jobs = batch.into_inner();
            jobs.extend([one.into_inner(), spawned.into_inner()]);
            let buffers = jobs.into_iter().map(|job| job.into_buffer::<Vec<u8>>().unwrap());
            sender.send((kinds, accepted, buffers.collect::<Vec<_>>())).unwrap();
        });
        dispatcher.submit(job).unwrap();
        let (kinds, accepted, buffers) = seen.recv_timeout(HANG).unwrap();
        assert_eq!(kinds, [Refusal::Full; 3]);
        assert_eq!(accepted, 3);
        assert_eq!(buffers, [[3; 5], [4; 5], [7; 5], [8; 5]]);
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.stats.refused, report.panics), (1 + 3, 4, 0));
    });
}

#[test]
fn a_small_fan_out_costs_one_call_of_the_kernel() {
    watched(|| {
        let dispatcher = support::builder().depth(64).workers(1).build().unwrap();
        let (submitter, file) = (dispatcher.submitter(), null());
        let (sender, calls) = mpsc::channel();
        let job = null_read(&file.clone(), move || {
            sender.send(submitter.stats().submit_calls).unwrap();
            for _ in 0..10 {
                submitter.submit(null_read(&file, || ())).unwrap();
            }
        });
        dispatcher.submit(job).unwrap();
        let stats = dispatcher.shutdown().unwrap().stats;
        assert_eq!((stats.finished, stats.panics), (11, 0));
        assert_eq!(stats.submit_calls, calls.recv_timeout(HANG).unwrap() + 1);
    });
}

/// A job whose callback submits the next one until it is told to stop.
fn endless(submitter: Submitter, file: FileHandle, stop: Arc<AtomicBool>) -> Job {
    null_read(&file.clone(), move || {
        if !stop.load(Ordering::SeqCst) {
            let next = endless(submitter.clone(), file, stop);
            submitter.submit(next).unwrap();
        }
    })
}

/// Outside jobs get in and end although eight chains keep all four slots taken, and never stop, as
/// long as they leave one place of depth and backlog.
fn outsiders_get_in(backlog: usize) {
    watched(move || {
        let builder = support::builder().depth(4).workers(2).backlog(backlog);
        let dispatcher = builder.build().unwrap();
        let (stop, file) = (Arc::new(AtomicBool::new(false)), null());
        // All from one callback: that needs no room, which the first chains may have taken.
        let (submitter, stopped, inner) = (dispatcher.submitter(), Arc::clone(&stop), file.clone());
        let start = move || {
            for _ in 0..8 {
                let chain = endless(submitter.clone(), inner.clone(), Arc::clone(&stopped));
                submitter.submit(chain).unwrap();
            }
        };
        dispatcher.submit(null_read(&file, start)).unwrap();
        let (sender, ended) = mpsc::channel();
        for _ in 0..4 {
            let (submitter, sender, file) = (dispatcher.submitter(), sender.clone(), file.clone());
            thread::spawn(move || {
                for _ in 0..100 {
                    let sender = sender.clone();
                    submitter.submit(null_read(&file, move || sender.send(()).unwrap())).unwrap();
                }
            });
        }
        let in_time = (0..400).take_while(|_| ended.recv_timeout(HANG / 4).is_ok()).count();
        stop.store(true, Ordering::SeqCst);
        assert_eq!(in_time, 400, "starved, with a backlog of {backlog}");
        assert_eq!(dispatcher.shutdown().unwrap().panics, 0);
    });
}

#[test]
fn endless_chains_do_not_starve_outside_submitters() {
    outsiders_get_in(16);
    outsiders_get_in(5);
}

#[test]
fn flush_sends_at_once() {
    watched(|| {
        let dispatcher = support::builder().depth(8).workers(1).build().unwrap();
        let (submitter, file) = (dispatcher.submitter(), null());
        let job = null_read(&file.clone(), move || {
            let before = submitter.stats().submitted;
            submitter.submit(null_read(&file, || ())).unwrap();
            submitter.flush().unwrap();
            submitter.stats().submitted - before
        });
        // The one worker is in this callback, so nobody else can have sent it.
        assert_eq!(dispatcher.spawn(job).unwrap().join().unwrap(), 1);
    });
}
