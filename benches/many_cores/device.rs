//! The device, with the kernel's ring: requests take a while, and no more than so many a second.

use std::collections::VecDeque;

use crate::shared::Job;

pub(crate) struct Device {
    latency: f64,
    /// From the beginning of a request to that of the next.
    interval: f64,
    /// When the next request can begin.
    free_at: f64,
    random: u64,
    pub(crate) in_flight: usize,
    pub(crate) ready: VecDeque<Job>,
    /// The reaper sleeps until this many are ready.
    pub(crate) wanted: Option<usize>,
    /// The time that requests have spent here, all together.
    pub(crate) spent: f64,
}

impl Device {
    pub(crate) fn new(latency: f64, iops: Option<f64>) -> Self {
        let interval = iops.map_or(0.0, |iops| 1e9 / iops);
        let (ready, random) = (VecDeque::new(), 1);
        let (free_at, in_flight, wanted, spent) = (0.0, 0, None, 0.0);
        Self { latency, interval, free_at, random, in_flight, ready, wanted, spent }
    }

    /// Takes a request, and says when it completes. Latencies differ by a quarter both ways.
    pub(crate) fn begin(&mut self, now: f64) -> f64 {
        self.in_flight += 1;
        let start = self.free_at.max(now);
        self.free_at = start + self.interval;
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let part = (self.random >> 33) as f64 / (1_u64 << 31) as f64;
        let end = start + self.latency * (0.75 + 0.5 * part);
        self.spent += end - now;
        end
    }

    /// A request has completed. True if the reaper is to be woken.
    pub(crate) fn complete(&mut self, job: Job) -> bool {
        self.in_flight -= 1;
        self.ready.push_back(job);
        let enough = self.wanted.is_some_and(|wanted| self.ready.len() >= wanted);
        if enough {
            self.wanted = None;
        }
        enough
    }
}
