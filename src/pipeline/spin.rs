//! Looks again for a moment before the reaper sleeps, as long as that pays.

use std::hint;
use std::time::Duration;

use crate::sync::Instant;

/// About as long as it takes to sleep and be woken. A thread that looks no longer than this before
/// it sleeps never does more than twice as badly as one that knows what is coming.
const MOMENT: Duration = Duration::from_micros(20);
/// The most credit that successful looks can give. A failure halves it.
const CREDIT_MAX: u32 = 4;
/// Without credit, only one wait in this many looks. So a slow device costs next to nothing.
const PROBE: u32 = 64;

/// Decides by what happened lately whether to look. It never looks if there is a single CPU, as
/// nothing happens there while a thread looks.
pub(crate) struct Spin {
    /// `None`: it never looks.
    credit: Option<u32>,
    /// Waits since the last attempt.
    skipped: u32,
}

impl Spin {
    pub(crate) fn new(possible: bool) -> Self {
        Self { credit: (possible && num_cpus::get() > 1).then_some(0), skipped: 0 }
    }

    /// Calls `holds` for a moment, until it is true, if looking paid lately or has not been tried
    /// for long.
    pub(crate) fn until(&mut self, mut holds: impl FnMut() -> bool) {
        let Some(credit) = self.credit else { return };
        if credit == 0 {
            self.skipped += 1;
            if self.skipped < PROBE {
                return;
            }
        }
        self.skipped = 0;
        let start = Instant::now();
        let found = loop {
            if holds() {
                break true;
            }
            if start.elapsed() >= MOMENT {
                break false;
            }
            hint::spin_loop();
        };
        self.credit = Some(if found { (credit + 1).min(CREDIT_MAX) } else { credit / 2 });
    }
}

#[cfg(test)]
mod tests {
    use super::{PROBE, Spin};

    /// Whether the next wait looks at all; then it finds what it looks for, or not.
    fn looks(spin: &mut Spin, found: bool) -> bool {
        let mut looked = false;
        spin.until(|| {
            looked = true;
            found
        });
        looked
    }

    #[test]
    fn it_looks_as_long_as_that_pays() {
        let mut spin = Spin { credit: Some(0), skipped: 0 };
        for _ in 1..PROBE {
            assert!(!looks(&mut spin, true), "it hasn't paid yet");
        }
        assert!(looks(&mut spin, true), "a probe");
        for _ in 0..10 {
            assert!(looks(&mut spin, true));
        }
        for _ in 0..3 {
            assert!(looks(&mut spin, false), "a few failures are forgiven");
        }
        assert!(!looks(&mut spin, true), "but not more");
    }

    #[test]
    fn where_it_cannot_pay_it_never_looks() {
        let mut spin = Spin::new(false);
        assert!((0..2 * PROBE).all(|_| !looks(&mut spin, true)));
    }
}
