//! Decides which paths are taken from the user's iterator, when, and who opens them: workers, as
//! long as everything that opening takes is in memory, or else the blocking threads.

use std::collections::VecDeque;
use std::path::PathBuf;

use crate::file::residency::Residency;
use crate::files::closes::Closes;
use crate::files::openers::{BatchEnd, Expectation, Openers};
use crate::files::paths::IndexedPath;

/// Room for this many files, or for a sixteenth of all that there may be, is worth a listing.
const LIST_AT: usize = 16;

/// A job that a run posts. The caller of [`Scheduler::next_step`] posts it, and the job reports its
/// end to the scheduler.
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
}

/// The code that ended a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// An inline step that had said that it runs callbacks.
    InlineCallbacks,
    Other,
}

/// The most that may be going on at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) files: usize,
    pub(crate) results: usize,
    /// In progress, or to be closed.
    pub(crate) open_files: usize,
    pub(crate) inline_steps: usize,
    pub(crate) openers: usize,
}

pub(crate) struct Scheduler {
    bounds: Bounds,
    pub(super) expected: Expectation,
    pub(super) openers: Openers,
    pub(super) closes: Closes,
    /// How many paths the iterator has given.
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
    /// All files have their results.
    finished: bool,
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
            finished: false,
        }
    }

    /// The step that may be begun now, if any.
    pub(crate) fn next_step(&mut self) -> Option<Step> {
        let step = self.wanted()?;
        match step {
            Step::List => self.listing = true,
            Step::Open => self.openers.begin(),
            Step::Inline => self.inline_steps += 1,
            Step::StandBy => self.openers.stand_by(),
            Step::Close => self.closes.set_coming(true),
        }
        Some(step)
    }

    /// The step could not be posted.
    pub(crate) fn never_begun(&mut self, step: Step) {
        match step {
            Step::Inline => return self.inline_done(),
            Step::List => self.listing_done(),
            Step::Open => {}
            Step::StandBy => self.openers.stop_standing_by(),
            // The caller closes them.
            Step::Close => return self.closes.set_coming(false),
        }
        self.openers.done(0, BatchEnd::InTime);
    }

    /// Whether the lister is to ask for another path.
    pub(crate) fn wants_path(&self) -> bool {
        !self.no_more_paths && self.room() > 0
    }

    /// Adds a path, unless no more paths are taken: then it is dropped. `count` counts it before
    /// anybody can take it. Returns the step that may be begun then.
    #[must_use]
    pub(crate) fn add_path(&mut self, path: PathBuf, count: impl FnOnce()) -> Option<Step> {
        if self.no_more_paths {
            return None;
        }
        count();
        self.in_progress += 1;
        self.undelivered += 1;
        self.listed.push_back(IndexedPath { index: self.paths, path });
        self.paths += 1;
        self.wanted()
    }

    /// Takes no more paths. True if that is new.
    pub(crate) fn end_listing(&mut self) -> bool {
        !std::mem::replace(&mut self.no_more_paths, true)
    }

    /// Takes no more paths, because the iterator panicked. That has a result in the place of the
    /// next path, and counts as in progress: its index comes back, unless the listing had ended
    /// before.
    pub(crate) fn end_listing_with_result(&mut self) -> Option<u64> {
        if !self.end_listing() {
            return None;
        }
        self.in_progress += 1;
        self.undelivered += 1;
        Some(self.paths)
    }

    /// Gives back the paths that nobody has opened yet.
    pub(crate) fn drain(&mut self) -> Vec<IndexedPath> {
        self.listed.drain(..).chain(self.for_blocking.drain(..)).collect()
    }

    /// The lister opens files from now on.
    pub(crate) fn listing_done(&mut self) {
        self.listing = false;
        self.openers.begin();
    }

    /// An inline step is about to run the user's callbacks for a file, which was in memory. As
    /// these may be slow, others are to do whatever there is: open paths, also those that this step
    /// left to the blocking threads, or list more, as a file that it has just ended may have left
    /// room. Returns the step that may be begun for them.
    #[must_use]
    pub(crate) fn begin_callbacks(&mut self) -> Option<Step> {
        self.expected.observe(Residency::Cached);
        self.in_callbacks += 1;
        self.wanted()
    }

    /// An inline step is over.
    pub(crate) fn inline_done(&mut self) {
        self.inline_steps -= 1;
    }

    /// A path for an opener, which is to report by [`Openers::opened`] when it has opened the file,
    /// and to begin steps before if there is one.
    pub(crate) fn next_to_open(&mut self) -> Option<(IndexedPath, Option<Step>)> {
        let path = self.next_path(Step::Open)?;
        self.openers.opening();
        Some((path, self.wanted()))
    }

    /// Whether something may be left undone by those that are opening a file at this moment.
    pub(crate) fn is_stand_by_needed(&self) -> bool {
        self.openers.leave_undone(self.paths_for_openers())
    }

    /// A path for this step to open, if there is one for its thread.
    pub(crate) fn next_path(&mut self, step: Step) -> Option<IndexedPath> {
        match (step, self.expected.residency()) {
            (Step::Inline, Residency::Cached) => self.listed.pop_front(),
            (Step::Inline, Residency::Cold) => None,
            (_, Residency::Cached) => self.for_blocking.pop_front(),
            (_, Residency::Cold) => {
                let path = self.for_blocking.pop_front();
                path.or_else(|| self.listed.pop_front())
            }
        }
    }

    /// Leaves a file to the blocking threads.
    pub(crate) fn defer(&mut self, path: IndexedPath) {
        self.for_blocking.push_back(path);
    }

    /// A file has its result.
    pub(crate) fn file_ended(&mut self, by: EndedBy) {
        self.in_progress -= 1;
        self.in_callbacks -= usize::from(by == EndedBy::InlineCallbacks);
    }

    /// The user has got `count` results.
    pub(crate) fn results_taken(&mut self, count: usize) {
        self.undelivered -= count;
    }

    /// True once, when all files have their results: then the caller ends the run.
    pub(crate) fn finish(&mut self) -> bool {
        let now = self.no_more_paths && self.in_progress == 0 && !self.finished;
        self.finished |= now;
        now
    }

    /// The step that may be begun now.
    fn wanted(&self) -> Option<Step> {
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

    /// How many more files may be open.
    fn spare_files(&self) -> usize {
        let open = self.in_progress + self.closes.open();
        self.bounds.open_files.saturating_sub(open)
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

#[cfg(test)]
mod tests {
    use crate::sync::Mutex;
    use std::cell::Cell;
    use std::path::PathBuf;

    use super::{Bounds, EndedBy, Scheduler, Step};
    use crate::file::residency::Residency;
    use crate::files::closes::CLOSE_AT;
    use crate::files::openers::{BatchEnd, OPEN_AT_ONCE, STREAK};
    use crate::sync::lock;

    const BOUNDS: Bounds =
        Bounds { files: 64, results: 100, open_files: 1000, inline_steps: 2, openers: 4 };

    /// A scheduler with all of its paths, this many, and no step begun.
    fn scheduler_with(paths: u64, bounds: Bounds) -> Scheduler {
        let mut scheduler = Scheduler::new(bounds);
        assert_eq!(scheduler.next_step(), Some(Step::List));
        (0..paths).for_each(|_| _ = add(&mut scheduler));
        scheduler.end_listing();
        scheduler.listing_done();
        scheduler.openers.done(0, BatchEnd::InTime);
        scheduler
    }

    fn add(scheduler: &mut Scheduler) -> Option<Step> {
        scheduler.add_path(PathBuf::new(), || ())
    }

    /// A worker leaves a file to the blocking threads.
    fn defer_next(scheduler: &mut Scheduler) {
        let path = scheduler.next_path(Step::Inline).unwrap();
        scheduler.defer(path);
    }

    fn end_files(scheduler: &mut Scheduler, files: usize) {
        (0..files).for_each(|_| scheduler.file_ended(EndedBy::Other));
    }

    fn steps(scheduler: &mut Scheduler) -> Vec<Step> {
        std::iter::from_fn(|| scheduler.next_step()).collect()
    }

    /// Lists as many as there is room for.
    fn list(scheduler: &mut Scheduler) -> usize {
        let mut count = 0;
        while scheduler.wants_path() {
            let _ = add(scheduler);
            count += 1;
        }
        count as usize
    }

    #[test]
    fn a_path_is_counted_before_anybody_can_take_it() {
        let (scheduler, counted) = (Mutex::new(Scheduler::new(BOUNDS)), Cell::new(0));
        let count = || {
            counted.set(counted.get() + 1);
            assert!(scheduler.try_lock().is_err(), "somebody may have it");
        };
        let listed = lock(&scheduler).add_path(PathBuf::new(), count);
        assert!(listed.is_some(), "who listed may be long in asking for the next");
        lock(&scheduler).end_listing();
        assert!(lock(&scheduler).add_path(PathBuf::new(), count).is_none());
        assert_eq!(counted.get(), 1, "only what is taken");
    }

    #[test]
    fn a_step_that_could_not_be_posted_may_be_begun_again() {
        let mut scheduler = Scheduler::new(BOUNDS);
        for _ in 0..2 {
            assert_eq!(scheduler.next_step(), Some(Step::List));
            assert!(scheduler.listing);
            scheduler.never_begun(Step::List);
            assert!(!scheduler.listing && scheduler.openers.count() == 0);
        }
        let mut scheduler = scheduler_with(1, BOUNDS);
        for _ in 0..2 {
            assert_eq!(steps(&mut scheduler), [Step::Inline]);
            scheduler.never_begun(Step::Inline);
        }
        defer_next(&mut scheduler);
        for _ in 0..2 {
            assert_eq!(scheduler.next_step(), Some(Step::Open));
            scheduler.never_begun(Step::Open);
        }
    }

    #[test]
    fn an_iterator_that_panicked_has_one_result_in_the_place_of_the_next_path() {
        let mut scheduler = Scheduler::new(BOUNDS);
        (0..2).for_each(|_| _ = add(&mut scheduler));
        assert_eq!(scheduler.end_listing_with_result(), Some(2));
        assert_eq!((scheduler.in_progress, scheduler.undelivered), (3, 3));
        assert_eq!(scheduler.end_listing_with_result(), None, "it ended before");
        assert_eq!((scheduler.in_progress, scheduler.undelivered), (3, 3));
    }

    #[test]
    fn paths_are_listed_before_all_that_wait_are_begun_and_not_one_by_one() {
        // Files that may be in progress, paths that wait, free places; whether to list.
        for (files, waiting, room, wants) in [
            (64, 32, 4, true),
            (64, 33, 4, false),
            (64, 32, 3, false),
            (64, 0, 3, false),
            (64, 0, 0, false),
            (8, 4, 1, true),
            (8, 5, 1, false),
        ] {
            let mut scheduler = Scheduler::new(Bounds { files, ..BOUNDS });
            assert_eq!(scheduler.next_step(), Some(Step::List));
            (0..files - room).for_each(|_| _ = add(&mut scheduler));
            // Those that don't wait are being read.
            while scheduler.listed.len() > waiting {
                assert!(scheduler.next_path(Step::Inline).is_some());
            }
            scheduler.listing_done();
            let what = format!("{files} files, {waiting} wait, room for {room}");
            assert_eq!(scheduler.wants_lister(), wants, "{what}");
            // If nothing waits and nobody is at work, a little room is enough.
            scheduler.openers.done(0, BatchEnd::InTime);
            let nobody = waiting == 0;
            assert_eq!(scheduler.wants_lister(), wants || nobody && room > 0, "{what}");
        }
    }

    #[test]
    fn no_more_is_listed_than_the_bounds_allow() {
        let mut scheduler = Scheduler::new(BOUNDS);
        assert_eq!(list(&mut scheduler), 64, "files");
        end_files(&mut scheduler, 49);
        assert_eq!(list(&mut scheduler), 36, "results: what is finished counts until it is taken");
        end_files(&mut scheduler, 40);
        scheduler.results_taken(10);
        assert_eq!(list(&mut scheduler), 10);
    }

    #[test]
    fn room_that_a_worker_left_is_seen_before_it_runs_what_may_be_slow() {
        let mut scheduler = Scheduler::new(Bounds { files: 2, results: 2, ..BOUNDS });
        assert_eq!(scheduler.next_step(), Some(Step::List));
        assert_eq!(list(&mut scheduler), 2);
        scheduler.listing_done();
        scheduler.openers.done(0, BatchEnd::InTime);
        assert_eq!(scheduler.next_step(), Some(Step::Inline));
        scheduler.next_path(Step::Inline).unwrap();
        // Its result is taken at once, before it counts as finished.
        scheduler.results_taken(1);
        assert!(steps(&mut scheduler).is_empty(), "there is no room yet");
        end_files(&mut scheduler, 1);
        scheduler.next_path(Step::Inline).unwrap();
        assert!(scheduler.begin_callbacks().is_some(), "nobody else may come by");
        assert_eq!(scheduler.next_step(), Some(Step::List));
    }

    #[test]
    fn paths_are_asked_for_by_one_and_when_it_is_worth_it() {
        let mut scheduler = Scheduler::new(BOUNDS);
        assert_eq!(scheduler.next_step(), Some(Step::List));
        assert_eq!(scheduler.next_step(), None);
        assert_eq!(list(&mut scheduler), 64);
        scheduler.listing_done();
        assert_eq!(steps(&mut scheduler), [Step::Inline, Step::Inline]);
        while scheduler.next_path(Step::Inline).is_some() {}
        end_files(&mut scheduler, 3);
        assert_eq!(scheduler.next_step(), None, "some are at work");
        end_files(&mut scheduler, 1);
        assert_eq!(scheduler.next_step(), Some(Step::List), "one in sixteen");
        assert_eq!(list(&mut scheduler), 4);
        scheduler.listing_done();
        while scheduler.next_path(Step::Inline).is_some() {}
        end_files(&mut scheduler, 1);
        let opening_done = |scheduler: &mut Scheduler| scheduler.openers.done(0, BatchEnd::InTime);
        for end in [opening_done, Scheduler::inline_done].iter().cycle().take(4) {
            assert_eq!(scheduler.next_step(), None);
            end(&mut scheduler);
        }
        assert_eq!(scheduler.next_step(), Some(Step::List), "nobody else would do anything");
    }

    #[test]
    fn who_waits_for_a_path_leaves_those_before_it_to_others() {
        let mut scheduler = Scheduler::new(BOUNDS);
        assert_eq!(steps(&mut scheduler), [Step::List]);
        let _ = add(&mut scheduler);
        assert_eq!(steps(&mut scheduler), [Step::Inline]);
        defer_next(&mut scheduler);
        assert_eq!(steps(&mut scheduler), [Step::Open]);
    }

    #[test]
    fn who_lists_calls_nobody_for_whom_there_is_nothing_more() {
        let mut scheduler = Scheduler::new(BOUNDS);
        assert_eq!(steps(&mut scheduler), [Step::List]);
        for _ in 0..2 {
            assert!(add(&mut scheduler).is_some());
            assert_eq!(steps(&mut scheduler), [Step::Inline]);
        }
        assert!(add(&mut scheduler).is_none(), "all that may are coming");
        scheduler.inline_done();
        assert!(add(&mut scheduler).is_some());
    }

    #[test]
    fn workers_pull_until_files_turn_out_to_be_cold() {
        let mut scheduler = scheduler_with(60, BOUNDS);
        assert_eq!(steps(&mut scheduler), [Step::Inline, Step::Inline]);
        (1..STREAK).for_each(|_| scheduler.expected.observe(Residency::Cold));
        scheduler.expected.observe(Residency::Cached);
        assert!(scheduler.next_path(Step::Inline).is_some(), "not in a row");
        (0..STREAK).for_each(|_| scheduler.expected.observe(Residency::Cold));
        assert!(scheduler.next_path(Step::Inline).is_none(), "it is for others now");
        assert_eq!(steps(&mut scheduler), [Step::Open; 4]);
        assert!(scheduler.next_path(Step::Open).is_some());
        (0..STREAK).for_each(|_| scheduler.expected.observe_probe(Residency::Cached));
        scheduler.expected.observe_probe(Residency::Cold);
        assert!(scheduler.next_path(Step::Open).is_none());
        assert!(scheduler.next_path(Step::Inline).is_some(), "and theirs again");
    }

    #[test]
    fn a_file_that_was_left_is_opened_by_others() {
        let mut scheduler = scheduler_with(32, BOUNDS);
        assert_eq!(steps(&mut scheduler), [Step::Inline, Step::Inline]);
        defer_next(&mut scheduler);
        assert_eq!(steps(&mut scheduler), [Step::Open]);
        assert_eq!(scheduler.next_path(Step::Open).unwrap().index, 0);
        assert!(scheduler.next_path(Step::Open).is_none());
        scheduler.openers.done(OPEN_AT_ONCE, BatchEnd::InTime);
        for _ in 0..2 * OPEN_AT_ONCE {
            defer_next(&mut scheduler);
        }
        assert_eq!(steps(&mut scheduler), [Step::Open; 2], "there is enough for two");
    }

    #[test]
    fn files_that_are_slow_to_open_are_worth_a_task_each() {
        let mut scheduler = scheduler_with(5, BOUNDS);
        (0..STREAK).for_each(|_| scheduler.expected.observe(Residency::Cold));
        assert_eq!(
            steps(&mut scheduler),
            [Step::Open; 4],
            "all there may be: it isn't known how long it takes"
        );
        scheduler.openers.done(OPEN_AT_ONCE, BatchEnd::InTime);
        assert_eq!(steps(&mut scheduler), [], "it doesn't take long");
        scheduler.openers.done(1, BatchEnd::OutOfTime);
        assert_eq!(steps(&mut scheduler), [Step::Open; 2], "now it does");
    }

    #[test]
    fn nobody_is_relied_on_who_may_run_a_slow_function() {
        let mut scheduler = scheduler_with(2, BOUNDS);
        (0..2).for_each(|_| assert_eq!(scheduler.next_step(), Some(Step::Inline)));
        assert_eq!(scheduler.next_step(), None, "there is one for each");
        scheduler.inline_done();
        assert!(scheduler.next_path(Step::Inline).is_some());
        assert_eq!(scheduler.next_step(), None, "who is there comes for the other");
        assert!(scheduler.begin_callbacks().is_some(), "or perhaps not");
        assert_eq!(scheduler.next_step(), Some(Step::Inline));
        scheduler.file_ended(EndedBy::InlineCallbacks);
        assert_eq!(scheduler.next_step(), None);
    }

    #[test]
    fn a_file_that_was_left_does_not_wait_for_a_slow_function() {
        let mut scheduler = scheduler_with(2, BOUNDS);
        assert_eq!(steps(&mut scheduler), [Step::Inline, Step::Inline]);
        scheduler.inline_done();
        defer_next(&mut scheduler);
        scheduler.next_path(Step::Inline).unwrap();
        assert!(scheduler.begin_callbacks().is_some(), "nobody else may come by");
        assert_eq!(steps(&mut scheduler), [Step::Open]);
    }

    #[test]
    fn a_result_stands_for_what_was_not_listed() {
        let mut scheduler = Scheduler::new(BOUNDS);
        (0..3).for_each(|_| assert!(add(&mut scheduler).is_some()));
        let mut ended = || scheduler.end_listing_with_result();
        assert_eq!((ended(), ended()), (Some(3), None));
        end_files(&mut scheduler, 3);
        assert!(!scheduler.finish());
        end_files(&mut scheduler, 1);
        assert!(scheduler.finish());
    }

    #[test]
    fn it_is_over_once_when_all_have_their_result() {
        let mut scheduler = scheduler_with(2, BOUNDS);
        assert!(scheduler.next_path(Step::Inline).is_some());
        let ended = scheduler.end_listing_with_result();
        assert_eq!((ended, scheduler.drain().len()), (None, 1), "it had ended already");
        assert!(add(&mut scheduler).is_none(), "none is wanted any more");
        end_files(&mut scheduler, 1);
        assert!(!scheduler.finish(), "one is under way");
        end_files(&mut scheduler, 1);
        assert!(scheduler.finish());
        assert!(!scheduler.finish(), "told already");
    }

    /// A scheduler whose paths are for openers, one of which has opened none yet and is opening the
    /// first. The others think that it does not take long.
    fn scheduler_with_an_opener(paths: u64, bounds: Bounds) -> Scheduler {
        let mut scheduler = scheduler_with(paths, bounds);
        (0..STREAK).for_each(|_| scheduler.expected.observe(Residency::Cold));
        assert_eq!(scheduler.next_step(), Some(Step::Open));
        scheduler.openers.begin();
        scheduler.openers.done(OPEN_AT_ONCE, BatchEnd::InTime);
        assert_eq!(steps(&mut scheduler), [], "one opener has enough time for all");
        assert!(scheduler.next_to_open().is_some());
        scheduler
    }

    #[test]
    fn one_stands_by_for_paths_behind_a_file_that_is_long_in_opening() {
        let mut scheduler = scheduler_with_an_opener(3, BOUNDS);
        assert_eq!(steps(&mut scheduler), [Step::StandBy], "and not for each path");
        assert!(scheduler.is_stand_by_needed());
        scheduler.openers.stop_standing_by();
        assert_eq!(steps(&mut scheduler), [], "it opens the next itself");
        let (_, step) = scheduler.next_to_open().unwrap();
        assert_eq!(step, Some(Step::StandBy), "which may be as long in opening");
        assert_eq!(steps(&mut scheduler), [Step::StandBy]);
        scheduler.openers.stop_standing_by();
        let (_, step) = scheduler.next_to_open().unwrap();
        assert_eq!(step, None, "all are being opened");
    }

    #[test]
    fn one_stands_by_for_files_opened_before_one_that_is_long_in_opening() {
        let mut scheduler = scheduler_with_an_opener(2, BOUNDS);
        scheduler.openers.opened();
        assert!(!scheduler.is_stand_by_needed(), "the opener hands it over or opens the next");
        let (_, step) = scheduler.next_to_open().unwrap();
        assert_eq!(step, Some(Step::StandBy));
        assert_eq!(steps(&mut scheduler), [Step::StandBy]);
        scheduler.openers.handed_over(1);
        assert!(!scheduler.is_stand_by_needed(), "there is nothing left to stand by for");
    }

    #[test]
    fn no_thread_stands_by_that_others_need() {
        let bounds = Bounds { openers: 1, ..BOUNDS };
        let mut scheduler = scheduler_with_an_opener(3, bounds);
        assert_eq!(steps(&mut scheduler), []);
    }

    #[test]
    fn files_to_be_closed_count_as_open() {
        let bounds = Bounds { files: 2, open_files: 3, ..BOUNDS };
        let mut scheduler = Scheduler::new(bounds);
        assert_eq!(scheduler.next_step(), Some(Step::List));
        assert_eq!(list(&mut scheduler), 2);
        scheduler.closes.add();
        end_files(&mut scheduler, 1);
        assert_eq!(list(&mut scheduler), 1, "there may be three");
        scheduler.closes.add();
        end_files(&mut scheduler, 1);
        assert_eq!(list(&mut scheduler), 0);
        assert_eq!(scheduler.next_step(), Some(Step::Close), "others wait for that");
        assert_ne!(scheduler.next_step(), Some(Step::Close), "one is coming");
        scheduler.closes.set_coming(false);
        scheduler.closes.begin();
        assert_eq!(list(&mut scheduler), 0, "that may take its time");
        assert_eq!(scheduler.next_step(), Some(Step::Close), "nor does the other wait for it");
        scheduler.closes.done();
        assert_eq!(list(&mut scheduler), 1);
    }

    #[test]
    fn many_files_are_closed_together() {
        let mut scheduler = Scheduler::new(BOUNDS);
        scheduler.end_listing();
        (1..CLOSE_AT).for_each(|_| scheduler.closes.add());
        assert_eq!(steps(&mut scheduler), []);
        scheduler.closes.add();
        assert_eq!(steps(&mut scheduler), [Step::Close]);
    }
}
