//! The progress of a job: the bytes that are done, the bytes that the kernel has, and the meaning
//! of its answer.

use std::io;

use crate::engine::decode;
use crate::engine::operation::Operation;

/// The state of a transfer that may take the kernel several requests.
///
/// ```text
/// 0 ........ begin ....... done ....... whole
///            |-- the kernel has this --|
///      |------ the user asked for this ----|
///     skip                          skip + requested
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// The number of bytes that are to be transferred. The file may end before.
    whole: usize,
    /// Bytes at the front that the user did not ask for.
    skip: usize,
    /// Bytes after those that the user asked for. Bytes behind them are transferred too, but are
    /// not missed.
    requested: usize,
    /// Bytes at the front that are done.
    done: usize,
    /// The beginning of the request that the kernel has: at `done`, or before it, for alignment.
    begin: usize,
    /// Whether the job goes on until all requested bytes are transferred, or ends with the reason
    /// why not.
    exact: bool,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobEnd {
    /// The kernel's last answer, as it encodes it.
    pub(crate) res: i64,
    /// Bytes at the front that are there, requested or not.
    pub(crate) filled: usize,
    /// Bytes among these that the user asked for.
    pub(crate) transferred: usize,
    pub(crate) fault: Option<Fault>,
}

/// Why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The kernel's last answer is an error.
    Kernel,
    /// The file ended before an exact read did.
    EndOfFile,
    /// The kernel wrote no more, and gave no reason.
    NoProgress,
    /// The rest of a write could only be appended at a place where no direct write may begin.
    Unaligned,
}

impl Progress {
    /// Of a job that asks for nothing.
    pub(crate) const fn new() -> Self {
        Self { whole: 0, skip: 0, requested: 0, done: 0, begin: 0, exact: false }
    }

    /// Makes it the progress of a user who asked for so many bytes.
    pub(crate) fn request(&mut self, bytes: usize) {
        (self.whole, self.requested) = (bytes, bytes);
    }

    /// Makes it the progress of a user who asked for a part of the bytes.
    pub(crate) fn select(&mut self, skip: usize, requested: usize) {
        (self.skip, self.requested) = (skip, requested);
    }

    /// Makes the job ask for no more than `bytes`.
    pub(crate) fn limit(&mut self, bytes: usize) {
        self.requested = self.requested.min(bytes);
        self.whole = self.requested;
    }

    pub(crate) fn make_exact(&mut self) {
        self.exact = true;
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    pub(crate) fn requested(&self) -> usize {
        self.requested
    }

    pub(crate) fn done(&self) -> usize {
        self.done
    }

    pub(crate) fn begin(&self) -> usize {
        self.begin
    }

    pub(crate) fn whole(&self) -> usize {
        self.whole
    }

    /// Records that the first `done` bytes are done, and that the next request begins after the
    /// first `begin`.
    pub(crate) fn advance(&mut self, done: usize, begin: usize) {
        assert!(begin <= done && done <= self.whole, "no more is done than was asked for");
        (self.done, self.begin) = (done, begin);
    }

    /// The file offset of the first requested byte, if `offset` is that of the request that the
    /// kernel has.
    pub(crate) fn start_of(&self, offset: u64) -> u64 {
        offset.wrapping_sub(self.begin as u64).wrapping_add(self.skip as u64)
    }

    /// How many bytes the request asks for that the kernel has or is to get.
    pub(crate) fn rest(&self) -> usize {
        self.whole - self.begin
    }

    /// How many of the first `filled` bytes the user asked for.
    fn requested_among(&self, filled: usize) -> usize {
        filled.saturating_sub(self.skip).min(self.requested)
    }

    /// How many bytes are done after this answer, if the kernel is to be asked for the rest: the
    /// job is exact, requested bytes are missing, and the answer brought more than there was.
    pub(crate) fn done_before_rest(&self, res: i64) -> Option<usize> {
        let count = usize::try_from(res).ok()?;
        let reached = self.begin.saturating_add(count);
        let missing = self.requested_among(reached) < self.requested;
        (self.exact && self.done < reached && missing).then_some(reached)
    }

    /// How the job ends if this answer of the kernel is its last.
    pub(crate) fn end(&self, operation: Operation, res: i64) -> JobEnd {
        if !operation.transfers() {
            let fault = (res < 0).then_some(Fault::Kernel);
            return JobEnd { res, filled: 0, transferred: 0, fault };
        }
        let Ok(count) = usize::try_from(res) else {
            // A second read of the same bytes has failed, so that they are not there any more.
            let filled = if operation.reads() { self.begin } else { self.done };
            let transferred = self.requested_among(filled);
            return JobEnd { res, filled, transferred, fault: Some(Fault::Kernel) };
        };
        let reached = self.begin.saturating_add(count);
        let filled = if operation.reads() { reached } else { reached.max(self.done) };
        let transferred = self.requested_among(filled);
        let fault = match () {
            () if !self.exact || transferred >= self.requested => None,
            () if operation.reads() => Some(Fault::EndOfFile),
            () if reached <= self.done => Some(Fault::NoProgress),
            // The write made progress, and yet the dispatcher did not go on with it.
            () => Some(Fault::Unaligned),
        };
        JobEnd { res, filled, transferred, fault }
    }
}

impl JobEnd {
    /// The result for a user who asked for `requested` bytes.
    #[inline]
    pub(crate) fn result(&self, requested: usize) -> io::Result<usize> {
        self.fault.map_or(Ok(self.transferred), |fault| self.failure(fault, requested))
    }

    #[cold]
    fn failure(&self, fault: Fault, requested: usize) -> io::Result<usize> {
        let so_far = || format!("{} of {requested} bytes", self.transferred);
        Err(match fault {
            Fault::Kernel => return decode(self.res),
            Fault::EndOfFile => io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("end of file after {}", so_far()),
            ),
            Fault::NoProgress => io::Error::new(
                io::ErrorKind::WriteZero,
                format!("nothing more was written after {}", so_far()),
            ),
            Fault::Unaligned => io::Error::other(format!(
                "{} were appended, and the rest can't be, as that is no multiple of what direct \
                 I/O is aligned to",
                so_far()
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, JobEnd, Progress};
    use crate::engine::operation::Operation::{Read, SyncAll, Write};

    const EIO: i64 = -(libc::EIO as i64);

    fn of(bytes: usize) -> Progress {
        let mut progress = Progress::new();
        progress.request(bytes);
        progress
    }

    fn at(begin: usize, done: usize) -> Progress {
        Progress { done, begin, exact: true, ..of(100) }
    }

    #[test]
    fn an_exact_job_goes_on_as_long_as_there_is_more() {
        assert_eq!(at(0, 0).done_before_rest(40), Some(40));
        assert_eq!(at(40, 40).done_before_rest(1), Some(41));
        assert_eq!(at(32, 40).done_before_rest(9), Some(41));
        for (progress, res) in [(at(0, 0), 100), (at(0, 0), 101), (at(0, 0), 0), (at(0, 0), EIO)] {
            assert_eq!(progress.done_before_rest(res), None, "{progress:?} {res}");
        }
        assert_eq!(at(32, 40).done_before_rest(8), None, "what was there before");
        assert_eq!(at(32, 40).done_before_rest(i64::MAX), None);
        assert_eq!(Progress { exact: false, ..at(0, 0) }.done_before_rest(40), None);
    }

    #[test]
    fn what_ends_it_is_told_apart() {
        let end = |res, filled, fault| JobEnd { res, filled, transferred: filled, fault };
        assert_eq!(at(40, 40).end(Read, 60), end(60, 100, None));
        assert_eq!(at(40, 40).end(Read, 0), end(0, 40, Some(Fault::EndOfFile)));
        assert_eq!(at(32, 40).end(Read, 8), end(8, 40, Some(Fault::EndOfFile)));
        assert_eq!(at(32, 40).end(Read, 3), end(3, 35, Some(Fault::EndOfFile)), "it has shrunk");
        assert_eq!(at(32, 40).end(Read, EIO), end(EIO, 32, Some(Fault::Kernel)));
        assert_eq!(at(32, 40).end(Write, EIO), end(EIO, 40, Some(Fault::Kernel)));
        assert_eq!(at(40, 40).end(Write, 0), end(0, 40, Some(Fault::NoProgress)));
        assert_eq!(at(32, 40).end(Write, 8), end(8, 40, Some(Fault::NoProgress)));
        assert_eq!(at(0, 0).end(Write, 40), end(40, 40, Some(Fault::Unaligned)));
    }

    #[test]
    fn what_is_not_exact_ends_with_what_is_done() {
        let plain = of(100);
        let data = |filled| JobEnd { res: filled as i64, filled, transferred: filled, fault: None };
        assert_eq!(plain.end(Read, 40), data(40));
        assert_eq!(plain.end(Read, 0), data(0));
        let failed = JobEnd { res: EIO, filled: 0, transferred: 0, fault: Some(Fault::Kernel) };
        assert_eq!(plain.end(Read, EIO), failed);
    }

    #[test]
    fn a_range_within_counts_for_itself() {
        let within = Progress { skip: 30, requested: 40, ..at(0, 0) };
        assert_eq!(within.done_before_rest(30), Some(30));
        assert_eq!(within.done_before_rest(69), Some(69));
        assert_eq!(within.done_before_rest(70), None, "nobody wants the rest");
        for (filled, transferred, enough) in
            [(70, 40, true), (100, 40, true), (69, 39, false), (20, 0, false)]
        {
            let fault = (!enough).then_some(Fault::EndOfFile);
            let expected = JobEnd { res: filled, filled: filled as usize, transferred, fault };
            assert_eq!(within.end(Read, filled), expected);
        }
        let later = Progress { begin: 40, done: 45, ..within };
        let failed = JobEnd { res: EIO, filled: 40, transferred: 10, fault: Some(Fault::Kernel) };
        assert_eq!(later.end(Read, EIO), failed);
    }

    #[test]
    fn the_rest_of_a_range_is_counted_from_where_the_request_begins() {
        let within = Progress { skip: 90, requested: 10, begin: 40, done: 45, ..at(0, 0) };
        assert_eq!(within.rest(), 60, "the bytes before the range are read, too");
        assert_eq!(at(40, 40).rest(), 60);
    }

    #[test]
    fn settings_say_what_is_missed_and_what_is_asked_for() {
        let mut limited = of(100);
        limited.limit(30);
        assert_eq!((limited.requested(), limited.whole(), limited.rest()), (30, 30, 30));
        limited.limit(60);
        assert_eq!((limited.requested(), limited.whole()), (30, 30), "a limit raises nothing");

        let mut within = of(100);
        within.select(30, 40);
        assert_eq!((within.requested(), within.whole()), (40, 100));
        assert!(!within.is_exact());
        within.make_exact();
        assert!(within.is_exact());
        within.advance(45, 40);
        assert_eq!((within.done(), within.begin(), within.rest()), (45, 40, 60));
        // The kernel's request begins 40 bytes after the job, and the range 30 bytes after it.
        assert_eq!(within.start_of(1040), 1030);
    }

    #[test]
    fn a_sync_transfers_nothing_and_may_fail() {
        let sync = of(0);
        assert_eq!(sync.end(SyncAll, 0), JobEnd { res: 0, filled: 0, transferred: 0, fault: None });
        let failed = JobEnd { res: EIO, filled: 0, transferred: 0, fault: Some(Fault::Kernel) };
        assert_eq!(sync.end(SyncAll, EIO), failed);
    }

    #[test]
    fn messages_say_how_far_it_came() {
        let message = |end: JobEnd| end.result(100).unwrap_err().to_string();
        assert_eq!(message(at(40, 40).end(Read, 0)), "end of file after 40 of 100 bytes");
        assert!(message(at(40, 40).end(Write, 0)).ends_with("after 40 of 100 bytes"));
        assert!(message(at(0, 0).end(Write, 41)).starts_with("41 of 100 bytes"));
        let kernel = at(40, 40).end(Write, EIO).result(100).unwrap_err();
        assert_eq!(kernel.raw_os_error(), Some(libc::EIO));
    }
}
