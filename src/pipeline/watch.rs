//! How the reaper watches over jobs that were left to busy workers while others are idle: see
//! "Quick callbacks and the watching reaper" in `README.md`.

use std::time::Duration;

use super::Pipeline;
use super::wakeups::workers::Unserved;
use crate::sync::Instant;

/// How long the reaper trusts workers to get on with the jobs that were left to them.
pub(crate) const PATIENCE: Duration = Duration::from_micros(100);

/// How far the workers were when the reaper last looked, as long as something is left to them.
#[derive(Default)]
pub(crate) struct Watch {
    seen: Option<(Unserved, Instant)>,
}

impl Watch {
    /// Wakes idle workers if those that are awake don't get on. False if there is nothing to watch.
    pub(crate) fn goes_on(&mut self, pipeline: &Pipeline) -> bool {
        let wakeups = pipeline.wakeups().workers();
        let Some(unserved) = wakeups.watch(&pipeline.admission) else {
            self.seen = None;
            return false;
        };
        let slow = !wakeups.pace.is_quick();
        let now = Instant::now();
        let (before, since) = *self.seen.get_or_insert((unserved, now));
        let elapsed = now - since;
        let mut missing = 0;
        if elapsed >= PATIENCE {
            self.seen = Some((unserved, now));
            if unserved.finished == before.finished && unserved.completed > 0 {
                // Callbacks are not as quick as they were taken to be.
                wakeups.pace.doubt();
            }
            missing = helpers(&unserved, &before, elapsed);
        }
        if slow {
            // At once, and never fewer than `helpers` says after a while.
            missing = unserved.completed.max(usize::from(unserved.can_fill));
        }
        wakeups.wake(missing);
        true
    }
}

/// How many more workers it takes for the rest to be done in another `PATIENCE`.
fn helpers(unserved: &Unserved, before: &Unserved, elapsed: Duration) -> usize {
    let stuck = usize::from(unserved.can_fill && unserved.refills == before.refills);
    let finished = u32::try_from(unserved.finished - before.finished).unwrap_or(u32::MAX);
    if finished == 0 {
        return unserved.completed.max(stuck);
    }
    let each = elapsed / finished;
    let time = each.saturating_mul(u32::try_from(unserved.completed).unwrap_or(u32::MAX));
    let periods = (time.as_nanos() / PATIENCE.as_nanos()) as usize;
    periods.min(unserved.completed).max(stuck)
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, helpers};
    use crate::pipeline::wakeups::workers::Unserved;

    #[test]
    fn as_many_are_called_as_are_missing() {
        let before = Unserved { completed: 40, can_fill: false, finished: 1000, refills: 10 };
        let after = |waiting, finished| Unserved { completed: waiting, finished, ..before };
        let helpers = |after| helpers(&after, &before, PATIENCE);
        assert_eq!(helpers(after(40, 1000)), 40, "nothing has ended");
        assert_eq!(helpers(after(40, 1200)), 0, "soon over");
        assert_eq!(helpers(after(40, 1002)), 20, "each takes half the time");
        assert_eq!(helpers(after(0, 1000)), 0, "nothing waits");
        assert_eq!(helpers(after(3, 1001)), 3);
    }

    #[test]
    fn jobs_beside_free_slots_are_not_left_for_long() {
        let before = Unserved { completed: 0, can_fill: true, finished: 0, refills: 10 };
        let helpers = |after| helpers(&after, &before, PATIENCE);
        assert_eq!(helpers(before), 1);
        assert_eq!(helpers(Unserved { finished: 5, ..before }), 1, "a run that goes on");
        assert_eq!(helpers(Unserved { finished: 5, refills: 11, ..before }), 0, "another run");
    }
}
