//! Dispatchers that are made and ended all the time, in every way there is.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;

use reapool::{
    Backend, BuildError, BuildErrorKind, Builder, Dispatcher, Job, LoopDispatcher, Submitter,
};

use crate::dice::Dice;
use crate::ledger::{Ledger, Tally};
use crate::realm::Realm;
use crate::realms::turn;
use crate::support::{self, HANG};
use crate::trouble::Trouble;
use crate::ways;
use crate::world::World;

/// What the short-lived have done, together.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    pub(crate) tally: Tally,
    pub(crate) ended: AtomicU64,
    /// Not made, as others had the system's AIO requests.
    pub(crate) unmade: AtomicU64,
}

const ENTRIES: usize = 1 << 12;

/// Makes dispatchers and ends them until the actors are to come to an end.
pub(crate) fn act(lives: &Lives, world: &Arc<World>, mut dice: Dice) {
    while !world.is_over() {
        let ledger = Ledger::new(ENTRIES, &world.troubles);
        let builder = builder(&mut dice, &ledger);
        let made = if !support::on_threads() && dice.one_in(3) {
            builder.blocking_threads(dice.below(3)).build_loop().map(|jobs| {
                let realm = realm(jobs.submitter(), &ledger, world);
                live_in_loop(jobs, &realm, &mut dice);
            })
        } else {
            let backend = *dice.pick(&[Backend::Aio, Backend::BlockingThreads, Backend::Automatic]);
            let backend = if support::on_threads() { Backend::BlockingThreads } else { backend };
            builder.backend(backend).build().map(|dispatcher| {
                let realm = realm(dispatcher.submitter(), &ledger, world);
                for _ in 0..dice.below(12) {
                    ways::step(&realm, &mut dice);
                }
                end(dispatcher, &realm, &mut dice);
            })
        };
        match made {
            Ok(()) => {
                lives.tally.absorb(&ledger.tally);
                Tally::add(&lives.ended, 1);
            }
            Err(error) => unmade(lives, world, &error),
        }
    }
}

fn builder(dice: &mut Dice, ledger: &Arc<Ledger>) -> Builder {
    let builder = Dispatcher::builder()
        .depth(dice.between(1, 40))
        .backlog(dice.below(40))
        .workers(dice.between(1, 3))
        .blocking_threads(dice.between(1, 3))
        .coalesce(dice.micros(200));
    Realm::counting(builder, ledger)
}

fn realm(submitter: Submitter, ledger: &Arc<Ledger>, world: &Arc<World>) -> Arc<Realm> {
    Realm::new("a short-lived dispatcher", submitter, Arc::clone(ledger), world)
}

fn unmade(lives: &Lives, world: &World, error: &BuildError) {
    match error.kind() {
        BuildErrorKind::AioLimit => Tally::add(&lives.unmade, 1),
        kind => world.troubles.tell(Trouble::Surprise, format_args!("build: {kind:?}: {error}")),
    }
}

/// Ends a dispatcher whose jobs may not be over.
fn end(dispatcher: Dispatcher, realm: &Arc<Realm>, dice: &mut Dice) {
    match dice.below(5) {
        0 => drop(dispatcher),
        1 => match dispatcher.shutdown() {
            Ok(report) => realm.agree(&report.stats),
            Err(error) => realm.world.troubles.tell(Trouble::Surprise, error),
        },
        2 => match dispatcher.shutdown_timeout(HANG) {
            Ok(report) => realm.agree(&report.stats),
            Err(error) => realm.world.troubles.tell(Trouble::Stuck, error),
        },
        3 => {
            dispatcher.drain_timeout(HANG).unwrap_or_else(|error| {
                realm.world.troubles.tell(Trouble::Stuck, error);
            });
            drop(dispatcher);
        }
        _ => return end_in_callback(dispatcher, realm),
    }
    realm.settle();
}

/// The dispatcher is dropped by a callback of its own.
fn end_in_callback(dispatcher: Dispatcher, realm: &Arc<Realm>) {
    let (hand, given) = mpsc::channel::<Dispatcher>();
    let token = realm.ledger.issue(crate::ledger::Kind::Nop, "its own end");
    let job = Job::nop(move || {
        token.ran(crate::ledger::Outcome::Done);
        drop(given.recv());
    });
    match dispatcher.submit(job) {
        Ok(()) => hand.send(dispatcher).unwrap(),
        Err(error) => realm.world.troubles.tell(Trouble::Surprise, error),
    }
    realm.settle();
}

fn live_in_loop(mut jobs: LoopDispatcher, realm: &Arc<Realm>, dice: &mut Dice) {
    let steps = dice.below(12);
    let mut theirs = dice.fork();
    std::thread::scope(|threads| {
        // It waits for room and for values, which the owner of the loop can't.
        let other = threads.spawn(|| (0..steps).for_each(|_| ways::step(realm, &mut theirs)));
        while !other.is_finished() {
            if let Err(error) = turn(&mut jobs, dice) {
                realm.world.troubles.tell(Trouble::Surprise, error);
            }
        }
    });
    match dice.below(3) {
        0 => drop(jobs),
        1 => match jobs.shutdown() {
            Ok(report) => realm.agree(&report.stats),
            Err(error) => realm.world.troubles.tell(Trouble::Surprise, error),
        },
        _ => {
            if let Err(error) = jobs.drain_timeout(HANG) {
                realm.world.troubles.tell(Trouble::Stuck, error);
            }
            drop(jobs);
        }
    }
    realm.settle();
}
