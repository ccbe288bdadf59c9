//! The ways to submit jobs and to wait for them, by chance.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::executor::block_on;
use reapool::{Job, JobHandle, JoinError, Refusal};

use crate::dice::Dice;
use crate::ledger::take_back;
use crate::order;
use crate::realm::Realm;
use crate::scopes;
use crate::support::HANG;
use crate::trouble::Trouble;

/// How deep chains of jobs may get.
const FUEL: u8 = 6;

/// Submits something, and waits for it or not.
pub(crate) fn step(realm: &Arc<Realm>, dice: &mut Dice) {
    match dice.below(16) {
        0..4 => batch(realm, dice),
        4..7 => one(realm, dice),
        7..11 => handles(realm, dice),
        11..13 => task(realm, dice),
        13 => scopes::step(realm, dice),
        14 => {
            let _ = realm.submitter.flush();
            realm.audit();
        }
        _ => drop(realm.world.pool.trim()),
    }
}

/// Runs steps until the actors are to come to an end.
pub(crate) fn act(realm: &Arc<Realm>, mut dice: Dice) {
    while !realm.world.is_over() {
        step(realm, &mut dice);
    }
}

fn job(realm: &Arc<Realm>, dice: &mut Dice) -> Job {
    order::any(realm, dice, false, FUEL, |_| ())
}

/// A job that its handle may cancel, and whose callback's value is its number.
fn numbered(realm: &Arc<Realm>, dice: &mut Dice) -> Job<u64> {
    order::any(realm, dice, true, FUEL, |number| number)
}

/// A refusal has to have the reason that there is.
fn refused(realm: &Realm, kind: Refusal, expected: Refusal) {
    if kind != expected {
        let what = format!("{}: refused with {kind:?}", realm.name);
        realm.world.troubles.tell(Trouble::Surprise, what);
    }
}

fn one(realm: &Arc<Realm>, dice: &mut Dice) {
    let job = job(realm, dice);
    let (answer, expected) = match dice.below(3) {
        0 => (realm.submitter.submit(job), Refusal::ShutDown),
        1 => (realm.submitter.try_submit(job), Refusal::Full),
        _ => {
            let limit = dice.micros(1000);
            (realm.submitter.submit_timeout(job, limit), Refusal::TimedOut)
        }
    };
    if let Err(error) = answer {
        refused(realm, error.kind(), expected);
        take_back(error);
    }
}

fn batch(realm: &Arc<Realm>, dice: &mut Dice) {
    let count = dice.between(1, 64);
    let jobs: Vec<_> = (0..count).map(|_| job(realm, dice)).collect();
    if dice.one_in(2) {
        if let Err(error) = realm.submitter.submit_batch(jobs) {
            refused(realm, error.kind(), Refusal::ShutDown);
            take_back(error);
        }
        return;
    }
    if let Err(error) = realm.submitter.try_submit_batch(jobs) {
        refused(realm, error.kind(), Refusal::Full);
        let accepted = error.accepted();
        let jobs = error.into_inner();
        realm.world.troubles.compare(
            "a batch and its parts",
            count as u64,
            (accepted + jobs.len()) as u64,
        );
        take_back(jobs);
    }
}

fn handles(realm: &Arc<Realm>, dice: &mut Dice) {
    let mut handles = Vec::new();
    for _ in 0..dice.between(1, 12) {
        match realm.submitter.spawn(numbered(realm, dice)) {
            Ok(handle) => handles.push(handle),
            Err(error) => {
                refused(realm, error.kind(), Refusal::ShutDown);
                take_back(error);
            }
        }
    }
    if dice.one_in(3) {
        while let Ok(first) = JobHandle::wait_first(&handles, Some(HANG)) {
            join(realm, handles.swap_remove(first));
        }
    }
    for handle in handles {
        match dice.below(6) {
            0 => drop(handle),
            1 => {
                let _ = handle.cancel();
                join(realm, handle);
            }
            2 => drop(handle.cancel()),
            3 => realm.forget(handle),
            4 => match handle.join_timeout(dice.micros(300)) {
                Err(JoinError::TimedOut(handle)) => join(realm, handle),
                other => joined(realm, other),
            },
            _ => join(realm, handle),
        }
    }
}

fn join(realm: &Realm, handle: JobHandle<u64>) {
    joined(realm, handle.join_timeout(HANG));
}

fn joined(realm: &Realm, end: Result<u64, JoinError<u64>>) {
    match end {
        Ok(_) | Err(JoinError::Panicked(_)) => {}
        Err(error) => {
            let sort = match error {
                JoinError::TimedOut(_) => Trouble::Stuck,
                _ => Trouble::Surprise,
            };
            realm.world.troubles.tell(sort, format_args!("{}: join: {error:?}", realm.name));
        }
    }
}

/// What tasks do: wait for room and for values without a thread, and are dropped at any point.
fn task(realm: &Arc<Realm>, dice: &mut Dice) {
    match dice.below(4) {
        0 => {
            let future = realm.submitter.submit_async(job(realm, dice));
            if let Err(error) = block_on(future) {
                refused(realm, error.kind(), Refusal::ShutDown);
                take_back(error);
            }
        }
        1 => {
            let mut future = realm.submitter.spawn_async(numbered(realm, dice));
            // Polled once, then dropped: in the line, or accepted by then.
            if let Some(Err(error)) = (&mut future).now_or_never() {
                take_back(error);
            }
            take_back(future);
        }
        _ => {
            let futures: Vec<_> = (0..dice.between(1, 8))
                .map(|_| realm.submitter.spawn_async(numbered(realm, dice)))
                .collect();
            block_on(async {
                for future in futures {
                    match future.await {
                        // Awaiting goes on panicking if the callback did.
                        Ok(handle) => drop(AssertUnwindSafe(handle).catch_unwind().await),
                        Err(error) => {
                            refused(realm, error.kind(), Refusal::ShutDown);
                            take_back(error);
                        }
                    }
                }
            });
        }
    }
}
