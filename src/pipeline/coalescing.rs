//! Reaping several completions with one wake-up, like a network card that coalesces interrupts.

use std::time::Duration;

/// The reaper waits for one in this many of the requests in flight. The completions that it holds
/// back so are no great loss to the device.
const SHARE: usize = 2;
/// If workers have this many times as many jobs to go on with as requests are in flight, the reaper
/// waits for all of these.
const SPARE: usize = 4;
/// The most completions that the reaper waits for.
const HARVEST_MAX: usize = 32;

/// How many completions are worth waiting for, so that one wake-up serves several.
pub(crate) struct Coalescing {
    limit: Duration,
    /// The most to wait for now: as many as came in time lately, or twice as many.
    most: usize,
}

impl Coalescing {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, most: if limit.is_zero() { 1 } else { HARVEST_MAX } }
    }

    /// How many completions to wait for while `in_flight` requests are in the kernel and `waiting`
    /// jobs wait for workers.
    pub(crate) fn least(&self, in_flight: usize, waiting: usize) -> usize {
        (in_flight / SHARE).max((waiting / SPARE).min(in_flight)).clamp(1, self.most)
    }

    /// Takes note of how many came in time of those that the reaper waited for.
    pub(crate) fn learn(&mut self, asked: usize, came: usize) {
        // The reaper did not wait for several: it watched, or there was an error.
        let alone = asked == 1 && came == 0;
        if self.limit.is_zero() || alone {
            return;
        }
        self.most = if came >= asked { self.most * 2 } else { came };
        self.most = self.most.clamp(1, HARVEST_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Coalescing;

    #[test]
    fn as_many_are_waited_for_as_come_in_time() {
        let mut coalescing = Coalescing::new(Duration::from_micros(100));
        for (in_flight, least) in [(0, 1), (1, 1), (3, 1), (4, 2), (64, 32), (1000, 32)] {
            assert_eq!(coalescing.least(in_flight, 0), least, "of {in_flight}");
        }
        for (waiting, least) in [(0, 4), (16, 4), (24, 6), (32, 8), (64, 8)] {
            assert_eq!(coalescing.least(8, waiting), least, "while {waiting} wait for workers");
        }
        coalescing.learn(32, 5);
        assert_eq!(coalescing.least(64, 0), 5);
        coalescing.learn(5, 0);
        assert_eq!(coalescing.least(64, 0), 1, "nothing came: there may be nothing to come");
        for least in [2, 4, 8, 16, 32, 32] {
            coalescing.learn(1, 1);
            assert_eq!(coalescing.least(64, 0), least);
        }
    }

    #[test]
    fn no_time_is_no_coalescing() {
        let mut coalescing = Coalescing::new(Duration::ZERO);
        coalescing.learn(1, 64);
        assert_eq!(coalescing.least(64, 0), 1);
    }
}
