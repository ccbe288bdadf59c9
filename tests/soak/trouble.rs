//! What went wrong.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sorts of trouble. Any of them makes the run fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A job was accepted, and its callback never ran.
    Lost,
    /// A callback ran twice.
    Doubled,
    /// Counters don't agree.
    Account,
    /// A read returned bytes that were not in the file.
    Mismatch,
    /// Memory beside a buffer was written.
    Overrun,
    /// A result that nothing explains.
    Surprise,
    /// Something grew, or was left over.
    Growth,
    /// Nothing happened for too long.
    Stuck,
}

impl Trouble {
    pub(crate) const ALL: [Self; 8] = [
        Self::Lost,
        Self::Doubled,
        Self::Account,
        Self::Mismatch,
        Self::Overrun,
        Self::Surprise,
        Self::Growth,
        Self::Stuck,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lost => "jobs lost",
            Self::Doubled => "callbacks doubled",
            Self::Account => "accounts that don't agree",
            Self::Mismatch => "wrong or stale bytes",
            Self::Overrun => "bytes written beside a buffer",
            Self::Surprise => "results that nothing explains",
            Self::Growth => "growth",
            Self::Stuck => "stuck",
        }
    }
}

/// How many are told in words; the others are counted.
const TOLD: usize = 40;

#[derive(Debug, Default)]
pub(crate) struct Troubles {
    counts: [AtomicU64; Trouble::ALL.len()],
    told: Mutex<Vec<String>>,
}

impl Troubles {
    pub(crate) fn tell(&self, sort: Trouble, what: impl fmt::Display) {
        self.counts[sort as usize].fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap();
        if told.len() < TOLD {
            told.push(format!("{}: {what}", sort.name()));
        }
    }

    /// Tells if two counts differ that have to agree.
    pub(crate) fn compare(&self, what: impl fmt::Display, left: u64, right: u64) {
        if left != right {
            self.tell(Trouble::Account, format_args!("{what}: {left} and {right}"));
        }
    }

    pub(crate) fn count(&self, sort: Trouble) -> u64 {
        self.counts[sort as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn total(&self) -> u64 {
        Trouble::ALL.into_iter().map(|sort| self.count(sort)).sum()
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}
