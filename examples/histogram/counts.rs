//! How often each byte occurs.

use std::iter::Sum;

/// On cache lines of its own: several threads count at the same time, each into one of these.
#[derive(Clone)]
#[repr(align(64))]
pub(crate) struct Counts([u64; 256]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Counts {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0[usize::from(byte)] += 1;
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn distinct(&self) -> usize {
        self.occurring().count()
    }

    /// The bytes that occur, and how often.
    pub(crate) fn occurring(&self) -> impl Iterator<Item = (u8, u64)> {
        (0..=u8::MAX).zip(self.0).filter(|&(_, count)| count > 0)
    }

    /// Shannon's entropy, in bits for each byte.
    pub(crate) fn entropy(&self) -> f64 {
        let total = self.total() as f64;
        let share = |(_, count)| count as f64 / total;
        // The sum begins at 0.0: an empty sum would be printed as -0.
        self.occurring().map(share).fold(0.0, |bits, share| bits + share * -share.log2()).abs()
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, counts| {
            sum.0.iter_mut().zip(counts.0).for_each(|(sum, count)| *sum += count);
            sum
        })
    }
}
