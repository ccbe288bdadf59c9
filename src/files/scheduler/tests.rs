//! The decisions of a scheduler, case by case.

use std::cell::Cell;
use std::path::PathBuf;

use super::closes::CLOSE_AT;
use super::event::{EndedBy, Event, Step, Taker};
use super::openers::{BatchEnd, OPEN_AT_ONCE, STREAK};
use super::{Bounds, Scheduler};
use crate::file::residency::Residency;
use crate::files::paths::ListedPath;
use crate::sync::{Mutex, lock};

const BOUNDS: Bounds = Bounds {
    files: 64,
    results: 100,
    open_files: 1000,
    inline_steps: 2,
    openers: 4,
    descriptors: 1,
};

/// A scheduler with all of its paths, this many, and no step begun.
fn scheduler_with(paths: u64, bounds: Bounds) -> Scheduler {
    let mut scheduler = Scheduler::new(bounds);
    assert_eq!(next_step(&mut scheduler), Some(Step::List));
    (0..paths).for_each(|_| _ = add(&mut scheduler));
    scheduler.note(Event::ListingEnded);
    scheduler.note(Event::ListerOpens);
    scheduler.openers.done(0, BatchEnd::InTime);
    scheduler
}

/// Begins one step.
fn next_step(scheduler: &mut Scheduler) -> Option<Step> {
    let step = scheduler.wanted()?;
    scheduler.begin(step);
    Some(step)
}

/// The step that may be begun after something has happened.
fn wanted_after(scheduler: &mut Scheduler, event: Event) -> Option<Step> {
    scheduler.note(event);
    scheduler.wanted()
}

fn add(scheduler: &mut Scheduler) -> Option<Step> {
    scheduler.add_path(ListedPath::source(PathBuf::new()));
    scheduler.wanted()
}

/// The iterator has panicked.
fn panic(scheduler: &mut Scheduler) -> Option<u64> {
    let index = scheduler.next_index()?;
    scheduler.note(Event::ListingPanicked);
    Some(index)
}

/// A blocking thread begins to open a file. Returns the step that may be begun then.
fn begin_opening(scheduler: &mut Scheduler) -> Option<Step> {
    scheduler.next_path(Taker::BlockingThread).unwrap();
    scheduler.openers.opening();
    scheduler.wanted()
}

/// A worker leaves a file to the blocking threads.
fn defer_next(scheduler: &mut Scheduler) {
    let path = scheduler.next_path(Taker::Worker).unwrap();
    scheduler.for_blocking.push_back(path);
}

fn end_files(scheduler: &mut Scheduler, files: usize) {
    (0..files).for_each(|_| scheduler.note(Event::FileEnded(EndedBy::Other)));
}

fn steps(scheduler: &mut Scheduler) -> Vec<Step> {
    scheduler.steps().0
}

/// Lists as many as there is room for.
fn list(scheduler: &mut Scheduler) -> usize {
    let mut count = 0;
    while scheduler.wants_path() {
        let _ = add(scheduler);
        count += 1;
    }
    count
}

#[test]
fn a_path_is_counted_before_anybody_can_take_it() {
    let (scheduler, counted) = (Mutex::new(Scheduler::new(BOUNDS)), Cell::new(0));
    let count = || {
        counted.set(counted.get() + 1);
        assert!(scheduler.try_lock().is_err(), "somebody may have it");
    };
    let steps = lock(&scheduler).listed(ListedPath::source(PathBuf::new()), count);
    assert!(!steps.is_empty(), "who listed may be long in asking for the next");
    let _ = lock(&scheduler).on(Event::ListingEnded);
    assert!(lock(&scheduler).listed(ListedPath::source(PathBuf::new()), count).is_empty());
    assert_eq!(counted.get(), 1, "only what is taken");
}

#[test]
fn after_a_step_that_could_not_be_posted_none_is_begun_but_the_end() {
    for step in [Step::List, Step::Open, Step::Inline, Step::StandBy, Step::Close] {
        let mut scheduler = Scheduler::new(BOUNDS);
        let _ = add(&mut scheduler);
        // So many that a step of each kind would be worth it.
        (0..CLOSE_AT).for_each(|_| scheduler.add_to_close());
        scheduler.begin(step);
        assert!(scheduler.on(Event::NeverBegun(step)).is_empty(), "{step:?}");
        assert!(!scheduler.listing && scheduler.openers.count() + scheduler.inline_steps == 0);
        assert!(scheduler.on(Event::ListingEnded).is_empty(), "{step:?}");
        let end = scheduler.on(Event::FileEnded(EndedBy::Other));
        assert_eq!(end.0, [Step::Finish], "{step:?}");
    }
}

#[test]
fn an_iterator_that_panicked_has_one_result_in_the_place_of_the_next_path() {
    let mut scheduler = Scheduler::new(BOUNDS);
    (0..2).for_each(|_| _ = add(&mut scheduler));
    assert_eq!(panic(&mut scheduler), Some(2));
    assert_eq!((scheduler.in_progress, scheduler.undelivered), (3, 3));
    assert_eq!(panic(&mut scheduler), None, "it ended before");
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
        assert_eq!(next_step(&mut scheduler), Some(Step::List));
        (0..files - room).for_each(|_| _ = add(&mut scheduler));
        // Those that don't wait are being read.
        while scheduler.listed.len() > waiting {
            assert!(scheduler.next_path(Taker::Worker).is_some());
        }
        scheduler.note(Event::ListerOpens);
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
    scheduler.note(Event::ResultsTaken(10));
    assert_eq!(list(&mut scheduler), 10);
}

#[test]
fn room_that_a_worker_left_is_seen_before_it_runs_what_may_be_slow() {
    let mut scheduler = Scheduler::new(Bounds { files: 2, results: 2, ..BOUNDS });
    assert_eq!(next_step(&mut scheduler), Some(Step::List));
    assert_eq!(list(&mut scheduler), 2);
    scheduler.note(Event::ListerOpens);
    scheduler.openers.done(0, BatchEnd::InTime);
    assert_eq!(next_step(&mut scheduler), Some(Step::Inline));
    scheduler.next_path(Taker::Worker).unwrap();
    // Its result is taken at once, before it counts as finished.
    scheduler.note(Event::ResultsTaken(1));
    assert!(steps(&mut scheduler).is_empty(), "there is no room yet");
    end_files(&mut scheduler, 1);
    scheduler.next_path(Taker::Worker).unwrap();
    assert!(
        wanted_after(&mut scheduler, Event::CallbacksBegun).is_some(),
        "nobody else may come by"
    );
    assert_eq!(next_step(&mut scheduler), Some(Step::List));
}

#[test]
fn paths_are_asked_for_by_one_and_when_it_is_worth_it() {
    let mut scheduler = Scheduler::new(BOUNDS);
    assert_eq!(next_step(&mut scheduler), Some(Step::List));
    assert_eq!(next_step(&mut scheduler), None);
    assert_eq!(list(&mut scheduler), 64);
    scheduler.note(Event::ListerOpens);
    assert_eq!(steps(&mut scheduler), [Step::Inline, Step::Inline]);
    while scheduler.next_path(Taker::Worker).is_some() {}
    end_files(&mut scheduler, 3);
    assert_eq!(next_step(&mut scheduler), None, "some are at work");
    end_files(&mut scheduler, 1);
    assert_eq!(next_step(&mut scheduler), Some(Step::List), "one in sixteen");
    assert_eq!(list(&mut scheduler), 4);
    scheduler.note(Event::ListerOpens);
    while scheduler.next_path(Taker::Worker).is_some() {}
    end_files(&mut scheduler, 1);
    let opening_done: fn(&mut Scheduler) = |scheduler| scheduler.openers.done(0, BatchEnd::InTime);
    let inline_done: fn(&mut Scheduler) = |scheduler| scheduler.note(Event::InlineDone);
    for end in [opening_done, inline_done].iter().cycle().take(4) {
        assert_eq!(next_step(&mut scheduler), None);
        end(&mut scheduler);
    }
    assert_eq!(next_step(&mut scheduler), Some(Step::List), "nobody else would do anything");
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
    scheduler.note(Event::InlineDone);
    assert!(add(&mut scheduler).is_some());
}

#[test]
fn workers_pull_until_files_turn_out_to_be_cold() {
    let mut scheduler = scheduler_with(60, BOUNDS);
    assert_eq!(steps(&mut scheduler), [Step::Inline, Step::Inline]);
    (1..STREAK).for_each(|_| scheduler.expected.observe(Residency::Cold));
    scheduler.expected.observe(Residency::Cached);
    assert!(scheduler.next_path(Taker::Worker).is_some(), "not in a row");
    (0..STREAK).for_each(|_| scheduler.expected.observe(Residency::Cold));
    assert!(scheduler.next_path(Taker::Worker).is_none(), "it is for others now");
    assert_eq!(steps(&mut scheduler), [Step::Open; 4]);
    assert!(scheduler.next_path(Taker::BlockingThread).is_some());
    (0..STREAK).for_each(|_| scheduler.expected.observe_probe(Residency::Cached));
    scheduler.expected.observe_probe(Residency::Cold);
    assert!(scheduler.next_path(Taker::BlockingThread).is_none());
    assert!(scheduler.next_path(Taker::Worker).is_some(), "and theirs again");
}

#[test]
fn a_file_that_was_left_is_opened_by_others() {
    let mut scheduler = scheduler_with(32, BOUNDS);
    assert_eq!(steps(&mut scheduler), [Step::Inline, Step::Inline]);
    defer_next(&mut scheduler);
    assert_eq!(steps(&mut scheduler), [Step::Open]);
    assert_eq!(scheduler.next_path(Taker::BlockingThread).unwrap().index, 0);
    assert!(scheduler.next_path(Taker::BlockingThread).is_none());
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
    (0..2).for_each(|_| assert_eq!(next_step(&mut scheduler), Some(Step::Inline)));
    assert_eq!(next_step(&mut scheduler), None, "there is one for each");
    scheduler.note(Event::InlineDone);
    assert!(scheduler.next_path(Taker::Worker).is_some());
    assert_eq!(next_step(&mut scheduler), None, "who is there comes for the other");
    assert!(wanted_after(&mut scheduler, Event::CallbacksBegun).is_some(), "or perhaps not");
    assert_eq!(next_step(&mut scheduler), Some(Step::Inline));
    scheduler.note(Event::FileEnded(EndedBy::InlineCallbacks));
    assert_eq!(next_step(&mut scheduler), None);
}

#[test]
fn a_file_that_was_left_does_not_wait_for_a_slow_function() {
    let mut scheduler = scheduler_with(2, BOUNDS);
    assert_eq!(steps(&mut scheduler), [Step::Inline, Step::Inline]);
    scheduler.note(Event::InlineDone);
    defer_next(&mut scheduler);
    scheduler.next_path(Taker::Worker).unwrap();
    assert!(
        wanted_after(&mut scheduler, Event::CallbacksBegun).is_some(),
        "nobody else may come by"
    );
    assert_eq!(steps(&mut scheduler), [Step::Open]);
}

#[test]
fn a_result_stands_for_what_was_not_listed() {
    let mut scheduler = Scheduler::new(BOUNDS);
    (0..3).for_each(|_| assert!(add(&mut scheduler).is_some()));
    assert_eq!((panic(&mut scheduler), panic(&mut scheduler)), (Some(3), None));
    end_files(&mut scheduler, 3);
    assert_ne!(next_step(&mut scheduler), Some(Step::Finish));
    end_files(&mut scheduler, 1);
    assert_eq!(next_step(&mut scheduler), Some(Step::Finish));
}

#[test]
fn it_is_over_once_when_all_have_their_result() {
    let mut scheduler = scheduler_with(2, BOUNDS);
    assert!(scheduler.next_path(Taker::Worker).is_some());
    let ended = panic(&mut scheduler);
    assert_eq!((ended, scheduler.drain().len()), (None, 1), "it had ended already");
    assert!(scheduler.next_index().is_none(), "none is wanted any more");
    end_files(&mut scheduler, 1);
    assert_ne!(next_step(&mut scheduler), Some(Step::Finish), "one is under way");
    end_files(&mut scheduler, 1);
    assert_eq!(next_step(&mut scheduler), Some(Step::Finish));
    assert_ne!(next_step(&mut scheduler), Some(Step::Finish), "told already");
}

/// A scheduler whose paths are for openers, one of which has opened none yet and is opening the
/// first. The others think that it does not take long.
fn scheduler_with_an_opener(paths: u64, bounds: Bounds) -> Scheduler {
    let mut scheduler = scheduler_with(paths, bounds);
    (0..STREAK).for_each(|_| scheduler.expected.observe(Residency::Cold));
    assert_eq!(next_step(&mut scheduler), Some(Step::Open));
    scheduler.openers.begin();
    scheduler.openers.done(OPEN_AT_ONCE, BatchEnd::InTime);
    assert_eq!(steps(&mut scheduler), [], "one opener has enough time for all");
    begin_opening(&mut scheduler);
    scheduler
}

#[test]
fn one_stands_by_for_paths_behind_a_file_that_is_long_in_opening() {
    let mut scheduler = scheduler_with_an_opener(3, BOUNDS);
    assert_eq!(steps(&mut scheduler), [Step::StandBy], "and not for each path");
    assert!(scheduler.is_stand_by_needed());
    scheduler.openers.stop_standing_by();
    assert_eq!(steps(&mut scheduler), [], "it opens the next itself");
    let step = begin_opening(&mut scheduler);
    assert_eq!(step, Some(Step::StandBy), "which may be as long in opening");
    assert_eq!(steps(&mut scheduler), [Step::StandBy]);
    scheduler.openers.stop_standing_by();
    let step = begin_opening(&mut scheduler);
    assert_eq!(step, None, "all are being opened");
}

#[test]
fn one_stands_by_for_files_opened_before_one_that_is_long_in_opening() {
    let mut scheduler = scheduler_with_an_opener(2, BOUNDS);
    scheduler.openers.opened();
    assert!(!scheduler.is_stand_by_needed(), "the opener hands it over or opens the next");
    let step = begin_opening(&mut scheduler);
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
    assert_eq!(next_step(&mut scheduler), Some(Step::List));
    assert_eq!(list(&mut scheduler), 2);
    scheduler.closes.add();
    end_files(&mut scheduler, 1);
    assert_eq!(list(&mut scheduler), 1, "there may be three");
    scheduler.closes.add();
    end_files(&mut scheduler, 1);
    assert_eq!(list(&mut scheduler), 0);
    assert_eq!(next_step(&mut scheduler), Some(Step::Close), "others wait for that");
    assert_ne!(next_step(&mut scheduler), Some(Step::Close), "one is coming");
    scheduler.closes.set_coming(false);
    scheduler.closes.begin();
    assert_eq!(list(&mut scheduler), 0, "that may take its time");
    assert_eq!(next_step(&mut scheduler), Some(Step::Close), "nor does the other wait for it");
    scheduler.closes.done();
    assert_eq!(list(&mut scheduler), 1);
}

#[test]
fn many_files_are_closed_together() {
    let mut scheduler = Scheduler::new(BOUNDS);
    let _ = add(&mut scheduler);
    scheduler.next_path(Taker::Worker).unwrap();
    scheduler.note(Event::ListingEnded);
    (1..CLOSE_AT).for_each(|_| scheduler.closes.add());
    assert_eq!(steps(&mut scheduler), []);
    scheduler.closes.add();
    assert_eq!(steps(&mut scheduler), [Step::Close]);
}
