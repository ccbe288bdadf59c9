//! The numbers of a run.

use crate::setup::Setup;

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) setup: Setup,
    /// Jobs a second, without the first fifth and the last.
    pub(crate) rate: f64,
    /// Parts of the time that the lock was held, and that the reaper did not sleep.
    pub(crate) lock: f64,
    pub(crate) reaper: f64,
    /// Parts of the workers' time.
    pub(crate) callbacks: f64,
    pub(crate) in_submit: f64,
    pub(crate) waiting: f64,
    pub(crate) asleep: f64,
    /// The time of all threads on their cores, in microseconds a job.
    pub(crate) cpu: f64,
    /// How often the lock was taken, and how often a thread slept for it, a job.
    pub(crate) taken: f64,
    pub(crate) slept_for_lock: f64,
    /// For the checks.
    pub(crate) ended: usize,
    pub(crate) integral: f64,
    pub(crate) sojourns: f64,
}
