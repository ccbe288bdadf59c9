//! The tables, as Markdown.

use crate::checks;
use crate::outcome::Outcome;
use crate::setup::{Booking, JobsSeen, Setup};
use crate::simulation::Simulation;

const WORKERS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
const SUBMITTERS: [usize; 5] = [1, 2, 4, 8, 16];
/// Of a callback, in microseconds.
const CALLBACKS: [u32; 4] = [0, 5, 20, 100];

pub(crate) fn simulate(setup: Setup) -> Outcome {
    let outcome = Simulation::run(setup);
    checks::of_each(&outcome);
    outcome
}

pub(crate) fn micros(callback: u32) -> f64 {
    f64::from(callback) * 1000.0
}

/// A table's head: names of columns.
pub(crate) fn head(first: &str, columns: impl Iterator<Item = String>) -> String {
    let columns: Vec<_> = columns.collect();
    format!("| {first} | {} |\n|---|{}\n", columns.join(" | "), "---:|".repeat(columns.len()))
}

/// Thousands of jobs a second, and in percent the parts of the time that the lock was held and that
/// the reaper was awake.
fn cell(outcome: &Outcome) -> String {
    let Outcome { rate, lock, reaper, .. } = outcome;
    format!("{:.0}; {:.0}, {:.0}", rate / 1000.0, 100.0 * lock, 100.0 * reaper)
}

fn grid(first: &str, rows: &[usize], setup: impl Fn(usize, f64) -> Setup) -> String {
    let mut text = head(first, CALLBACKS.iter().map(|callback| format!("{callback} us")));
    for &row in rows {
        let cells = CALLBACKS.map(|callback| cell(&simulate(setup(row, micros(callback)))));
        text += &format!("| {row} | {} |\n", cells.join(" | "));
    }
    text
}

/// Jobs a second by workers, in chains.
pub(crate) fn chained() -> String {
    grid("workers", &WORKERS, Setup::chained)
}

/// Jobs a second by threads that submit.
pub(crate) fn outside() -> String {
    grid("submitters", &SUBMITTERS, |submitters, callback| Setup::outside(64, submitters, callback))
}

/// Where the time of workers goes.
pub(crate) fn time() -> String {
    let columns = [
        "callbacks",
        "io_submit",
        "waiting for the lock",
        "asleep",
        "the rest",
        "lock taken a job",
        "slept for it a job",
    ];
    let mut text = head("workers, callback", columns.into_iter().map(String::from));
    for (workers, callback) in [(2, 0), (64, 0), (16, 5), (64, 5), (64, 20), (64, 100)] {
        let outcome = simulate(Setup::chained(workers, micros(callback)));
        let Outcome { callbacks, in_submit, waiting, asleep, .. } = outcome;
        let rest = 1.0 - callbacks - in_submit - waiting - asleep;
        text += &format!("| {workers}, {callback} us |");
        for part in [callbacks, in_submit, waiting, asleep, rest] {
            text += &format!(" {:.0} % |", 100.0 * part);
        }
        text += &format!(" {:.2} | {:.2} |\n", outcome.taken, outcome.slept_for_lock);
    }
    text
}

/// The most jobs a second of all numbers of workers, and that number; jobs a second with the
/// highest number; the parts of the lock's and the reaper's time for the most. Several dispatchers
/// share the workers and nothing else.
fn most(dispatchers: usize, setup: impl Fn(usize) -> Setup) -> String {
    let workers = WORKERS.iter().filter(|&&workers| workers >= dispatchers);
    let outcomes: Vec<_> =
        workers.map(|&workers| (workers, simulate(setup(workers / dispatchers)))).collect();
    let rate = |outcome: &Outcome| outcome.rate * dispatchers as f64 / 1000.0;
    let (_, last) = outcomes.last().expect("there are numbers of workers");
    let best = outcomes.iter().max_by(|one, other| one.1.rate.total_cmp(&other.1.rate));
    let (workers, best) = best.unwrap();
    format!(
        "{:.0} ({workers}), {:.0}; {:.0}, {:.0}",
        rate(best),
        rate(last),
        100.0 * best.lock,
        100.0 * best.reaper
    )
}

/// A line of the table of variants: its name, how many dispatchers, and the change of a setup.
type Variant = (&'static str, usize, fn(Setup) -> Setup);

const VARIANTS: [Variant; 14] = [
    ("one dispatcher", 1, |setup| setup),
    ("a cache line takes 50 ns", 1, |setup| Setup { line: 50.0, ..setup }),
    ("... 100 ns", 1, |setup| Setup { line: 100.0, ..setup }),
    ("depth 128, as by default", 1, |setup| Setup { depth: 128, ..setup }),
    ("two reapers", 1, |setup| Setup { reapers: 2, ..setup }),
    ("threads spin for the lock for 10 us", 1, |setup| Setup { spin: 10_000.0, ..setup }),
    ("slots are filled without a look at the jobs", 1, unseen),
    ("jobs of a run are finished together", 1, finish_together),
    ("... and parked together", 1, all_together),
    ("... and two reapers", 1, |setup| Setup { reapers: 2, ..all_together(setup) }),
    ("... filled without a look instead", 1, |setup| unseen(all_together(setup))),
    ("two dispatchers", 2, |setup| setup),
    ("four dispatchers", 4, |setup| setup),
    ("four, finished and parked together", 4, all_together),
];

fn finish_together(setup: Setup) -> Setup {
    Setup { booking: Booking::FinishTogether, ..setup }
}

fn unseen(setup: Setup) -> Setup {
    Setup { jobs_seen: JobsSeen::Later, ..setup }
}

fn all_together(setup: Setup) -> Setup {
    Setup { booking: Booking::AllTogether, ..setup }
}

/// Where one dispatcher ends, and what moves that.
pub(crate) fn limits() -> String {
    let mut text = head("variant", CALLBACKS.iter().map(|callback| format!("{callback} us")));
    for (name, dispatchers, change) in VARIANTS {
        let cells = CALLBACKS.map(|callback| {
            most(dispatchers, |workers| change(Setup::chained(workers, micros(callback))))
        });
        text += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    text
}

/// Chains on the null device, which can be measured on two cores.
pub(crate) fn null_device() -> String {
    let mut text = head("workers", ["0 us", "5 us"].into_iter().map(String::from));
    for workers in [1, 2] {
        let cells = [0, 5].map(|callback| cell(&simulate(Setup::null(workers, micros(callback)))));
        text += &format!("| {workers} | {} |\n", cells.join(" | "));
    }
    text
}
