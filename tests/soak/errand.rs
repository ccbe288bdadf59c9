//! What a callback of the soak carries: its entry in the books, what may come of its job, and what
//! it does then.

use std::panic::panic_any;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use reapool::{Completion, Job};

use crate::dice::Dice;
use crate::ledger::{Kind, Outcome, Tally, Token, take_back};
use crate::memory::Memory;
use crate::order;
use crate::realm::{Deliberate, Realm};
use crate::shelf::Span;
use crate::trouble::Trouble;

/// What a job was asked for beside its operation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) exact: bool,
    pub(crate) timeout: Option<Duration>,
    /// Somebody may cancel it.
    pub(crate) may_be_cancelled: bool,
}

pub(crate) struct Errand {
    pub(crate) realm: Arc<Realm>,
    token: Token,
    terms: Terms,
    pub(crate) dice: Dice,
    /// How many generations of jobs may follow from this one.
    fuel: u8,
}

impl Terms {
    pub(crate) fn any(dice: &mut Dice, may_be_cancelled: bool) -> Self {
        let hour = Duration::from_secs(3600);
        let timeout = match dice.below(24) {
            0 => Some(dice.micros(500)),
            1 => Some(Duration::ZERO),
            2 => Some(hour),
            _ => None,
        };
        Self { exact: dice.one_in(3), timeout, may_be_cancelled }
    }

    pub(crate) fn put<R: 'static>(self, job: Job<R>) -> Job<R> {
        let job = if self.exact { job.exact() } else { job };
        match self.timeout {
            Some(timeout) => job.start_within(timeout),
            None => job,
        }
    }
}

impl Errand {
    pub(crate) fn new(
        realm: &Arc<Realm>,
        dice: &mut Dice,
        (kind, place): (Kind, &'static str),
        terms: Terms,
        fuel: u8,
    ) -> Self {
        let token = realm.ledger.issue(kind, place);
        Self { realm: Arc::clone(realm), token, terms, dice: dice.fork(), fuel }
    }

    /// What to make of a completion. Of what nothing explains, tells.
    pub(crate) fn judge<B>(&self, done: &Completion<B>, is_faulty: bool) -> Outcome {
        let Completion { requested, transferred, result, .. } = done;
        let code = result.as_ref().err().map(|error| error.raw_os_error());
        let outcome = match (result, code.flatten()) {
            (Ok(count), _) if count != transferred || transferred > requested => None,
            (Ok(_), _) if transferred == requested => Some(Outcome::Done),
            (Ok(_), _) if !self.terms.exact && is_faulty => Some(Outcome::Short),
            (Err(_), Some(libc::ECANCELED)) if self.terms.may_be_cancelled => {
                Some(Outcome::Cancelled)
            }
            (Err(_), Some(libc::ETIMEDOUT)) if self.terms.timeout.is_some() => Some(Outcome::Late),
            (Err(_), _) if is_faulty => Some(Outcome::Fault),
            _ => None,
        };
        outcome.unwrap_or_else(|| {
            let (operation, offset) = (done.operation, done.offset);
            self.tell(
                Trouble::Surprise,
                format_args!(
                    "{operation} of {requested} bytes at {offset} with {:?}: {result:?}, {transferred}",
                    self.terms
                ),
            );
            if result.is_ok() { Outcome::Done } else { Outcome::Fault }
        })
    }

    pub(crate) fn tell(&self, sort: Trouble, what: impl std::fmt::Display) {
        let what = format_args!("{}: {what}", self.realm.name);
        self.realm.world.troubles.tell(sort, what);
    }

    /// Compares what was read with what there is.
    pub(crate) fn compare(&self, span: &Span, offset: u64, bytes: &[u8]) {
        Tally::add(&self.realm.tally().compared, bytes.len() as u64);
        if let Err(difference) = span.check(offset, bytes) {
            let (terms, len) = (self.terms, bytes.len());
            let what = format_args!("{difference}; of {len} bytes at {offset} with {terms:?}");
            self.tell(Trouble::Mismatch, what);
        }
    }

    pub(crate) fn look_beside<'a>(&self, buffers: impl IntoIterator<Item = &'a Memory>) {
        if !buffers.into_iter().all(Memory::is_intact) {
            self.tell(Trouble::Overrun, "a margin was overwritten");
        }
    }

    /// The callback has what it wanted: crosses the job out, and does what a callback may do.
    /// Returns the job's number.
    pub(crate) fn conclude(self, outcome: Outcome) -> u64 {
        let Self { realm, token, mut dice, fuel, .. } = self;
        let number = token.ran(outcome);
        let tally = realm.tally();
        if dice.one_in(2000) {
            Tally::add(&tally.stalls, 1);
            // What a slow callback does; nothing waits for its end but what has to.
            thread::sleep(dice.micros(5000));
        }
        if fuel > 0 && dice.one_in(3) {
            chain(&realm, &mut dice, fuel - 1);
        }
        if dice.one_in(500) {
            Tally::add(&tally.panics, 1);
            panic_any(Deliberate);
        }
        number
    }

    /// The job is over without a callback: its work panics.
    pub(crate) fn end(self, outcome: Outcome) {
        self.token.ran(outcome);
    }

    /// Follows a job with one that was made for it, of so much fuel.
    pub(crate) fn follow(&self, job: impl FnOnce(u8) -> Job) {
        submit_here(&self.realm, job(self.fuel.saturating_sub(1)));
    }
}

fn chain(realm: &Arc<Realm>, dice: &mut Dice, fuel: u8) {
    // Two at most, and shorter chains each time: they come to an end.
    for _ in 0..dice.between(1, 2) {
        submit_here(realm, order::any(realm, dice, false, fuel, |_| ()));
    }
    if dice.one_in(8) {
        let _ = realm.submitter.flush();
    }
}

/// In a callback: that doesn't wait, and is refused only if too many are parked.
fn submit_here(realm: &Realm, job: Job) {
    Tally::add(&realm.tally().chained, 1);
    if let Err(error) = realm.submitter.submit(job) {
        take_back(error);
    }
}
