//! The reaper's eye on what was left to awake workers while others sleep.

use std::time::Duration;

use crate::pipeline::Pipeline;
use crate::pipeline::wakeups::Left;
use crate::sync::Instant;

/// How long workers are trusted to get on with what was left to them.
pub(crate) const PATIENCE: Duration = Duration::from_micros(100);

/// How far they were when last looked at, as long as something is left to them.
#[derive(Default)]
pub(crate) struct Watch {
    seen: Option<(Left, Instant)>,
}

impl Watch {
    /// Calls idle workers if those that are awake don't get on. False if there is nothing to watch.
    pub(crate) fn goes_on(&mut self, pipeline: &Pipeline) -> bool {
        let Some(left) = pipeline.watch() else {
            self.seen = None;
            return false;
        };
        let slow = !pipeline.pace.is_quick();
        let now = Instant::now();
        let (before, since) = *self.seen.get_or_insert((left, now));
        let elapsed = now - since;
        let mut missing = 0;
        if elapsed >= PATIENCE {
            self.seen = Some((left, now));
            if left.finished == before.finished && left.waiting > 0 {
                // Callbacks are not what they were taken to be.
                pipeline.pace.doubt();
            }
            missing = helpers(&left, &before, elapsed);
        }
        if slow {
            // At once, and never fewer than after a while.
            missing = left.waiting.max(usize::from(left.can_fill));
        }
        pipeline.call_idle(missing);
        true
    }
}

/// How many workers are missing, so that what is left is done in another such while.
fn helpers(left: &Left, before: &Left, elapsed: Duration) -> usize {
    let stuck = usize::from(left.can_fill && left.refills == before.refills);
    let finished = u32::try_from(left.finished - before.finished).unwrap_or(u32::MAX);
    if finished == 0 {
        return left.waiting.max(stuck);
    }
    let each = elapsed / finished;
    let time = each.saturating_mul(u32::try_from(left.waiting).unwrap_or(u32::MAX));
    let periods = (time.as_nanos() / PATIENCE.as_nanos()) as usize;
    periods.min(left.waiting).max(stuck)
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, helpers};
    use crate::pipeline::wakeups::Left;

    #[test]
    fn as_many_are_called_as_are_missing() {
        let before = Left { waiting: 40, can_fill: false, finished: 1000, refills: 10 };
        let after = |waiting, finished| Left { waiting, finished, ..before };
        let helpers = |after| helpers(&after, &before, PATIENCE);
        assert_eq!(helpers(after(40, 1000)), 40, "nothing has ended");
        assert_eq!(helpers(after(40, 1200)), 0, "soon over");
        assert_eq!(helpers(after(40, 1002)), 20, "each takes half the time");
        assert_eq!(helpers(after(0, 1000)), 0, "nothing waits");
        assert_eq!(helpers(after(3, 1001)), 3);
    }

    #[test]
    fn jobs_beside_free_slots_are_not_left_for_long() {
        let before = Left { waiting: 0, can_fill: true, finished: 0, refills: 10 };
        let helpers = |after| helpers(&after, &before, PATIENCE);
        assert_eq!(helpers(before), 1);
        assert_eq!(helpers(Left { finished: 5, ..before }), 1, "a run that goes on");
        assert_eq!(helpers(Left { finished: 5, refills: 11, ..before }), 0, "another run");
    }
}
