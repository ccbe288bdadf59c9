//! On what it was measured.

use std::fmt;
use std::fs;

use nix::sys::sysinfo::sysinfo;
use serde::Serialize;

use crate::context::processors;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    memory_gib: u64,
    kernel: String,
    /// The load of the last minute when the measuring began.
    load: f64,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let processors_text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors_text.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(':')).map_or("", |(_, name)| name.trim());
        let system = sysinfo().ok();
        Self {
            processor: model.into(),
            processors: processors(),
            memory_gib: system.map_or(0, |system| system.ram_total() >> 30),
            kernel: kernel.trim().into(),
            load: system.map_or(0.0, |system| system.load_average().0),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, processors, memory_gib, kernel, load } = self;
        write!(f, "{processors} x {processor}, {memory_gib} GiB, Linux {kernel}, load {load:.1}")
    }
}
