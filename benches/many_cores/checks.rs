//! What has to hold of any simulation. The program ends if it doesn't.

use crate::outcome::Outcome;
use crate::parameters::{
    CALL, DESCRIBE, FILL, FILL_JOB, FINISH, LOCK, NO_TIME, PARK, QUICK, SYSTEM_CALL,
};
use crate::setup::Setup;
use crate::simulation::Simulation;

/// Each job has ended, and once (`Shared::finish`). And Little's law: jobs that are outstanding,
/// summed up over time, are the times of all jobs.
pub(crate) fn of_each(outcome: &Outcome) {
    let Outcome { setup, ended, integral, sojourns, .. } = outcome;
    assert_eq!(*ended, setup.jobs, "all jobs end");
    let difference = (integral - sojourns).abs() / sojourns;
    assert!(difference < 1e-6, "{integral} ns outstanding, {sojourns} ns of all jobs");
    for part in [outcome.lock, outcome.reaper, outcome.asleep, outcome.callbacks] {
        assert!((0.0..=1.0 + 1e-9).contains(&part), "{part} of the time");
    }
}

/// One worker, with lines that cost nothing, takes the sum of the parts.
pub(crate) fn one_worker_is_the_sum_of_its_parts() {
    let callback = 20_000.0;
    let setup = Setup { line: 0.0, latency: 1_000.0, ..Setup::chained(1, callback) };
    let outcome = Simulation::run(setup);
    let run = (NO_TIME / QUICK).max(setup.depth as f64 / 4.0);
    let parts = callback + CALL.and(PARK).and(FINISH).and(FILL_JOB).and(DESCRIBE).time(0.0);
    let calls = (FILL.time(0.0) + SYSTEM_CALL + LOCK) / run;
    let expected = 1e9 / (parts + setup.submit_job + calls + 2.0 * LOCK);
    close("jobs a second of one worker", outcome.rate, expected);
}

/// A device with a limit is as fast as that, if there are workers enough.
pub(crate) fn a_device_has_its_limit() {
    let setup = Setup { iops: Some(100_000.0), ..Setup::chained(16, 5_000.0) };
    close("reads of a device with a limit", Simulation::run(setup).rate, 100_000.0);
}

/// The same setup gives the same numbers.
pub(crate) fn it_repeats_itself() {
    let rate = || Simulation::run(Setup::outside(8, 2, 0.0)).rate;
    assert!(rate().to_bits() == rate().to_bits(), "two runs differ");
}

fn close(what: &str, measured: f64, expected: f64) {
    let ratio = measured / expected;
    assert!((0.98..1.02).contains(&ratio), "{what}: {measured}, not {expected}");
}
