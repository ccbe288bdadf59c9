//! Has valgrind count the instructions of this program's ways, and compares them with a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// How many jobs a process runs: multiples of the depth and of the number of files.
pub(crate) const FEW: u64 = 3_200;
const MANY: u64 = 16_000;

/// Threads take turns differently each time, so the median of some runs counts.
const RUNS: usize = 3;

/// The threads of a way, which take turns.
#[derive(Clone, Copy)]
pub(crate) enum Threads {
    One,
    /// The caller, the reaper and the workers.
    Several,
    /// Blocking threads besides, which are started as they are needed.
    Blocking,
}

impl Threads {
    /// How many times as many instructions as recorded a way may take. Those of one thread are the
    /// same in each run. Those of several differed by 2 % from run to run, and with blocking
    /// threads by 6 %, as a busy machine wakes them in another order.
    fn growth(self) -> f64 {
        match self {
            Self::One => 1.02,
            Self::Several => 1.04,
            Self::Blocking => 1.1,
        }
    }
}

/// How often a way that takes more is counted before that is believed.
const TRIES: usize = 3;

/// What is done with the table.
pub(crate) enum Table {
    Print,
    Save(PathBuf),
    Check(PathBuf),
}

/// Counts the instructions a job of each way, whose names are those of `--perform`.
pub(crate) fn count(ways: &[(&str, Threads)], table: &Table) -> ExitCode {
    let counts: Vec<_> = ways.iter().map(|(way, _)| a_job(way)).collect();
    let (tools, raw) = (tools(), counts[0]);
    let mut text = format!("{tools}\n\n| way | instructions a job | beyond the raw loop's |\n");
    text += "|---|---:|---:|\n";
    for ((way, _), count) in ways.iter().zip(&counts) {
        text += &format!("| {way} | {count:.0} | {:.0} |\n", count - raw);
    }
    println!("{text}");
    match table {
        Table::Print => ExitCode::SUCCESS,
        Table::Save(path) => {
            fs::write(path, text).unwrap();
            ExitCode::SUCCESS
        }
        Table::Check(path) => check(path, &tools, ways, &counts),
    }
}

/// What the counts depend on besides the code.
fn tools() -> String {
    ["rustc", "valgrind"].map(|program| output(Command::new(program).arg("--version"))).join(", ")
}

fn check(path: &Path, tools: &str, ways: &[(&str, Threads)], counts: &[f64]) -> ExitCode {
    let recorded = fs::read_to_string(path).unwrap();
    if recorded.lines().next() != Some(tools) {
        println!("not compared: {} is of another compiler or valgrind", path.display());
        return ExitCode::SUCCESS;
    }
    let mut code = ExitCode::SUCCESS;
    for (&(way, threads), &count) in ways.iter().zip(counts) {
        let row = recorded.lines().find_map(|line| line.strip_prefix(&format!("| {way} | ")));
        let before = row.and_then(|row| row.split(' ').next()?.parse::<f64>().ok());
        let before = before.unwrap_or_else(|| panic!("{} has no row {way}", path.display()));
        let again = std::iter::repeat_with(|| a_job(way)).take(TRIES - 1);
        let exceeds = |count| count > before * threads.growth();
        if std::iter::once(count).chain(again).all(exceeds) {
            println!("{way}: {count:.0} instructions a job, and {before:.0} are recorded");
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// The instructions that a job takes.
fn a_job(way: &str) -> f64 {
    let mut counts: Vec<_> =
        (0..RUNS).map(|_| (run(way, MANY) - run(way, FEW)) as f64 / (MANY - FEW) as f64).collect();
    counts.sort_by(f64::total_cmp);
    counts[RUNS / 2]
}

/// The instructions of a process that runs so many jobs.
fn run(way: &str, jobs: u64) -> i64 {
    let directory = tempfile::TempDir::new().unwrap();
    let counted = directory.path().join("counted");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--tool=callgrind", "--fair-sched=yes"])
        .arg(format!("--callgrind-out-file={}", counted.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--perform", way, &jobs.to_string()]);
    output(&mut valgrind);
    let counted = fs::read_to_string(counted).unwrap();
    let total = counted.lines().find_map(|line| line.strip_prefix("totals: "));
    total.expect("callgrind tells the total").parse().unwrap()
}

/// What a command prints, without the line feed at its end. What it says besides is shown if it
/// fails: valgrind warns of each system call that it doesn't know.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
