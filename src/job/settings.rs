//! What a user may set of a job before it is submitted.

use std::time::Duration;

use super::Job;
use super::deadline::JobDeadline;

use crate::sync::Instant;

impl<R: 'static> Job<R> {
    /// Gives the job up if it is not under way at this moment: its callback then runs with an error of
    /// the kind [`TimedOut`](std::io::ErrorKind::TimedOut) (`ETIMEDOUT`), and gets file and buffer back.
    ///
    /// As long as the job waits for a slot, in the backlog or parked, this is done when its time has
    /// come, as soon as a worker is free. A [poll](Self::poll) is given up then too. What waits for a
    /// thread for what blocks, as writes through the page cache do, hears of it when there is one. A
    /// job that is late already is accepted all the same, and ends like this.
    ///
    /// Reads, writes and syncs that have been submitted to the kernel go on, as they can't be
    /// [cancelled](crate::JobHandle::cancel). But of an [exact](Self::exact) job nothing more is submitted
    /// then, and [`Completion::transferred`](crate::Completion::transferred) has what was done. A
    /// device may fail with the same error for reasons of its own;
    /// [`Stats::timed_out`](crate::Stats::timed_out) counts what was given up.
    ///
    /// Has no effect on [`nop`](Self::nop) and [`blocking`](Self::blocking), whose callbacks are not
    /// given a result. Of several calls of this and of [`timeout`](Self::timeout) the last counts.
    ///
    /// No thread is needed for it: idle workers mind the time, and cost nothing where there is none to
    /// mind.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use std::time::Instant;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let late = Job::read(file, vec![0; 512], 0, |done| done).deadline(Instant::now());
    /// let done = dispatcher.spawn(late)?.join()?;
    /// assert_eq!(done.result.unwrap_err().kind(), ErrorKind::TimedOut);
    /// assert_eq!(done.buffer.len(), 512);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.due = JobDeadline::At(deadline).of(self.operation());
        self
    }

    /// As [`deadline`](Self::deadline), so long after the dispatcher has accepted the job. The time
    /// that a caller waits for room before that doesn't count;
    /// [`submit_timeout`](crate::Submitter::submit_timeout) limits it.
    ///
    /// More than about 584 years, which is 2^64 nanoseconds, are for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let job = Job::read(file, vec![0; 9], 0, |done| done.buffer).timeout(Duration::from_secs(60));
    /// assert_eq!(dispatcher.spawn(job)?.join()?, b"[package]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.due = JobDeadline::after(limit).of(self.operation());
        self
    }

    /// Begins to count the time of a job that is being accepted.
    pub(crate) fn start_clock(&mut self) {
        if let JobDeadline::After(nanos) = self.due {
            let deadline = Instant::now().checked_add(Duration::from_nanos(nanos));
            self.due = deadline.map_or(JobDeadline::Never, JobDeadline::At);
        }
    }

    /// The deadline of a job that has been accepted.
    pub(crate) fn deadline_set(&self) -> Option<Instant> {
        match self.due {
            JobDeadline::At(deadline) => Some(deadline),
            JobDeadline::Never | JobDeadline::After(_) => None,
        }
    }

    pub(crate) fn is_overdue(&self) -> bool {
        self.deadline_set().is_some_and(|deadline| deadline <= Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::job::Job;
    use crate::sync::Instant;

    fn read() -> Job {
        Job::read(std::fs::File::open("/dev/null").unwrap(), Vec::new(), 0, |_| ())
    }

    #[test]
    fn the_time_begins_when_a_job_is_accepted() {
        let limit = Duration::from_secs(1000);
        let mut job = read().timeout(limit);
        assert_eq!(job.deadline_set(), None);
        let before = Instant::now();
        job.start_clock();
        let deadline = job.deadline_set().unwrap();
        assert!((before + limit..=Instant::now() + limit).contains(&deadline));
        // It may be refused by one dispatcher, and accepted by another.
        job.start_clock();
        assert_eq!(job.deadline_set(), Some(deadline));
        assert!(!job.is_overdue());
    }

    #[test]
    fn the_last_word_counts_and_some_are_for_ever() {
        let now = Instant::now();
        let mut job = read().timeout(Duration::ZERO).deadline(now);
        job.start_clock();
        assert_eq!(job.deadline_set(), Some(now));
        assert!(job.is_overdue());
        for limit in [Duration::MAX, Duration::from_nanos(u64::MAX), Duration::from_secs(u64::MAX)]
        {
            let mut job = read().deadline(now).timeout(limit);
            job.start_clock();
            assert!(!job.is_overdue());
        }
        let mut nop = Job::nop(|| ()).deadline(now);
        nop.start_clock();
        assert!(!nop.is_overdue());
        assert!(!Job::blocking(|| (), |()| ()).deadline(now).is_overdue());
    }
}
