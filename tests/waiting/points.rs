//! A dispatcher can be ended, and a handle dropped, at any point of jobs' lives: not submitted,
//! waiting, in the kernel, on the channel, in a callback, gone on with. `scripted::points` brings
//! jobs to each of these; here they are met by chance.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use reapool::{Dispatcher, Submitter};

use crate::support::traffic::{Random, Traffic};
use crate::support::{self, HANG, eventually, null, null_read, scale, scratch, watched};

fn rounds() -> u64 {
    150 / scale() as u64
}

/// Most jobs of one round.
const MOST: usize = 1000;

/// One thread's part: submits in all ways, and lets go of handles in all ways, until it is refused.
fn submit(submitter: &Submitter, traffic: &Arc<Traffic>, random: &mut Random) {
    for _ in 0..20 {
        let (number, job) = traffic.job(random.below(3) as usize, true);
        let spawned = match random.below(5) {
            0 => submitter.try_spawn(job),
            1 => {
                // A task that is dropped, accepted or not.
                let mut entry = pin!(submitter.spawn_async(job));
                let mut context = Context::from_waker(Waker::noop());
                match entry.as_mut().poll(&mut context) {
                    Poll::Ready(result) => result,
                    Poll::Pending => continue,
                }
            }
            _ => submitter.spawn(job),
        };
        let Ok(mut handle) = spawned else { continue };
        traffic.accept(number);
        match random.below(6) {
            0 => drop(handle.cancel()),
            1 => assert_eq!(handle.join_timeout(Duration::ZERO).unwrap_or(number), number),
            2 => {
                let mut context = Context::from_waker(Waker::noop());
                assert!(pin!(&mut handle).poll(&mut context) != Poll::Ready(usize::MAX));
            }
            3 => std::mem::forget(handle),
            _ => drop(handle),
        }
    }
}

/// Ends it in one way or another.
fn end(dispatcher: Dispatcher, random: &mut Random) {
    let submitter = dispatcher.submitter();
    match random.below(5) {
        0 => drop(dispatcher),
        1 => drop(dispatcher.shutdown().unwrap()),
        2 => drop(dispatcher.shutdown_timeout(HANG).unwrap()),
        3 => thread::spawn(|| drop(dispatcher)).join().unwrap(),
        _ => {
            // If it is refused, it is dropped here.
            let owner = null_read(&null(), move || drop(dispatcher));
            drop(submitter.submit(owner));
        }
    }
    eventually("nothing is outstanding", || submitter.stats().outstanding == 0);
}

fn round(seed: u64, directory: &std::path::Path) {
    let mut random = Random::new(seed);
    let builder = support::builder().depth(1 + random.below(4) as usize).blocking_threads(2);
    let builder = builder.backlog(random.below(5) as usize).workers(1 + random.below(3) as usize);
    let dispatcher = builder.build().unwrap();
    let traffic = Traffic::new(dispatcher.submitter(), directory, MOST);
    let start = |number: u64| {
        let (submitter, traffic) = (dispatcher.submitter(), Arc::clone(&traffic));
        let mut random = Random::new(seed ^ (number << 32));
        thread::spawn(move || submit(&submitter, &traffic, &mut random))
    };
    let submitters: Vec<_> = (1..=2).map(start).collect();
    // Polls let go, at some time, by somebody else than who ends.
    let (releases, after) = (Arc::clone(&traffic), random.below(40) as usize);
    let release = thread::spawn(move || {
        for _ in 0..after {
            thread::yield_now();
        }
        releases.release();
    });
    let enough = random.below(50) as usize;
    let over = || submitters.iter().all(thread::JoinHandle::is_finished);
    eventually("enough are made", || traffic.made() >= enough || over());
    end(dispatcher, &mut random);
    submitters.into_iter().for_each(|thread| thread.join().unwrap());
    release.join().unwrap();
    traffic.check();
}

#[test]
fn whenever_it_ends_what_was_accepted_has_run_once() {
    watched(|| {
        let directory = scratch();
        for seed in 0..rounds() {
            round(seed, directory.path());
        }
    });
}
