//! How property tests are run: how many cases there are, and where those that failed are kept. The
//! integration tests include this file.

use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

/// A runner of so many cases, unless `PROPTEST_CASES` is set. A case that fails is made smaller until it
/// no longer does, and its seed is kept in a file, to be tried first from then on.
pub(crate) fn runner(cases: u32, regressions: &'static str) -> TestRunner {
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    TestRunner::new(Config {
        cases: if is_set { Config::default().cases } else { cases },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        // A hang takes its time to be found.
        max_shrink_time: 240_000,
        ..Config::default()
    })
}

/// Where the seeds are, of the package and whatever the working directory is.
macro_rules! regressions {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/", $name, ".txt")
    };
}
pub(crate) use regressions;
