//! Dispatchers side by side don't mistake each other's callbacks for their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use reapool::{Dispatcher, FileHandle, Job, Refusal, Submitter};

use crate::support::{self, Gate, null, null_read, watched};

fn build() -> Dispatcher {
    support::builder().depth(4).workers(1).build().unwrap()
}

/// Plays a job to and fro between two dispatchers until it has been played `left` times or neither
/// takes it, and counts the plays.
fn ball(here: Submitter, there: Submitter, left: usize, plays: Arc<AtomicUsize>) -> Job {
    let file: FileHandle = null();
    null_read(&file, move || {
        plays.fetch_add(1, Ordering::SeqCst);
        if left > 0 {
            let next = ball(there.clone(), here, left - 1, plays);
            // It is refused if the other one is full, or is no more.
            let _ = there.try_submit(next);
        }
    })
}

#[test]
fn each_submits_into_the_other_from_callbacks_and_either_can_go_first() {
    watched(|| {
        for round in 0..40 {
            let (first, second) = (build(), build());
            let plays = Arc::new(AtomicUsize::new(0));
            for _ in 0..2 {
                let (one, other) = (first.submitter(), second.submitter());
                let there = ball(one.clone(), other.clone(), 50, Arc::clone(&plays));
                first.submit(there).unwrap();
                second.submit(ball(other, one, 50, Arc::clone(&plays))).unwrap();
            }
            let (one, other) = (first.submitter(), second.submitter());
            match round % 4 {
                0 => drop((first, second)),
                1 => drop((second, first)),
                2 => {
                    let concurrent = thread::spawn(move || drop(first));
                    drop(second);
                    concurrent.join().unwrap();
                }
                _ => {
                    // Each callback's own dispatcher may have nothing to do while the other has. If
                    // what had been finished is all that has been accepted since, nobody has it.
                    let finished = || first.stats().finished + second.stats().finished;
                    let accepted = || first.stats().accepted + second.stats().accepted;
                    while finished() < accepted() {
                        first.drain().unwrap();
                        second.drain().unwrap();
                    }
                    assert_eq!(plays.load(Ordering::SeqCst), 4 * 51, "nothing was refused");
                }
            }
            let stats = [one.stats(), other.stats()];
            assert!(stats.iter().all(|stats| stats.outstanding == 0 && stats.panics == 0));
            let finished = stats.iter().map(|stats| stats.finished as usize).sum::<usize>();
            assert_eq!(finished, plays.load(Ordering::SeqCst));
        }
    });
}

#[test]
fn the_callback_of_another_dispatcher_is_outside() {
    watched(|| {
        let (full, other) = (build(), build());
        let gate = Gate::default();
        let jobs = (0..8).map(|_| {
            let held = gate.clone();
            null_read(&null(), move || held.pass())
        });
        full.submit_batch(jobs).unwrap();
        let target = full.submitter();
        let job = null_read(&null(), move || {
            target.try_submit(null_read(&null(), || ())).unwrap_err().kind()
        });
        let refusal = other.spawn(job).unwrap().join().unwrap();
        assert_eq!(refusal, Refusal::Full, "its own callbacks would have it parked");
        gate.open();
    });
}

#[test]
fn one_dispatcher_can_be_ended_in_the_others_callback() {
    watched(|| {
        for _ in 0..20 {
            let (outer, inner) = (build(), build());
            let ran = Arc::new(AtomicUsize::new(0));
            for _ in 0..8 {
                let ran = Arc::clone(&ran);
                let count = move || {
                    ran.fetch_add(1, Ordering::SeqCst);
                };
                inner.submit(null_read(&null(), count)).unwrap();
            }
            let job = null_read(&null(), move || inner.shutdown().map(|report| report.jobs).ok());
            assert_eq!(outer.spawn(job).unwrap().join().unwrap(), Some(8));
            assert_eq!(ran.load(Ordering::SeqCst), 8);
        }
    });
}
