//! The moment by which a job has to have started.

use std::time::Duration;

use crate::engine::operation::Operation;
use crate::sync::Instant;

/// When a job is to be given up that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum JobDeadline {
    Never,
    At(Instant),
    /// So many nanoseconds after the dispatcher has accepted it.
    After(u64),
}

// Jobs are moved around by the million.
const _: () = assert!(size_of::<JobDeadline>() == size_of::<Instant>());

impl JobDeadline {
    pub(crate) fn after(limit: Duration) -> Self {
        u64::try_from(limit.as_nanos()).map_or(Self::Never, Self::After)
    }

    /// That of a job that does this: its callback has to be given a result.
    pub(crate) fn of(self, operation: Operation) -> Self {
        if matches!(operation, Operation::Nop | Operation::Blocking) { Self::Never } else { self }
    }
}
