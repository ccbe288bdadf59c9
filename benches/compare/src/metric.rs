//! The figures that contenders are compared by.

use std::cmp::Ordering;

use crate::spread::Spread;

/// A figure of a round, of whose kind there are several.
pub(crate) struct Metric<R> {
    /// As tables and results call it.
    pub(crate) name: &'static str,
    pub(crate) of: fn(&R) -> f64,
    pub(crate) best: Best,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Best {
    Highest,
    Lowest,
}

// A derived implementation would ask the same of `R`.
impl<R> Clone for Metric<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Metric<R> {}

impl<R> Metric<R> {
    /// Compares medians; the better one is greater.
    pub(crate) fn compare(self, one: &Spread, other: &Spread) -> Ordering {
        let order = one.median.total_cmp(&other.median);
        match self.best {
            Best::Highest => order,
            Best::Lowest => order.reverse(),
        }
    }
}

/// What one round of a contender gave.
pub(crate) trait Round: Sized + 'static {
    /// The figures that are kept of all rounds.
    const KEPT: &'static [Metric<Self>];
}
