//! What the threads of a dispatcher share: the books, the channel, the device, and who sleeps.

use std::collections::VecDeque;

use crate::device::Device;
use crate::lock::ThreadId;
use crate::parameters::{LONGEST, NO_TIME, QUICK, WEIGHT, WORTH_A_WAKE_UP};
use crate::setup::Setup;

#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) number: usize,
    /// The thread outside that submitted it.
    pub(crate) owner: Option<ThreadId>,
    pub(crate) accepted: f64,
}

pub(crate) struct Shared {
    pub(crate) setup: Setup,
    pub(crate) now: f64,
    /// The books.
    pub(crate) waiting: VecDeque<Job>,
    pub(crate) free_slots: usize,
    pub(crate) filler_coming: bool,
    pub(crate) watched: bool,
    pub(crate) refills: u64,
    pub(crate) started: usize,
    pub(crate) finished: Vec<bool>,
    pub(crate) ended: usize,
    /// When each job ended, in order, and the times that all were outstanding.
    pub(crate) ends: Vec<f64>,
    pub(crate) outstanding_time: f64,
    /// The channel, and the device.
    pub(crate) channel: VecDeque<Job>,
    pub(crate) device: Device,
    /// The workers that sleep, and how many have been woken and have not come.
    pub(crate) idle: Vec<ThreadId>,
    pub(crate) coming: usize,
    /// The average of a callback's time.
    pub(crate) pace: f64,
    /// Threads that the running thread wakes.
    pub(crate) woken: Vec<ThreadId>,
    /// Requests that the kernel has taken, when each completes.
    pub(crate) begun: Vec<(f64, Job)>,
    /// Jobs that ended, of each thread outside, that have not come back to it; and those that sleep
    /// until half of theirs have.
    pub(crate) returned: Vec<usize>,
    pub(crate) submitter_sleeps: Vec<bool>,
    /// The time of workers in callbacks, and in io_submit.
    pub(crate) in_callbacks: f64,
    pub(crate) in_submit: f64,
}

impl Shared {
    pub(crate) fn new(setup: Setup) -> Self {
        let threads = setup.workers + setup.submitters + 1;
        Self {
            now: 0.0,
            waiting: VecDeque::new(),
            free_slots: setup.depth,
            filler_coming: false,
            watched: false,
            refills: 0,
            started: 0,
            finished: vec![false; setup.jobs],
            ended: 0,
            ends: Vec::with_capacity(setup.jobs),
            outstanding_time: 0.0,
            channel: VecDeque::new(),
            device: Device::new(setup.latency, setup.iops),
            idle: Vec::new(),
            coming: 0,
            pace: 2.0 * QUICK,
            woken: Vec::new(),
            begun: Vec::new(),
            returned: vec![0; threads],
            submitter_sleeps: vec![false; threads],
            in_callbacks: 0.0,
            in_submit: 0.0,
            setup,
        }
    }

    /// Accepts the next job, unless all have been.
    pub(crate) fn accept(&mut self, owner: Option<ThreadId>) -> bool {
        if self.started == self.setup.jobs {
            return false;
        }
        self.waiting.push_back(Job { number: self.started, owner, accepted: self.now });
        self.started += 1;
        true
    }

    /// Moves waiting jobs into free slots.
    pub(crate) fn fill(&mut self) -> Vec<Job> {
        let count = self.free_slots.min(self.waiting.len());
        self.free_slots -= count;
        self.waiting.drain(..count).collect()
    }

    /// Ends a job, and frees its slot. Each job ends once.
    pub(crate) fn finish(&mut self, job: Job) {
        assert!(!std::mem::replace(&mut self.finished[job.number], true), "a job ended twice");
        self.free_slots += 1;
        self.ended += 1;
        self.ends.push(self.now);
        self.outstanding_time += self.now - job.accepted;
        if let Some(owner) = job.owner {
            self.returned[owner] += 1;
            if self.submitter_sleeps[owner] && self.returned[owner] >= self.setup.own().div_ceil(2)
            {
                self.submitter_sleeps[owner] = false;
                self.woken.push(owner);
            }
        }
    }

    /// Gives a batch to the kernel.
    pub(crate) fn submit(&mut self, batch: Vec<Job>) {
        for job in batch {
            let end = self.device.begin(self.now);
            self.begun.push((end, job));
        }
    }

    pub(crate) fn can_fill(&self) -> bool {
        self.free_slots > 0 && !self.waiting.is_empty()
    }

    /// Whether slots that are free are filled at once, and not at the end of the run
    /// (`when_to_fill`).
    pub(crate) fn fills_now(&self) -> bool {
        self.can_fill() && self.may_fill_now()
    }

    /// The same, if there are free slots and jobs for them.
    pub(crate) fn may_fill_now(&self) -> bool {
        let is_left_to_run = self.watched && self.is_quick();
        !self.idle.is_empty() && !is_left_to_run
    }

    pub(crate) fn wake_filler(&mut self) {
        if self.can_fill() && !self.filler_coming && !self.idle.is_empty() {
            self.filler_coming = true;
            self.wake(1);
        }
    }

    /// Wakes this many workers, or all that are idle: the one that fell asleep last comes first.
    pub(crate) fn wake(&mut self, count: usize) {
        let first = self.idle.len().saturating_sub(count);
        self.coming += self.idle.len() - first;
        self.woken.extend(self.idle.drain(first..).rev());
    }

    pub(crate) fn awake(&self) -> usize {
        self.setup.workers - self.idle.len()
    }

    pub(crate) fn unclaimed(&self) -> usize {
        self.channel.len().saturating_sub(self.coming)
    }

    /// How many more workers should be awake, if callbacks are quick.
    pub(crate) fn missing(&self) -> usize {
        let waiting = self.channel.len();
        let wanted = (waiting as f64 * self.pace / WORTH_A_WAKE_UP).ceil().max(1.0) as usize;
        wanted.saturating_sub(self.awake()).min(waiting)
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.pace < QUICK
    }

    pub(crate) fn record(&mut self, time: f64, callbacks: usize) {
        let sample = (time / callbacks.max(1) as f64).min(LONGEST);
        self.pace += (sample - self.pace) / WEIGHT;
    }

    /// After how many callbacks a worker fills slots (`run_limit`).
    pub(crate) fn run_limit(&self) -> usize {
        let (depth, awake) = (self.setup.depth, self.awake().max(1));
        let in_no_time = (NO_TIME / self.pace.max(1.0)) as usize;
        in_no_time.min(depth / (2 * awake)).max(depth / (4 * awake)).max(1)
    }
}
