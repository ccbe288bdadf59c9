//! The moment by which a job has to have started.

use std::time::Duration;

use crate::engine::operation::Operation;
use crate::sync::Instant;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum JobDeadline {
    #[default]
    Never,
    By(Instant),
    /// This many nanoseconds after the dispatcher has accepted the job.
    Within(u64),
}

// Jobs are moved around by the million.
const _: () = assert!(size_of::<JobDeadline>() == size_of::<Instant>());

impl JobDeadline {
    pub(crate) fn within(limit: Duration) -> Self {
        u64::try_from(limit.as_nanos()).map_or(Self::Never, Self::Within)
    }

    /// The deadline of a job with this operation: none, if its callback takes no result that could
    /// say that it has passed.
    pub(crate) fn for_operation(self, operation: Operation) -> Self {
        if matches!(operation, Operation::Nop | Operation::Blocking) { Self::Never } else { self }
    }

    /// Turns a time limit into a moment, counted from now. A job that one dispatcher has refused
    /// may be accepted by another, so that this may be called more than once; only the first call
    /// has an effect.
    pub(super) fn start_clock(&mut self) {
        if let Self::Within(nanos) = *self {
            let deadline = Instant::now().checked_add(Duration::from_nanos(nanos));
            *self = deadline.map_or(Self::Never, Self::By);
        }
    }

    /// The moment, once the clock has been started.
    pub(super) fn instant(self) -> Option<Instant> {
        match self {
            Self::By(deadline) => Some(deadline),
            Self::Never | Self::Within(_) => None,
        }
    }
}
