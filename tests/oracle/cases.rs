//! What the property tests share.

#[path = "../../src/pipeline/scripted/oracle/runner.rs"]
mod runner;

use proptest::test_runner::TestRunner;

pub(crate) use runner::regressions;

use crate::support::scale;

/// A runner of so many cases, and of fewer where each takes long.
pub(crate) fn runner(cases: u32, regressions: &'static str) -> TestRunner {
    runner::runner(cases.div_ceil(scale() as u32), regressions)
}
