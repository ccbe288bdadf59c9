//! Starts the program, and reads what it prints.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Output};

use tempfile::TempDir;

pub(crate) struct Printed {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Printed {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let Output { status, stdout, stderr } = output;
        Self { status, stdout: text(stdout), stderr: text(stderr) }
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
        self
    }

    /// The numbers in all lines with this text, in their order.
    #[track_caller]
    pub(crate) fn counts(&self, text: &str) -> Vec<Counts> {
        let lines = self.stderr.lines().filter_map(|line| line.split_once(text));
        lines.map(|(_, counts)| Counts::of(counts)).collect()
    }
}

/// What the store says about its reads.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) device_reads: u64,
    pub(crate) device_bytes: u64,
    pub(crate) cached_bytes: u64,
    pub(crate) left: u64,
}

impl Counts {
    #[track_caller]
    fn of(text: &str) -> Self {
        let numbers = text.split(|character: char| !character.is_ascii_digit());
        let numbers: Vec<u64> = numbers.filter_map(|number| number.parse().ok()).collect();
        let [device_reads, device_bytes, _, _, cached_bytes, left] = numbers[..] else {
            panic!("{text}");
        };
        Self { device_reads, device_bytes, cached_bytes, left }
    }
}

pub(crate) fn query(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_query"));
    command.args(arguments);
    command
}

pub(crate) fn run(arguments: &[&str]) -> Printed {
    Printed::of(query(arguments).output().unwrap())
}

/// On the disk: what is in memory is left to LocalFileSystem.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Three files with 30,000 rows together.
pub(crate) fn generate(directory: &Path, format: &str) {
    let directory = directory.to_str().unwrap();
    let settings = ["--rows", "30000", "--files", "3", "--format", format, directory];
    run(&[&["generate"], &settings[..]].concat()).succeeded();
}

/// Says that a test is not done here, and why.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED: {why}");
    assert!(std::env::var_os("REAPOOL_NO_SKIP").is_none(), "may not be skipped here: {why}");
}

pub(crate) fn table(path: &Path) -> String {
    format!("t={}", path.display())
}
