//! Decides which paths are taken from the user's iterator, when, and who opens them: workers, as
//! long as everything that opening takes is in memory, or else the blocking threads.
//!
//! It does nothing itself. The run tells it each event, and begins the steps that it answers with.

mod closes;
pub(crate) mod event;
pub(crate) mod openers;
#[cfg(all(test, not(loom)))]
mod orders;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::file::residency::Residency;
use crate::files::paths::{IndexedPath, ListedPath};
use closes::Closes;
use event::{EndedBy, Event, Step, Steps, Taker};
use openers::{BatchEnd, Expectation, Openers};

/// Room for this many files, or for a sixteenth of all that there may be, is worth a listing.
const LIST_AT: usize = 16;

/// The most that may be going on at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) files: usize,
    pub(crate) results: usize,
    /// Descriptors of files that are in progress, or to be closed.
    pub(crate) open_files: usize,
    /// How many of them a file in progress has.
    pub(crate) descriptors: usize,
    pub(crate) inline_steps: usize,
    pub(crate) openers: usize,
}

pub(crate) struct Scheduler {
    bounds: Bounds,
    expected: Expectation,
    openers: Openers,
    closes: Closes,
    /// How many paths, or errors in their places, the iterator has given.
    paths: u64,
    /// Files whose path was taken and that have no result yet.
    in_progress: usize,
    /// Files whose path was taken and whose result nobody has taken yet.
    undelivered: usize,
    /// Paths for anybody to open.
    listed: VecDeque<IndexedPath>,
    /// Paths for blocking threads to open.
    for_blocking: VecDeque<IndexedPath>,
    inline_steps: usize,
    /// Inline steps that run the user's callbacks.
    in_callbacks: usize,
    /// A blocking thread asks the iterator for paths.
    listing: bool,
    no_more_paths: bool,
    posts: Posts,
    /// All files have their results.
    finished: bool,
}

/// Whether the dispatcher takes the jobs of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Posts {
    Taken,
    /// And never will be again.
    Refused,
}

impl Scheduler {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            expected: Expectation::default(),
            openers: Openers::new(),
            closes: Closes::default(),
            paths: 0,
            in_progress: 0,
            undelivered: 0,
            listed: VecDeque::new(),
            for_blocking: VecDeque::new(),
            inline_steps: 0,
            in_callbacks: 0,
            listing: false,
            no_more_paths: false,
            posts: Posts::Taken,
            finished: false,
        }
    }

    /// Takes note of what has happened, and answers with the steps that may be begun now.
    pub(crate) fn on(&mut self, event: Event) -> Steps {
        self.note(event);
        self.steps()
    }

    fn steps(&mut self) -> Steps {
        let mut steps = Steps::default();
        while let Some(step) = self.wanted() {
            self.begin(step);
            steps.0.push(step);
        }
        steps
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Begun => {}
            Event::NeverBegun(step) => self.never_begun(step),
            Event::ListingEnded => self.no_more_paths = true,
            Event::ListingPanicked => {
                self.no_more_paths = true;
                self.in_progress += 1;
                self.undelivered += 1;
            }
            Event::ListerOpens => {
                self.listing = false;
                self.openers.begin();
            }
            Event::Deferred(path) => {
                self.expected.observe(Residency::Cold);
                self.for_blocking.push_back(path);
            }
            Event::Looked(residency) => self.expected.observe(residency),
            Event::Probed(residency) => self.expected.observe_probe(residency),
            Event::CallbacksBegun => {
                self.expected.observe(Residency::Cached);
                self.in_callbacks += 1;
            }
            Event::InlineDone => self.inline_steps -= 1,
            Event::OpenerDone { files, end, handed_over } => {
                self.openers.done(files, end);
                self.openers.handed_over(handed_over);
            }
            Event::StandByOpens => self.openers.stop_standing_by(),
            Event::FileEnded(by) => {
                self.in_progress -= 1;
                self.in_callbacks -= usize::from(by == EndedBy::InlineCallbacks);
            }
            Event::ResultsTaken(count) => self.undelivered -= count,
            Event::CloserCame => self.closes.set_coming(false),
            Event::Closing => self.closes.begin(),
            Event::Closed => self.closes.done(),
        }
    }

    fn begin(&mut self, step: Step) {
        match step {
            Step::List => self.listing = true,
            Step::Open => self.openers.begin(),
            Step::Inline => self.inline_steps += 1,
            Step::StandBy => self.openers.stand_by(),
            Step::Close => self.closes.set_coming(true),
            Step::Finish => self.finished = true,
        }
    }

    /// No further step is begun but the end, which the caller sees to.
    fn never_begun(&mut self, step: Step) {
        self.posts = Posts::Refused;
        match step {
            Step::List => self.listing = false,
            Step::Open => self.openers.done(0, BatchEnd::InTime),
            Step::Inline => self.inline_steps -= 1,
            Step::StandBy => {
                self.openers.stop_standing_by();
                self.openers.done(0, BatchEnd::InTime);
            }
            Step::Close => self.closes.set_coming(false),
            Step::Finish => {}
        }
    }

    /// The iterator has given a path. If no more paths are taken by now, it is dropped. `count`
    /// counts it before anybody can take it.
    pub(crate) fn listed(&mut self, path: ListedPath, count: impl FnOnce()) -> Steps {
        if self.no_more_paths {
            return Steps::default();
        }
        count();
        self.add_path(path);
        self.steps()
    }

    /// The iterator has given an error in the place of a path, which ends next. Its index, or
    /// `None` if no more paths are taken by now.
    pub(crate) fn listed_error(&mut self, count: impl FnOnce()) -> Option<u64> {
        if self.no_more_paths {
            return None;
        }
        count();
        Some(self.add_entry())
    }

    fn add_path(&mut self, path: ListedPath) {
        let index = self.add_entry();
        let ListedPath { path, target } = path;
        self.listed.push_back(IndexedPath { index, path, target });
    }

    /// The index of an entry that is in progress from now on.
    fn add_entry(&mut self) -> u64 {
        self.in_progress += 1;
        self.undelivered += 1;
        let index = self.paths;
        self.paths += 1;
        index
    }

    /// A blocking thread has opened the file that it had taken, or has failed to. It goes on with
    /// the next at once, or hands over what it has opened, so there is nothing to begin.
    pub(crate) fn opened(&mut self) {
        self.openers.opened();
    }

    /// A file is done with, whose end is told next.
    pub(crate) fn add_to_close(&mut self) {
        self.closes.add();
    }

    /// Whether the lister is to ask for another path.
    pub(crate) fn wants_path(&self) -> bool {
        !self.no_more_paths && self.room() > 0
    }

    /// The index of the next path; `None` if no more paths are taken.
    pub(crate) fn next_index(&self) -> Option<u64> {
        (!self.no_more_paths).then_some(self.paths)
    }

    /// Gives back the paths that nobody has opened yet.
    pub(crate) fn drain(&mut self) -> Vec<IndexedPath> {
        self.listed.drain(..).chain(self.for_blocking.drain(..)).collect()
    }

    /// A path for this thread to open, if there is one, and the steps to begin before it does:
    /// opening may take long. A blocking thread reports by [`opened`](Self::opened) when it is
    /// done.
    pub(crate) fn take_path(&mut self, taker: Taker) -> Option<(IndexedPath, Steps)> {
        let path = self.next_path(taker)?;
        match taker {
            // Nothing that it opens keeps it.
            Taker::Worker => Some((path, Steps::default())),
            Taker::BlockingThread => {
                self.openers.opening();
                Some((path, self.steps()))
            }
        }
    }

    fn next_path(&mut self, taker: Taker) -> Option<IndexedPath> {
        match (taker, self.expected.residency()) {
            (Taker::Worker, Residency::Cached) => self.listed.pop_front(),
            (Taker::Worker, Residency::Cold) => None,
            (Taker::BlockingThread, Residency::Cached) => self.for_blocking.pop_front(),
            (Taker::BlockingThread, Residency::Cold) => {
                self.for_blocking.pop_front().or_else(|| self.listed.pop_front())
            }
        }
    }

    /// Whether something may be left undone by those that are opening a file at this moment.
    pub(crate) fn is_stand_by_needed(&self) -> bool {
        self.openers.leave_undone(self.paths_for_openers())
    }

    /// Whether a thread stands by for nothing.
    pub(crate) fn is_stand_by_idle(&self) -> bool {
        self.openers.is_one_standing_by() && !self.is_stand_by_needed()
    }

    /// The step that may be begun now.
    fn wanted(&self) -> Option<Step> {
        if self.finished {
            return None;
        }
        if self.no_more_paths && self.in_progress == 0 {
            return Some(Step::Finish);
        }
        if self.posts == Posts::Refused {
            return None;
        }
        if self.wants_lister() {
            return Some(Step::List);
        }
        if self.closes.are_due(self.spare_files()) {
            return Some(Step::Close);
        }
        let paths = self.paths_for_openers();
        if self.openers.are_too_few(paths, self.bounds.openers) {
            return Some(Step::Open);
        }
        let is_thread_left = self.openers.count() + usize::from(self.listing) < self.bounds.openers;
        if is_thread_left && !self.openers.is_one_standing_by() && self.is_stand_by_needed() {
            return Some(Step::StandBy);
        }
        let by_workers = self.expected.residency() == Residency::Cached;
        (by_workers && self.wants_inline_step()).then_some(Step::Inline)
    }

    /// How many paths wait for openers.
    fn paths_for_openers(&self) -> usize {
        let listed =
            if self.expected.residency() == Residency::Cached { 0 } else { self.listed.len() };
        self.for_blocking.len() + listed
    }

    /// How many more files there is room for among the descriptors.
    fn spare_files(&self) -> usize {
        let open = self.in_progress * self.bounds.descriptors + self.closes.open();
        self.bounds.open_files.saturating_sub(open) / self.bounds.descriptors
    }

    /// Whether there are paths that no inline step is going to take.
    fn wants_inline_step(&self) -> bool {
        let free = self.inline_steps - self.in_callbacks;
        self.inline_steps < self.bounds.inline_steps && self.listed.len() > free
    }

    /// Whether it is worth asking the iterator for paths, or else nobody would do anything.
    fn wants_lister(&self) -> bool {
        let (room, waiting) = (self.room(), self.listed.len() + self.for_blocking.len());
        let idle = waiting + self.inline_steps + self.openers.count() == 0;
        // Before the paths that wait are all begun, so that nobody runs out of paths.
        let enough = (self.bounds.files.min(self.bounds.results) / 16).clamp(1, LIST_AT);
        let worth = room >= enough && waiting <= self.bounds.files / 2;
        !self.no_more_paths && !self.listing && room > 0 && (worth || idle)
    }

    /// How many more paths may be taken from the iterator.
    fn room(&self) -> usize {
        let files = self.bounds.files.saturating_sub(self.in_progress).min(self.spare_files());
        files.min(self.bounds.results.saturating_sub(self.undelivered))
    }
}
