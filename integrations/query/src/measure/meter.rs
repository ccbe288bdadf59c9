//! What this process has used.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// What one part of a turn took.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Part {
    pub(crate) seconds: f64,
    pub(crate) user_seconds: f64,
    pub(crate) system_seconds: f64,
    /// What the device was asked for, for the page cache or past it.
    pub(crate) device_bytes: u64,
}

impl Part {
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }
}

pub(crate) struct Meter {
    began: Instant,
    user: Duration,
    system: Duration,
    device_bytes: u64,
}

impl Meter {
    pub(crate) fn start() -> Result<Self> {
        let (user, system) = cpu()?;
        let device_bytes = value_in("/proc/self/io", "read_bytes:")?;
        Ok(Self { began: Instant::now(), user, system, device_bytes })
    }

    /// What has been used since the start.
    pub(crate) fn read(&self) -> Result<Part> {
        let seconds = self.began.elapsed().as_secs_f64();
        let now = Self::start()?;
        Ok(Part {
            seconds,
            user_seconds: (now.user - self.user).as_secs_f64(),
            system_seconds: (now.system - self.system).as_secs_f64(),
            device_bytes: now.device_bytes - self.device_bytes,
        })
    }
}

/// The most memory that this process has had at a time. The kernel counts it anew from the start
/// of a program, unlike getrusage's, which is at least that of the program before.
pub(crate) fn peak_kib() -> Result<u64> {
    value_in("/proc/self/status", "VmHWM:")
}

fn cpu() -> Result<(Duration, Duration)> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(Failure::failed)?;
    let duration = |time: TimeVal| {
        Duration::from_micros(time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64)
    };
    Ok((duration(usage.user_time()), duration(usage.system_time())))
}

/// The number in the line that begins so.
fn value_in(path: &str, start: &str) -> Result<u64> {
    let text = fs::read_to_string(path).map_err(|error| Failure::at(path.as_ref(), error))?;
    let line = text.lines().find_map(|line| line.strip_prefix(start));
    let value = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    value.ok_or_else(|| Failure::at(path.as_ref(), format_args!("has no {start}")))
}
