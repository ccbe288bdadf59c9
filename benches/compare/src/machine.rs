//! The machine that the figures are from.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// Facts that a reader needs to judge the figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    /// The crate's revision, as git describes it.
    pub(crate) revision: String,
    pub(crate) date: String,
    pub(crate) arguments: Vec<String>,
}

impl Machine {
    pub(crate) fn this(arguments: &[String]) -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name"));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let described = ["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"];
        Self {
            cpu: model.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':'])).into(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            kernel: kernel.trim().into(),
            rustc: output(Command::new("rustc").arg("--version")),
            revision: output(Command::new("git").args(described)),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            arguments: arguments.to_vec(),
        }
    }
}

fn output(command: &mut Command) -> String {
    match command.output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().into()
        }
        _ => "unknown".into(),
    }
}
