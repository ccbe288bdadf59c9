//! Looking again for a moment before sleeping, as long as that pays.

use std::hint;
use std::time::Duration;

use crate::sync::Instant;

/// About what it costs to sleep and be woken. Who waits no longer than this before it sleeps, never
/// does more than twice as badly as who knows what is coming.
const MOMENT: Duration = Duration::from_micros(20);
/// How sure one can become that it pays.
const CREDIT_MAX: u32 = 4;
/// How often it is tried when it has not paid: a device that takes its time costs next to nothing.
const PROBE: u32 = 64;

/// Decides by what happened lately. Not for single CPUs, where nothing happens while one looks.
pub(crate) struct Spin {
    /// `None`: never.
    credit: Option<u32>,
    /// Waits since the last attempt.
    skipped: u32,
}

impl Spin {
    pub(crate) fn new(possible: bool) -> Self {
        Self { credit: (possible && num_cpus::get() > 1).then_some(0), skipped: 0 }
    }

    /// Looks for a moment whether something is the case, if such a wait paid lately or has not been
    /// tried for long.
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
