//! Which paths are taken when, and who opens them: workers, as long as the system has what that
//! takes in memory, or the blocking threads.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::files::source::Numbered;

/// Room for so many files, or for one in sixteen of all that there may be, is worth asking for paths.
const HANDFUL: usize = 16;

/// How many files one task of a blocking thread opens.
pub(crate) const OPEN_AT_ONCE: usize = 8;

/// After so many files in a row that were not in memory, or that were, the others open them.
const STREAK: u32 = 8;

/// Who opens files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Workers,
    BlockingThreads,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A blocking thread is to ask for paths, and then to open files.
    List,
    /// A blocking thread is to open files.
    Open,
    /// A worker is to open files and read what is in memory.
    Pull,
}

/// Bounds on what is going on at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) files: usize,
    pub(crate) results: usize,
    pub(crate) pullers: usize,
    pub(crate) openers: usize,
}

pub(crate) struct Desk {
    bounds: Bounds,
    state: Mutex<State>,
}

pub(crate) struct State {
    mode: Mode,
    /// Files in a row that spoke against the mode.
    streak: u32,
    /// How many files were taken from the source, and of these, how many have no result yet.
    brought: u64,
    begun: usize,
    /// Files that were taken from the source and whose result nobody has taken yet.
    untaken: usize,
    /// Taken from the source, for anybody to open.
    todo: VecDeque<Numbered>,
    /// For blocking threads to open.
    cold: VecDeque<Numbered>,
    pullers: usize,
    /// Pullers that run the user's functions.
    in_functions: usize,
    /// But for the one who lists.
    openers: usize,
    /// Somebody asks the source for paths.
    listing: bool,
    /// How many files a blocking thread's task gets done in its time: so many are another one's worth.
    open_pace: usize,
    /// No more paths are taken.
    over: bool,
    /// All is done.
    closed: bool,
}

impl Desk {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let state = State {
            mode: Mode::Workers,
            streak: 0,
            brought: 0,
            begun: 0,
            untaken: 0,
            todo: VecDeque::new(),
            cold: VecDeque::new(),
            pullers: 0,
            in_functions: 0,
            openers: 0,
            listing: false,
            open_pace: 1,
            over: false,
            closed: false,
        };
        Self { bounds, state: Mutex::new(state) }
    }

    /// What may be begun now, if anything; whoever gets it does it, and says when it is over.
    pub(crate) fn next_task(&self) -> Option<Task> {
        let mut state = self.lock();
        let task = state.wanted(&self.bounds)?;
        match task {
            Task::List => state.listing = true,
            Task::Open => state.openers += 1,
            Task::Pull => state.pullers += 1,
        }
        Some(task)
    }

    /// A task can't be begun.
    pub(crate) fn never_begun(&self, task: Task) {
        match task {
            Task::Pull => return self.pulled(),
            Task::List => self.listed(),
            Task::Open => {}
        }
        self.opened(0, true);
    }

    /// Whether the one who lists is to ask for another path.
    pub(crate) fn goes_on_listing(&self) -> bool {
        let state = self.lock();
        !state.over && state.room(&self.bounds) > 0
    }

    /// A path has come. It is dropped if none is wanted any more; otherwise it is counted, before
    /// anybody can take it. True if somebody is to be called for it.
    #[must_use]
    pub(crate) fn bring(&self, path: Numbered, count: impl FnOnce()) -> bool {
        let mut state = self.lock();
        if state.over {
            return false;
        }
        count();
        state.begun += 1;
        state.untaken += 1;
        state.brought += 1;
        state.todo.push_back(path);
        state.wanted(&self.bounds).is_some()
    }

    /// Takes no more paths. If a result is to stand for those that there might have been, returns its
    /// number, and it counts as begun.
    pub(crate) fn end(&self, explain: bool) -> Option<u64> {
        let mut state = self.lock();
        let explain = explain && !state.over;
        state.over = true;
        state.begun += usize::from(explain);
        state.untaken += usize::from(explain);
        explain.then_some(state.brought)
    }

    /// Gives back what nobody has opened yet.
    pub(crate) fn drain(&self) -> Vec<Numbered> {
        let mut state = self.lock();
        let state = &mut *state;
        state.todo.drain(..).chain(state.cold.drain(..)).collect()
    }

    /// Who listed opens files from now on.
    pub(crate) fn listed(&self) {
        let mut state = self.lock();
        state.listing = false;
        state.openers += 1;
    }

    /// A worker begins to run the user's functions for a file, which was in memory. True if there is
    /// something for another, as these may be slow: paths to be opened, also those that this one left
    /// to others, or room for more of them, which a file that it has just ended may have left.
    pub(crate) fn begin_functions(&self) -> bool {
        let mut state = self.lock();
        state.note(true);
        state.in_functions += 1;
        state.wanted(&self.bounds).is_some()
    }

    /// It has run them, and the file has its result.
    pub(crate) fn end_functions(&self) {
        let mut state = self.lock();
        state.in_functions -= 1;
        state.begun -= 1;
    }

    /// A worker's task is over.
    pub(crate) fn pulled(&self) {
        self.lock().pullers -= 1;
    }

    /// A blocking thread's task is over, in which so many files were opened; and its time was, or
    /// not.
    pub(crate) fn opened(&self, files: usize, in_time: bool) {
        let mut state = self.lock();
        state.openers -= 1;
        // One that ended early might have done more.
        let pace = if in_time { files.max(state.open_pace) } else { files.max(1) };
        state.open_pace = pace.min(OPEN_AT_ONCE);
    }

    /// A path for this task, if it is its turn.
    pub(crate) fn next_path(&self, task: Task) -> Option<Numbered> {
        let mut state = self.lock();
        match (task, state.mode) {
            (Task::Pull, Mode::Workers) => state.todo.pop_front(),
            (Task::Pull, Mode::BlockingThreads) => None,
            (_, Mode::Workers) => state.cold.pop_front(),
            (_, Mode::BlockingThreads) => {
                let cold = state.cold.pop_front();
                cold.or_else(|| state.todo.pop_front())
            }
        }
    }

    /// Leaves a file to the blocking threads.
    pub(crate) fn leave(&self, path: Numbered) {
        self.lock().cold.push_back(path);
    }

    /// Takes note whether a file was in memory that a worker looked at.
    pub(crate) fn note(&self, in_memory: bool) {
        self.lock().note(in_memory);
    }

    /// Takes note whether a file was in memory that a blocking thread looked at.
    pub(crate) fn note_probe(&self, in_memory: bool) {
        let mut state = self.lock();
        if state.mode == Mode::BlockingThreads {
            state.note(in_memory);
        }
    }

    /// So many files have their result.
    pub(crate) fn finished(&self, files: usize) {
        self.lock().begun -= files;
    }

    /// So many results have been taken.
    pub(crate) fn taken(&self, results: usize) {
        self.lock().untaken -= results;
    }

    /// True once: when all is done.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.lock();
        let now = state.over && state.begun == 0 && !state.closed;
        state.closed |= now;
        now
    }

    /// Keeps everybody else from it.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> MutexGuard<'_, State> {
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, in_memory: bool) {
        let fits = in_memory == (self.mode == Mode::Workers);
        self.streak = if fits { 0 } else { self.streak + 1 };
        if self.streak >= STREAK {
            self.streak = 0;
            self.mode = match self.mode {
                Mode::Workers => Mode::BlockingThreads,
                Mode::BlockingThreads => Mode::Workers,
            };
        }
    }

    /// What may be begun now.
    fn wanted(&self, bounds: &Bounds) -> Option<Task> {
        if self.wants_paths(bounds) {
            return Some(Task::List);
        }
        let by_workers = self.mode == Mode::Workers;
        let cold = self.cold.len() + if by_workers { 0 } else { self.todo.len() };
        // One that is at work goes on; others are worth it if there is enough for them.
        let openers = cold / self.open_pace + usize::from(self.openers == 0 && cold > 0);
        if self.openers < openers.min(bounds.openers) {
            return Some(Task::Open);
        }
        (by_workers && self.wants_puller(bounds)).then_some(Task::Pull)
    }

    /// Whether paths wait that no puller is coming for.
    fn wants_puller(&self, bounds: &Bounds) -> bool {
        self.pullers < bounds.pullers && self.todo.len() > self.pullers - self.in_functions
    }

    /// Whether it is worth asking the source for paths, or else nobody would do anything.
    fn wants_paths(&self, bounds: &Bounds) -> bool {
        let (room, known) = (self.room(bounds), self.todo.len() + self.cold.len());
        let idle = known + self.pullers + self.openers == 0;
        // Before those that are known are all begun, so that nobody has to wait.
        let handful = (bounds.files.min(bounds.results) / 16).clamp(1, HANDFUL);
        let worth = room >= handful && known <= bounds.files / 2;
        !self.over && !self.listing && room > 0 && (worth || idle)
    }

    /// How many more paths may be taken from the source.
    fn room(&self, bounds: &Bounds) -> usize {
        let files = bounds.files.saturating_sub(self.begun);
        files.min(bounds.results.saturating_sub(self.untaken))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::PathBuf;

    use super::{Bounds, Desk, OPEN_AT_ONCE, STREAK, Task};
    use crate::files::source::Numbered;

    const BOUNDS: Bounds = Bounds { files: 64, results: 100, pullers: 2, openers: 4 };

    /// A desk with so many paths, of which there are no more, and nobody at work.
    fn desk_with(paths: u64, bounds: Bounds) -> Desk {
        let desk = Desk::new(bounds);
        assert_eq!(desk.next_task(), Some(Task::List));
        (0..paths).for_each(|index| _ = bring(&desk, index));
        assert_eq!(desk.end(false), None);
        desk.listed();
        desk.opened(0, true);
        desk
    }

    fn path(index: u64) -> Numbered {
        Numbered { index, path: PathBuf::new() }
    }

    /// Whether somebody is to be called for it.
    fn bring(desk: &Desk, index: u64) -> bool {
        desk.bring(path(index), || ())
    }

    fn tasks(desk: &Desk) -> Vec<Task> {
        std::iter::from_fn(|| desk.next_task()).collect()
    }

    /// Lists as many as there is room for.
    fn list(desk: &Desk) -> usize {
        let mut count = 0;
        while desk.goes_on_listing() {
            bring(desk, count);
            count += 1;
        }
        count as usize
    }

    #[test]
    fn a_path_is_counted_before_anybody_can_take_it() {
        let (desk, counted) = (Desk::new(BOUNDS), Cell::new(0));
        let count = || {
            counted.set(counted.get() + 1);
            assert!(desk.state.try_lock().is_err(), "somebody may have it");
        };
        assert!(desk.bring(path(0), count), "who listed may be long in asking for the next");
        desk.end(false);
        assert!(!desk.bring(path(1), count));
        assert_eq!(counted.get(), 1, "only what is taken");
    }

    #[test]
    fn no_more_is_listed_than_the_bounds_allow() {
        let desk = Desk::new(BOUNDS);
        assert_eq!(list(&desk), 64, "files");
        desk.finished(49);
        assert_eq!(list(&desk), 36, "results: what is finished counts until it is taken");
        desk.finished(40);
        desk.taken(10);
        assert_eq!(list(&desk), 10);
    }

    #[test]
    fn room_that_a_worker_left_is_seen_before_it_runs_what_may_be_slow() {
        let desk = Desk::new(Bounds { files: 2, results: 2, ..BOUNDS });
        assert_eq!(desk.next_task(), Some(Task::List));
        assert_eq!(list(&desk), 2);
        desk.listed();
        desk.opened(0, true);
        assert_eq!(desk.next_task(), Some(Task::Pull));
        desk.next_path(Task::Pull).unwrap();
        // Its result is taken at once, before it counts as finished.
        desk.taken(1);
        assert!(tasks(&desk).is_empty(), "there is no room yet");
        desk.finished(1);
        desk.next_path(Task::Pull).unwrap();
        assert!(desk.begin_functions(), "nobody else may come by");
        assert_eq!(desk.next_task(), Some(Task::List));
    }

    #[test]
    fn paths_are_asked_for_by_one_and_when_it_is_worth_it() {
        let desk = Desk::new(BOUNDS);
        assert_eq!(desk.next_task(), Some(Task::List));
        assert_eq!(desk.next_task(), None);
        assert_eq!(list(&desk), 64);
        desk.listed();
        assert_eq!(tasks(&desk), [Task::Pull, Task::Pull]);
        while desk.next_path(Task::Pull).is_some() {}
        desk.finished(3);
        assert_eq!(desk.next_task(), None, "some are at work");
        desk.finished(1);
        assert_eq!(desk.next_task(), Some(Task::List), "one in sixteen");
        assert_eq!(list(&desk), 4);
        desk.listed();
        while desk.next_path(Task::Pull).is_some() {}
        desk.finished(1);
        for end in [|desk: &Desk| desk.opened(0, true), Desk::pulled].iter().cycle().take(4) {
            assert_eq!(desk.next_task(), None);
            end(&desk);
        }
        assert_eq!(desk.next_task(), Some(Task::List), "nobody else would do anything");
    }

    #[test]
    fn who_waits_for_a_path_leaves_those_before_it_to_others() {
        let desk = Desk::new(BOUNDS);
        assert_eq!(tasks(&desk), [Task::List]);
        bring(&desk, 0);
        assert_eq!(tasks(&desk), [Task::Pull]);
        desk.leave(desk.next_path(Task::Pull).unwrap());
        assert_eq!(tasks(&desk), [Task::Open]);
    }

    #[test]
    fn who_lists_calls_nobody_for_whom_there_is_nothing_more() {
        let desk = Desk::new(BOUNDS);
        assert_eq!(tasks(&desk), [Task::List]);
        for index in 0..2 {
            assert!(bring(&desk, index));
            assert_eq!(tasks(&desk), [Task::Pull]);
        }
        assert!(!bring(&desk, 2), "all that may are coming");
        desk.pulled();
        assert!(bring(&desk, 3));
    }

    #[test]
    fn workers_pull_until_files_turn_out_to_be_cold() {
        let desk = desk_with(60, BOUNDS);
        assert_eq!(tasks(&desk), [Task::Pull, Task::Pull]);
        (1..STREAK).for_each(|_| desk.note(false));
        desk.note(true);
        assert!(desk.next_path(Task::Pull).is_some(), "not in a row");
        (0..STREAK).for_each(|_| desk.note(false));
        assert!(desk.next_path(Task::Pull).is_none(), "it is for others now");
        assert_eq!(tasks(&desk), [Task::Open; 4]);
        assert!(desk.next_path(Task::Open).is_some());
        (0..STREAK).for_each(|_| desk.note_probe(true));
        desk.note_probe(false);
        assert!(desk.next_path(Task::Open).is_none());
        assert!(desk.next_path(Task::Pull).is_some(), "and theirs again");
    }

    #[test]
    fn a_file_that_was_left_is_opened_by_others() {
        let desk = desk_with(32, BOUNDS);
        assert_eq!(tasks(&desk), [Task::Pull, Task::Pull]);
        desk.leave(desk.next_path(Task::Pull).unwrap());
        assert_eq!(tasks(&desk), [Task::Open]);
        assert_eq!(desk.next_path(Task::Open).unwrap().index, 0);
        assert!(desk.next_path(Task::Open).is_none());
        desk.opened(OPEN_AT_ONCE, true);
        for _ in 0..2 * OPEN_AT_ONCE {
            desk.leave(desk.next_path(Task::Pull).unwrap());
        }
        assert_eq!(tasks(&desk), [Task::Open; 2], "there is enough for two");
    }

    #[test]
    fn files_that_are_slow_to_open_are_worth_a_task_each() {
        let desk = desk_with(5, BOUNDS);
        (0..STREAK).for_each(|_| desk.note(false));
        assert_eq!(
            tasks(&desk),
            [Task::Open; 4],
            "all there may be: it isn't known how long it takes"
        );
        desk.opened(OPEN_AT_ONCE, true);
        assert_eq!(tasks(&desk), [], "it doesn't take long");
        desk.opened(1, false);
        assert_eq!(tasks(&desk), [Task::Open; 2], "now it does");
    }

    #[test]
    fn nobody_is_relied_on_who_may_run_a_slow_function() {
        let desk = desk_with(2, BOUNDS);
        (0..2).for_each(|_| assert_eq!(desk.next_task(), Some(Task::Pull)));
        assert_eq!(desk.next_task(), None, "there is one for each");
        desk.pulled();
        assert!(desk.next_path(Task::Pull).is_some());
        assert_eq!(desk.next_task(), None, "who is there comes for the other");
        assert!(desk.begin_functions(), "or perhaps not");
        assert_eq!(desk.next_task(), Some(Task::Pull));
        desk.end_functions();
        assert_eq!(desk.next_task(), None);
    }

    #[test]
    fn a_file_that_was_left_does_not_wait_for_a_slow_function() {
        let desk = desk_with(2, BOUNDS);
        assert_eq!(tasks(&desk), [Task::Pull, Task::Pull]);
        desk.pulled();
        desk.leave(desk.next_path(Task::Pull).unwrap());
        desk.next_path(Task::Pull).unwrap();
        assert!(desk.begin_functions(), "nobody else may come by");
        assert_eq!(tasks(&desk), [Task::Open]);
    }

    #[test]
    fn a_result_stands_for_what_was_not_listed() {
        let desk = Desk::new(BOUNDS);
        (0..3).for_each(|index| assert!(bring(&desk, index)));
        assert_eq!((desk.end(true), desk.end(true)), (Some(3), None));
        desk.finished(3);
        assert!(!desk.close());
        desk.finished(1);
        assert!(desk.close());
    }

    #[test]
    fn it_is_over_once_when_all_have_their_result() {
        let desk = desk_with(2, BOUNDS);
        assert!(desk.next_path(Task::Pull).is_some());
        assert_eq!((desk.end(true), desk.drain().len()), (None, 1), "it had ended already");
        assert!(!bring(&desk, 2), "none is wanted any more");
        desk.finished(1);
        assert!(!desk.close(), "one is under way");
        desk.finished(1);
        assert!(desk.close());
        assert!(!desk.close(), "told already");
    }
}
