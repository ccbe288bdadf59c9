//! Jobs by chance.

use std::panic::panic_any;
use std::sync::Arc;
use std::thread;

use reapool::{Completion, Job, PollEvents};

use crate::dice::Dice;
use crate::errand::{Errand, Terms};
use crate::ledger::{Kind, Outcome, Tally};
use crate::realm::{Deliberate, Realm};
use crate::shelf::Purpose;
use crate::transfer::{read, read_range, read_vectored, write, write_vectored};
use crate::trouble::Trouble;

/// Any job. `end` makes the callback's value of the job's number.
pub(crate) fn any<R, E>(
    realm: &Arc<Realm>,
    dice: &mut Dice,
    may_be_cancelled: bool,
    fuel: u8,
    end: E,
) -> Job<R>
where
    R: Send + 'static,
    E: FnOnce(u64) -> R + Send + 'static,
{
    let mut terms = Terms::any(dice, may_be_cancelled);
    let kind = dice.below(100);
    let purpose = if kind < 45 { Purpose::Read } else { Purpose::Write };
    if kind < 70
        && let Some(span) = realm.world.reserve(dice, purpose)
    {
        let kind = match kind {
            0..25 => Kind::Read,
            25..35 => Kind::ReadRange,
            35..45 => Kind::ReadVectored,
            45..62 => Kind::Write,
            _ => Kind::WriteVectored,
        };
        let errand = Errand::new(realm, dice, (kind, span.shelf().name), terms, fuel);
        let job = match kind {
            Kind::Read => read(errand, dice, span, end),
            Kind::ReadRange => read_range(errand, dice, span, end),
            Kind::ReadVectored => read_vectored(errand, dice, span, end),
            Kind::Write => write(errand, dice, span, end),
            _ => write_vectored(errand, dice, span, end),
        };
        return terms.put(job);
    }
    match kind {
        70 if dice.one_in(10) => {
            let shelf = dice.pick(&realm.world.shelves);
            let errand = Errand::new(realm, dice, (Kind::Sync, shelf.name), terms, fuel);
            let is_faulty = shelf.is_faulty;
            let callback = move |done: Completion<()>| {
                let outcome = errand.judge(&done, is_faulty);
                end(errand.conclude(outcome))
            };
            let all = dice.one_in(2);
            let file = shelf.file();
            terms.put(if all {
                Job::sync_all(file, callback)
            } else {
                Job::sync_data(file, callback)
            })
        }
        71..75 => {
            terms.timeout = Some(dice.micros(20_000));
            let errand = Errand::new(realm, dice, (Kind::Poll, "an eventfd"), terms, fuel);
            terms.put(poll(errand, dice, end))
        }
        75..77 => {
            let errand = Errand::new(realm, dice, (Kind::Blocking, "a thread"), terms, fuel);
            terms.put(blocking(errand, dice, end))
        }
        77..90 => {
            let errand = Errand::new(realm, dice, (Kind::Null, "the null device"), terms, fuel);
            terms.put(null(errand, dice, end))
        }
        _ => {
            let errand = Errand::new(realm, dice, (Kind::Nop, "nothing"), terms, fuel);
            terms.put(Job::nop(move || end(errand.conclude(Outcome::Done))))
        }
    }
}

/// A poll of what is ready, or of what never is: that one ends by being late or cancelled.
fn poll<R: Send + 'static>(
    errand: Errand,
    dice: &mut Dice,
    end: impl FnOnce(u64) -> R + Send + 'static,
) -> Job<R> {
    let (ready, never) = (&errand.realm.world.ready, &errand.realm.world.never);
    let is_ready = dice.one_in(2);
    let file = if is_ready { ready } else { never }.clone();
    Job::poll(file, PollEvents::READABLE, move |done| {
        let outcome = match &done.result {
            Ok(events) => {
                let events = PollEvents::from_result(*events);
                if !is_ready || !events.contains(PollEvents::READABLE) {
                    errand.tell(Trouble::Surprise, format_args!("{events:?}, ready: {is_ready}"));
                }
                Outcome::Done
            }
            Err(_) => errand.judge(&done, false),
        };
        end(errand.conclude(outcome))
    })
}

/// Work for a thread, which may panic, instead of the callback.
fn blocking<R: Send + 'static>(
    errand: Errand,
    dice: &mut Dice,
    end: impl FnOnce(u64) -> R + Send + 'static,
) -> Job<R> {
    let (pause, panics) = (dice.micros(1000), dice.one_in(50));
    let work = move || {
        // Stands for a call that blocks.
        thread::sleep(pause);
        if panics {
            Tally::add(&errand.realm.tally().panics, 1);
            errand.end(Outcome::Done);
            panic_any(Deliberate);
        }
        errand
    };
    Job::blocking(work, move |errand| end(errand.conclude(Outcome::Done)))
}

fn null<R: Send + 'static>(
    errand: Errand,
    dice: &mut Dice,
    end: impl FnOnce(u64) -> R + Send + 'static,
) -> Job<R> {
    let (file, offset) = (errand.realm.world.null.clone(), dice.throw() >> 2);
    let len = dice.between(1, 4096);
    if dice.one_in(2) {
        return Job::write(file, vec![1; len], offset, move |done| {
            let outcome = errand.judge(&done, false);
            end(errand.conclude(outcome))
        });
    }
    Job::read(file, vec![2; len], offset, move |done| {
        // Nothing is there: short, or with all of it asked for an error.
        let (is_empty, is_asked) = (done.buffer.is_empty(), done.requested == len);
        let outcome = match &done.result {
            Ok(0) if is_empty && is_asked && done.offset == offset => Outcome::Short,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Outcome::Fault,
            _ => errand.judge(&done, false),
        };
        end(errand.conclude(outcome))
    })
}
