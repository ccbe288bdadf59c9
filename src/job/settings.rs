//! Settings: changes that a user may make to a job before it is submitted.

use std::time::Duration;

use crate::job::Job;
use crate::job::meta::JobDeadline;
use crate::sync::Instant;

impl<R: 'static> Job<R> {
    /// Makes a plain read or write ask for no more than `bytes`, from the front of its buffer. With
    /// a large recycled buffer, a small read then costs no more than with a small one.
    ///
    /// Has no effect on other operations, nor on a [range](Self::read_range), which has its length
    /// already.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let job = Job::read(file, vec![0; 4096], 0, |done| done.buffer).limit(9);
    /// assert_eq!(job.requested(), 9);
    /// assert_eq!(dispatcher.spawn(job)?.join()?, b"[package]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.task.limit(bytes);
        self
    }

    /// Makes a read or write transfer everything that it asks for, or end with the reason why not.
    /// Has no effect on other operations.
    ///
    /// Linux may transfer less than it was asked for: read(2) and write(2) say when. A worker then
    /// submits the rest of an exact job, in the job's slot, and the callback runs when everything
    /// is done. A request for more than 0x7ffff000 bytes takes several such rounds.
    ///
    /// If the job ends before everything is done, [`Completion::transferred`] counts the bytes that
    /// are, and a read's buffer has them. On a direct file each round begins at a multiple of the
    /// file's [alignment](crate::FileHandle::alignment), counted from where the job began, so some
    /// bytes may be read or written twice.
    ///
    /// # Errors
    ///
    /// The callback then gets, as [`Completion::result`], an error
    ///
    /// - of the kind [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if the file ends before;
    /// - of the kind [`WriteZero`](std::io::ErrorKind::WriteZero) if the kernel writes no more and
    ///   gives no reason;
    /// - of the kernel, such as `ENOSPC`, `EIO`, or `EAGAIN` of a pipe that has no more;
    /// - of another kind if a direct file is open for appending and the kernel stopped at a count
    ///   that is not aligned. No direct write may begin there, and to append the bytes before once
    ///   more would double them.
    ///
    /// [`Completion::transferred`]: crate::Completion::transferred
    /// [`Completion::result`]: crate::Completion::result
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use std::io::ErrorKind;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = File::open("Cargo.toml")?;
    /// let size = file.metadata()?.len();
    /// let job = Job::read(file, vec![0; 1 << 16], 0, |done| done).exact();
    /// let done = dispatcher.spawn(job)?.join()?;
    /// assert_eq!(done.result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    /// assert_eq!((done.transferred as u64, done.buffer.len() as u64), (size, size));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exact(mut self) -> Self {
        self.task.exact();
        self
    }

    /// Ends the job if it has not started by `deadline`. Its callback then runs with an error of
    /// the kind [`TimedOut`](std::io::ErrorKind::TimedOut) (`ETIMEDOUT`), and gets file and buffer
    /// back.
    ///
    /// A job that has started is not ended by this. Reads, writes and syncs that have been
    /// submitted to the kernel go on, as they can't be [cancelled](crate::JobHandle::cancel). A
    /// [poll](Self::poll) counts as started when its event has come.
    ///
    /// A job that waits for a slot, in the backlog or parked, a job that waits for a blocking
    /// thread, as writes through the page cache do, and a poll that waits for its event end at the
    /// deadline, as soon as a worker is free. A job whose deadline has passed already is accepted
    /// all the same, and ends like this.
    ///
    /// An [exact](Self::exact) job that has started submits nothing more after its deadline.
    /// [`Completion::transferred`](crate::Completion::transferred) then counts the bytes that were
    /// done. A device may fail with the same error for reasons of its own;
    /// [`Stats::timed_out`](crate::Stats::timed_out) counts the jobs that a deadline has ended.
    ///
    /// Has no effect on [`nop`](Self::nop) and [`blocking`](Self::blocking), whose callbacks take
    /// no result. Of several calls of this and of [`start_within`](Self::start_within) the last
    /// counts.
    ///
    /// Deadlines need no thread of their own: idle workers watch them, and watching costs nothing
    /// when no job has one.
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
    /// let late = Job::read(file, vec![0; 512], 0, |done| done).start_by(Instant::now());
    /// let done = dispatcher.spawn(late)?.join()?;
    /// assert_eq!(done.result.unwrap_err().kind(), ErrorKind::TimedOut);
    /// assert_eq!(done.buffer.len(), 512);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_by(mut self, deadline: Instant) -> Self {
        self.task.head_mut().set_deadline(JobDeadline::By(deadline));
        self
    }

    /// Ends the job if it has not started within `limit` after the dispatcher has accepted it; see
    /// [`start_by`](Self::start_by). A job that has started is not ended by this.
    ///
    /// The time that a caller waits for room before the acceptance doesn't count;
    /// [`submit_timeout`](crate::Submitter::submit_timeout) limits it. A limit of more than 2^64
    /// nanoseconds, about 584 years, is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let job = Job::read(file, vec![0; 9], 0, |done| done.buffer);
    /// let job = job.start_within(Duration::from_secs(60));
    /// assert_eq!(dispatcher.spawn(job)?.join()?, b"[package]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.task.head_mut().set_deadline(JobDeadline::within(limit));
        self
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
        let mut job = read().start_within(limit);
        assert_eq!(job.meta().deadline(), None);
        let before = Instant::now();
        job.meta_mut().start_clock();
        let deadline = job.meta().deadline().unwrap();
        assert!((before + limit..=Instant::now() + limit).contains(&deadline));
        // It may be refused by one dispatcher, and accepted by another.
        job.meta_mut().start_clock();
        assert_eq!(job.meta().deadline(), Some(deadline));
        assert!(!job.meta().is_overdue());
    }

    #[test]
    fn the_last_word_counts_and_some_are_for_ever() {
        let now = Instant::now();
        let mut job = read().start_within(Duration::ZERO).start_by(now);
        job.meta_mut().start_clock();
        assert_eq!(job.meta().deadline(), Some(now));
        assert!(job.meta().is_overdue());
        for limit in [Duration::MAX, Duration::from_nanos(u64::MAX), Duration::from_secs(u64::MAX)]
        {
            let mut job = read().start_by(now).start_within(limit);
            job.meta_mut().start_clock();
            assert!(!job.meta().is_overdue());
        }
        let mut nop = Job::nop(|| ()).start_by(now);
        nop.meta_mut().start_clock();
        assert!(!nop.meta().is_overdue());
        assert!(!Job::blocking(|| (), |()| ()).start_by(now).meta().is_overdue());
    }
}
