//! The events that a run tells its scheduler, and the steps that the scheduler has it begin.

use crate::file::residency::Residency;
use crate::files::paths::IndexedPath;
use crate::files::scheduler::openers::BatchEnd;

/// Something that has happened in a run.
#[derive(Debug)]
pub(crate) enum Event {
    /// The run has begun.
    Begun,
    /// The dispatcher has not taken the job of a step, and takes no further one.
    NeverBegun(Step),

    /// No more paths are taken.
    ListingEnded,
    /// No more paths are taken, because the iterator panicked. That has a result in the place of
    /// the next path, and counts as in progress.
    ListingPanicked,
    /// The lister opens files from now on.
    ListerOpens,

    /// A worker has looked at a file, and leaves it to the blocking threads.
    Deferred(IndexedPath),
    /// A worker has looked at a file, which was there.
    Looked(Residency),
    /// A blocking thread has tried whether a worker could have read a file.
    Probed(Residency),
    /// An inline step is about to run the user's callbacks for a file, which was in memory. These
    /// may be slow, so others are to do whatever there is.
    CallbacksBegun,
    /// An inline step is over.
    InlineDone,

    /// A step that opens files is over. It has opened `files`, and hands over as many as are
    /// `handed_over`, also those of others.
    OpenerDone { files: usize, end: BatchEnd, handed_over: usize },
    /// The thread that stood by opens files from now on.
    StandByOpens,

    /// A file has its result.
    FileEnded(EndedBy),
    /// The user has got so many results.
    ResultsTaken(usize),

    /// The step that closes files has come.
    CloserCame,
    /// A file is about to be closed.
    Closing,
    /// It is closed.
    Closed,
}

/// A job that a run posts. It reports its end to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A blocking thread asks the iterator for paths, and then opens files.
    List,
    /// A blocking thread opens files.
    Open,
    /// A worker opens files, and reads those that are in memory.
    Inline,
    /// A blocking thread waits for a moment, and then does what is left undone by those that are
    /// long in opening a file: it opens others, and hands over those that they have opened.
    StandBy,
    /// A blocking thread closes files that are done with. Closing one may have to wait, as on a
    /// network.
    Close,
    /// All files have their results. A blocking thread closes the last files, and the run ends.
    Finish,
}

/// Steps for the run to begin, which nobody else does.
#[derive(Debug, Default)]
#[must_use = "the run stands still if they are not begun"]
pub(crate) struct Steps(pub(super) Vec<Step>);

impl Steps {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Steps {
    type Item = Step;
    type IntoIter = std::vec::IntoIter<Step>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A thread that opens files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taker {
    /// A worker, in an inline step.
    Worker,
    BlockingThread,
}

/// The code that ended a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// An inline step that had said that it runs callbacks.
    InlineCallbacks,
    Other,
}
