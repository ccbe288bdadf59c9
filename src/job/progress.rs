//! How far a job has come: what is done, what the kernel has, and what its answer makes of that.

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
    /// Bytes that are to be transferred, the last of them if there are so many.
    pub(crate) whole: usize,
    /// Bytes of these, at the front, that nobody asked for.
    pub(crate) skip: usize,
    /// Bytes after those that were asked for: all others, or nobody wants the rest.
    pub(crate) requested: usize,
    /// Bytes at the front that are done: by earlier requests, or without one.
    pub(crate) done: usize,
    /// Where the request begins that the kernel has: at `done`, or before it, for alignment.
    pub(crate) begin: usize,
    /// All of it is wanted, or the reason why not.
    pub(crate) exact: bool,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Bytes at the front that are there, asked for or not.
    pub(crate) filled: usize,
    /// Bytes of these that were asked for.
    pub(crate) transferred: usize,
    pub(crate) fault: Option<Fault>,
}

/// Why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What the kernel said, as it encodes it.
    Kernel(i64),
    /// The file ended before an exact read did.
    EndOfFile,
    /// The kernel wrote no more, and gave no reason.
    NoProgress,
    /// The rest of a write could only be appended from where no direct write may begin.
    Unaligned,
}

impl Progress {
    /// Nothing is done.
    pub(crate) fn new(whole: usize) -> Self {
        Self { whole, skip: 0, requested: whole, done: 0, begin: 0, exact: false }
    }

    /// How many bytes that were asked for are among so many at the front.
    fn wanted(&self, filled: usize) -> usize {
        filled.saturating_sub(self.skip).min(self.requested)
    }

    /// How many bytes the request asks for that the kernel is to have next.
    pub(crate) fn rest(&self) -> usize {
        self.whole - self.begin
    }

    /// How many bytes are done now if it makes sense to ask the kernel for the rest of an exact
    /// job: some are missing, and its last answer brought more than there was before.
    pub(crate) fn goes_on(&self, res: i64) -> Option<usize> {
        let count = usize::try_from(res).ok()?;
        let reached = self.begin.saturating_add(count);
        let missing = self.wanted(reached) < self.requested;
        (self.exact && self.done < reached && missing).then_some(reached)
    }

    /// What becomes of a job that ends with this answer.
    pub(crate) fn end(&self, operation: Operation, res: i64) -> End {
        if !operation.transfers() {
            return End {
                filled: 0,
                transferred: 0,
                fault: (res < 0).then_some(Fault::Kernel(res)),
            };
        }
        let Ok(count) = usize::try_from(res) else {
            // What was read a second time, and failed, is not there any more.
            let filled = if operation.reads() { self.begin } else { self.done };
            let transferred = self.wanted(filled);
            return End { filled, transferred, fault: Some(Fault::Kernel(res)) };
        };
        let reached = self.begin.saturating_add(count);
        let filled = if operation.reads() { reached } else { reached.max(self.done) };
        let transferred = self.wanted(filled);
        let fault = match () {
            () if !self.exact || transferred >= self.requested => None,
            () if operation.reads() => Some(Fault::EndOfFile),
            () if reached <= self.done => Some(Fault::NoProgress),
            // It made progress, and was not gone on with nevertheless.
            () => Some(Fault::Unaligned),
        };
        End { filled, transferred, fault }
    }
}

impl End {
    /// The result for the user, who asked for so many bytes.
    pub(crate) fn result(&self, requested: usize) -> io::Result<usize> {
        let so_far = format_args!("{} of {requested} bytes", self.transferred);
        match self.fault {
            None => Ok(self.transferred),
            Some(Fault::Kernel(res)) => decode(res),
            Some(Fault::EndOfFile) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("end of file after {so_far}"),
            )),
            Some(Fault::NoProgress) => Err(io::Error::new(
                io::ErrorKind::WriteZero,
                format!("nothing more was written after {so_far}"),
            )),
            Some(Fault::Unaligned) => Err(io::Error::other(format!(
                "{so_far} were appended, and the rest can't be, as that is no multiple of what \
                 direct I/O is aligned to"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Fault, Progress};
    use crate::engine::operation::Operation::{Read, Write};

    const EIO: i64 = -(libc::EIO as i64);

    fn at(begin: usize, done: usize) -> Progress {
        Progress { done, begin, exact: true, ..Progress::new(100) }
    }

    #[test]
    fn an_exact_job_goes_on_as_long_as_there_is_more() {
        assert_eq!(at(0, 0).goes_on(40), Some(40));
        assert_eq!(at(40, 40).goes_on(1), Some(41));
        assert_eq!(at(32, 40).goes_on(9), Some(41));
        for (progress, res) in [(at(0, 0), 100), (at(0, 0), 101), (at(0, 0), 0), (at(0, 0), EIO)] {
            assert_eq!(progress.goes_on(res), None, "{progress:?} {res}");
        }
        assert_eq!(at(32, 40).goes_on(8), None, "what was there before");
        assert_eq!(at(32, 40).goes_on(i64::MAX), None);
        assert_eq!(Progress { exact: false, ..at(0, 0) }.goes_on(40), None);
    }

    #[test]
    fn what_ends_it_is_told_apart() {
        let end = |filled, fault| End { filled, transferred: filled, fault };
        assert_eq!(at(40, 40).end(Read, 60), end(100, None));
        assert_eq!(at(40, 40).end(Read, 0), end(40, Some(Fault::EndOfFile)));
        assert_eq!(at(32, 40).end(Read, 8), end(40, Some(Fault::EndOfFile)));
        assert_eq!(at(32, 40).end(Read, 3), end(35, Some(Fault::EndOfFile)), "it has shrunk");
        assert_eq!(at(32, 40).end(Read, EIO), end(32, Some(Fault::Kernel(EIO))));
        assert_eq!(at(32, 40).end(Write, EIO), end(40, Some(Fault::Kernel(EIO))));
        assert_eq!(at(40, 40).end(Write, 0), end(40, Some(Fault::NoProgress)));
        assert_eq!(at(32, 40).end(Write, 8), end(40, Some(Fault::NoProgress)));
        assert_eq!(at(0, 0).end(Write, 40), end(40, Some(Fault::Unaligned)));
    }

    #[test]
    fn what_is_not_exact_ends_with_what_is_done() {
        let plain = Progress::new(100);
        let data = |filled| End { filled, transferred: filled, fault: None };
        assert_eq!(plain.end(Read, 40), data(40));
        assert_eq!(plain.end(Read, 0), data(0));
        let failed = End { filled: 0, transferred: 0, fault: Some(Fault::Kernel(EIO)) };
        assert_eq!(plain.end(Read, EIO), failed);
    }

    #[test]
    fn a_range_within_counts_for_itself() {
        let within = Progress { skip: 30, requested: 40, ..at(0, 0) };
        assert_eq!(within.goes_on(30), Some(30));
        assert_eq!(within.goes_on(69), Some(69));
        assert_eq!(within.goes_on(70), None, "nobody wants the rest");
        for (filled, transferred, enough) in
            [(70, 40, true), (100, 40, true), (69, 39, false), (20, 0, false)]
        {
            let fault = (!enough).then_some(Fault::EndOfFile);
            let expected = End { filled: filled as usize, transferred, fault };
            assert_eq!(within.end(Read, filled), expected);
        }
        let later = Progress { begin: 40, done: 45, ..within };
        let failed = End { filled: 40, transferred: 10, fault: Some(Fault::Kernel(EIO)) };
        assert_eq!(later.end(Read, EIO), failed);
    }

    #[test]
    fn the_rest_of_a_range_is_counted_from_where_the_request_begins() {
        let within = Progress { skip: 90, requested: 10, begin: 40, done: 45, ..at(0, 0) };
        assert_eq!(within.rest(), 60, "the bytes before the range are read, too");
        assert_eq!(at(40, 40).rest(), 60);
    }

    #[test]
    fn messages_say_how_far_it_came() {
        let message = |end: End| end.result(100).unwrap_err().to_string();
        assert_eq!(message(at(40, 40).end(Read, 0)), "end of file after 40 of 100 bytes");
        assert!(message(at(40, 40).end(Write, 0)).ends_with("after 40 of 100 bytes"));
        assert!(message(at(0, 0).end(Write, 41)).starts_with("41 of 100 bytes"));
        let kernel = at(40, 40).end(Write, EIO).result(100).unwrap_err();
        assert_eq!(kernel.raw_os_error(), Some(libc::EIO));
    }
}
