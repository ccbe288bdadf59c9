//! A dispatcher as its jobs see it, with its books.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use reapool::{BuildError, BuildErrorKind, Builder, JobHandle, Stats, Submitter};

use crate::ledger::{Ledger, Outcome, Tally};
use crate::support::HANG;
use crate::trouble::Trouble;
use crate::world::World;

pub(crate) struct Realm {
    pub(crate) name: String,
    pub(crate) submitter: Submitter,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) world: Arc<World>,
    /// Handles that are not dropped before the dispatcher has ended: some.
    forgotten: Mutex<Vec<JobHandle<u64>>>,
}

/// How many handles of a realm are forgotten.
const FORGOTTEN_MOST: usize = 200;

/// What callbacks panic with on purpose.
pub(crate) struct Deliberate;

/// Makes a dispatcher, and waits if others have all of the system's AIO requests just now.
pub(crate) fn built<D>(make: impl Fn() -> Result<D, BuildError>) -> D {
    let start = Instant::now();
    loop {
        match make() {
            Ok(dispatcher) => return dispatcher,
            Err(error) if error.kind() != BuildErrorKind::AioLimit || start.elapsed() > HANG => {
                panic!("no dispatcher: {error}");
            }
            // Nothing tells when there are some again.
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

impl Realm {
    pub(crate) fn new(
        name: impl Into<String>,
        submitter: Submitter,
        ledger: Arc<Ledger>,
        world: &Arc<World>,
    ) -> Arc<Self> {
        let (name, world) = (name.into(), Arc::clone(world));
        Arc::new(Self { name, submitter, ledger, world, forgotten: Mutex::default() })
    }

    /// Has a dispatcher count its panics in the ledger.
    pub(crate) fn counting(builder: Builder, ledger: &Arc<Ledger>) -> Builder {
        let ledger = Arc::clone(ledger);
        builder.panic_handler(move |_| Tally::add(&ledger.tally.told, 1))
    }

    /// Drops a handle at the end of everything, or now, if there are many of these.
    pub(crate) fn forget(&self, handle: JobHandle<u64>) {
        let mut forgotten = self.forgotten.lock().unwrap();
        if forgotten.len() < FORGOTTEN_MOST {
            forgotten.push(handle);
        }
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.ledger.tally
    }

    /// What holds in every snapshot.
    pub(crate) fn audit(&self) -> Stats {
        let stats = self.submitter.stats();
        let troubles = &self.world.troubles;
        let sum = stats.finished + stats.outstanding;
        troubles.compare(format_args!("{}, accepted", self.name), stats.accepted, sum);
        let placed = (stats.in_flight + stats.blocking + stats.parked) as u64;
        if placed > stats.outstanding || stats.failed > stats.finished {
            troubles.tell(Trouble::Account, format_args!("{}: {stats:?}", self.name));
        }
        stats
    }

    /// Waits until nothing is outstanding, and compares the dispatcher's books with its own.
    pub(crate) fn settle(&self) {
        let start = Instant::now();
        while self.submitter.stats().outstanding > 0 {
            if start.elapsed() > HANG {
                let stats = self.submitter.stats();
                let open = self.ledger.open().join("; ");
                let what = format!("{} doesn't come to an end: {stats:?}; {open}", self.name);
                self.world.troubles.tell(Trouble::Stuck, what);
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.agree(&self.audit());
    }

    /// Whether a dispatcher with nothing outstanding counted as its callbacks did.
    pub(crate) fn agree(&self, stats: &Stats) {
        let Self { name, ledger, world, .. } = self;
        let (tally, troubles) = (&ledger.tally, &world.troubles);
        let own = |counter| Tally::get(counter);
        let failed =
            tally.with(Outcome::Fault) + tally.with(Outcome::Cancelled) + tally.with(Outcome::Late);
        let pairs = [
            ("accepted and finished", stats.accepted, stats.finished),
            ("finished and callbacks", stats.finished, tally.ran()),
            ("issued and over", ledger.issued(), tally.ran() + own(&tally.returned)),
            ("panics", stats.panics, own(&tally.panics)),
            ("panics told of", stats.panics, own(&tally.told)),
            ("failed", stats.failed, failed),
            ("short", stats.short, tally.with(Outcome::Short)),
            ("cancelled", stats.cancelled, tally.with(Outcome::Cancelled)),
            ("timed out", stats.timed_out, tally.with(Outcome::Late)),
            ("stray events", stats.stray_events, 0),
            ("errors of reaping", stats.reap_errors, 0),
            ("outstanding", stats.outstanding, 0),
        ];
        for (what, left, right) in pairs {
            troubles.compare(format_args!("{name}, {what}"), left, right);
        }
        for open in ledger.open() {
            troubles.tell(Trouble::Lost, format_args!("{name}: {open}"));
        }
    }
}
