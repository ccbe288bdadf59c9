//! The soak's own books: every job has an entry from before it is submitted until its callback has
//! run.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::trouble::{Trouble, Troubles};

/// What jobs are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    ReadRange,
    ReadVectored,
    WriteVectored,
    Sync,
    Poll,
    Nop,
    Blocking,
    Null,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Read,
        Self::Write,
        Self::ReadRange,
        Self::ReadVectored,
        Self::WriteVectored,
        Self::Sync,
        Self::Poll,
        Self::Nop,
        Self::Blocking,
        Self::Null,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadRange => "read of a range",
            Self::ReadVectored => "vectored read",
            Self::WriteVectored => "vectored write",
            Self::Sync => "sync",
            Self::Poll => "poll",
            Self::Nop => "nop",
            Self::Blocking => "blocking",
            Self::Null => "null device",
        }
    }
}

/// How jobs end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Short,
    /// With an error that the file system was told to make.
    Fault,
    Cancelled,
    Late,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] =
        [Self::Done, Self::Short, Self::Fault, Self::Cancelled, Self::Late];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Short => "short",
            Self::Fault => "fault",
            Self::Cancelled => "cancelled",
            Self::Late => "timed out",
        }
    }
}

/// How often what happened. Orders nothing, so all accesses are relaxed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    ends: [[AtomicU64; Outcome::ALL.len()]; Kind::ALL.len()],
    /// Callbacks that panicked on purpose.
    pub(crate) panics: AtomicU64,
    /// What the panic handler was told.
    pub(crate) told: AtomicU64,
    /// Jobs that were refused, or never accepted as their future was dropped.
    pub(crate) returned: AtomicU64,
    /// Callbacks that slept.
    pub(crate) stalls: AtomicU64,
    /// Jobs that were submitted by callbacks.
    pub(crate) chained: AtomicU64,
    /// Bytes that were read and compared.
    pub(crate) compared: AtomicU64,
}

impl Tally {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    pub(crate) fn ended(&self, kind: Kind, outcome: Outcome) -> u64 {
        Self::get(&self.ends[kind as usize][outcome as usize])
    }

    /// All jobs with this outcome.
    pub(crate) fn with(&self, outcome: Outcome) -> u64 {
        Kind::ALL.into_iter().map(|kind| self.ended(kind, outcome)).sum()
    }

    /// Callbacks that have run.
    pub(crate) fn ran(&self) -> u64 {
        Outcome::ALL.into_iter().map(|outcome| self.with(outcome)).sum()
    }

    /// Takes over what another one counted.
    pub(crate) fn absorb(&self, other: &Self) {
        for kind in Kind::ALL {
            for outcome in Outcome::ALL {
                let count = other.ended(kind, outcome);
                Self::add(&self.ends[kind as usize][outcome as usize], count);
            }
        }
        for (into, from) in self.others().into_iter().zip(other.others()) {
            Self::add(into, Self::get(from));
        }
    }

    fn others(&self) -> [&AtomicU64; 6] {
        let Self { ends: _, panics, told, returned, stalls, chained, compared } = self;
        [panics, told, returned, stalls, chained, compared]
    }
}

/// One dispatcher's jobs that are under way, and the tally of those that are over.
#[derive(Debug)]
pub(crate) struct Ledger {
    entries: Vec<Mutex<Option<Entry>>>,
    free: Mutex<Vec<usize>>,
    issued: AtomicU64,
    pub(crate) tally: Tally,
    troubles: Arc<Troubles>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u64,
    kind: Kind,
    place: &'static str,
    since: Instant,
}

/// A job's entry, which its callback owns. That it is dropped before it has been crossed out is the
/// loss of a job, unless it was handed back.
#[derive(Debug)]
#[must_use]
pub(crate) struct Token {
    ledger: Arc<Ledger>,
    index: usize,
    number: u64,
    is_over: bool,
}

thread_local! {
    static HANDED_BACK: Cell<bool> = const { Cell::new(false) };
}

/// Drops a job that was not accepted, or a future of one: a token that goes with it is not lost.
pub(crate) fn take_back<T>(job: T) {
    HANDED_BACK.set(true);
    drop(job);
    HANDED_BACK.set(false);
}

impl Ledger {
    /// For so many jobs at a time.
    pub(crate) fn new(entries: usize, troubles: &Arc<Troubles>) -> Arc<Self> {
        Arc::new(Self {
            entries: (0..entries).map(|_| Mutex::new(None)).collect(),
            free: Mutex::new((0..entries).rev().collect()),
            issued: AtomicU64::new(0),
            tally: Tally::default(),
            troubles: Arc::clone(troubles),
        })
    }

    pub(crate) fn issue(self: &Arc<Self>, kind: Kind, place: &'static str) -> Token {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let index = self.free.lock().unwrap().pop().expect("jobs are bounded, and so entries");
        let entry = Entry { number, kind, place, since: Instant::now() };
        assert!(self.entries[index].lock().unwrap().replace(entry).is_none());
        Token { ledger: Arc::clone(self), index, number, is_over: false }
    }

    pub(crate) fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// The jobs that are under way, the oldest first.
    pub(crate) fn open(&self) -> Vec<String> {
        let entries = self.entries.iter().filter_map(|entry| *entry.lock().unwrap());
        let mut open: Vec<_> = entries.collect();
        open.sort_by_key(|entry| entry.since);
        let told = open.iter().map(|Entry { number, kind, place, since }| {
            let age = since.elapsed();
            format!("job {number}: {} on {place}, {age:.1?} old", kind.name())
        });
        told.collect()
    }
}

impl Token {
    /// Crosses the job out, as its callback runs.
    pub(crate) fn ran(mut self, outcome: Outcome) -> u64 {
        if let Some(entry) = self.strike() {
            let count = &self.ledger.tally.ends[entry.kind as usize][outcome as usize];
            Tally::add(count, 1);
        }
        self.number
    }

    fn strike(&mut self) -> Option<Entry> {
        self.is_over = true;
        let entry = self.ledger.entries[self.index].lock().unwrap().take();
        let own = entry.filter(|entry| entry.number == self.number);
        if own.is_some() {
            self.ledger.free.lock().unwrap().push(self.index);
        } else {
            let what = format!("job {} has no entry, but {entry:?}", self.number);
            self.ledger.troubles.tell(Trouble::Doubled, what);
        }
        own
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let entry = self.strike();
        if HANDED_BACK.get() {
            Tally::add(&self.ledger.tally.returned, 1);
        } else {
            self.ledger.troubles.tell(Trouble::Lost, format_args!("{entry:?} was dropped"));
        }
    }
}
