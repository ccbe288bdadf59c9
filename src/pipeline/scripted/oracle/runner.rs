//! How property tests are run: with how many cases, and where the failed ones are kept. The
//! integration tests include this file.

use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

/// A runner of this many cases, unless `PROPTEST_CASES` is set. A case that fails is made smaller
/// as long as it fails. Its seed is kept in a file, and is tried first from then on.
pub(crate) fn runner(cases: u32, regressions: &'static str) -> TestRunner {
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    TestRunner::new(Config {
        cases: if is_set { Config::default().cases } else { cases },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        // It takes a while to find a hang.
        max_shrink_time: 240_000,
        ..Config::default()
    })
}

/// The path of the seeds: in the package, whatever the working directory is.
macro_rules! regressions {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/", $name, ".txt")
    };
}
pub(crate) use regressions;
