//! Tasks and threads that wait for room.
//!
//! The crate's code decides which of them is woken. The owner of the room is the least that it can
//! be: a count under a lock.

use std::sync::Arc;
use std::task::Waker;

use super::Task;
use crate::sync::{Condvar, Mutex, MutexGuard, thread};
use crate::wait::room::{LeaveLine, LinePlace, Room};
use crate::wait::{TaskWaker, wake};

/// A mistake that the owner makes.
#[derive(Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// A task that was woken and gives up does not pass the wake-up on.
    KeepsTheWakeUp,
    /// A task that enters wakes no other, although there is room.
    LeavesRoom,
    /// A task finds no room, and stands in the line after another thread had the lock.
    StandsLater,
}

/// Lets so many jobs in at a time: as many as it has places.
struct Owner {
    mistake: Mistake,
    places: usize,
    state: Mutex<OwnerState>,
    room: Condvar,
}

#[derive(Default)]
struct OwnerState {
    taken: usize,
    room: Room,
}

impl Owner {
    fn new(places: usize, taken: usize, mistake: Mistake) -> Arc<Self> {
        let state = Mutex::new(OwnerState { taken, ..OwnerState::default() });
        Arc::new(Self { mistake, places, state, room: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, OwnerState> {
        self.state.lock().unwrap()
    }

    fn pass_on(&self, state: &mut OwnerState) {
        let (room, is_last) = (self.places - state.taken, state.taken == 0);
        if state.room.pass_on(room, is_last) {
            self.room.notify_one();
        }
    }

    fn unlock(mut state: MutexGuard<'_, OwnerState>) {
        let woken = state.room.line.take_woken();
        drop(state);
        wake(woken);
    }

    /// A task's attempt to enter: takes a place, or stands in the line.
    fn enter(&self, place: &mut LinePlace, waker: &Waker) -> bool {
        let mut state = self.lock();
        let room = self.places - state.taken;
        let Some(ahead) = state.room.turn(place, room) else {
            if self.mistake == Mistake::StandsLater {
                drop(state);
                state = self.lock();
            }
            state.room.line.stand(place, TaskWaker::of(waker));
            return false;
        };
        state.room.line.leave(place);
        state.taken += 1;
        if ahead == 0 && self.mistake != Mistake::LeavesRoom {
            self.pass_on(&mut state);
        }
        Self::unlock(state);
        true
    }

    fn give_up(&self, place: &mut LinePlace) {
        if place.is_none() {
            return;
        }
        let mut state = self.lock();
        let left = state.room.line.leave(place);
        if matches!(left, LeaveLine::Woken) && self.mistake != Mistake::KeepsTheWakeUp {
            self.pass_on(&mut state);
        }
        Self::unlock(state);
    }

    /// A thread waits for a place.
    fn wait(&self) {
        let mut state = self.lock();
        while state.taken == self.places {
            state.room.thread_waits();
            state = self.room.wait(state).unwrap();
            state.room.thread_came();
        }
        state.taken += 1;
        self.pass_on(&mut state);
        Self::unlock(state);
    }

    /// A job ends. A waiter is woken if more than half of the places are free.
    fn end(&self) {
        let mut state = self.lock();
        state.taken -= 1;
        let (room, is_last) = (self.places - state.taken, state.taken == 0);
        if state.room.has_waiters()
            && state.room.job_ended(room, 2 * room > self.places, is_last, 9)
        {
            self.room.notify_one();
        }
        Self::unlock(state);
    }
}

/// A task that wants a place, and has none yet.
struct Waiting {
    owner: Arc<Owner>,
    task: Arc<Task>,
    waker: Waker,
    place: LinePlace,
}

impl Waiting {
    fn new(owner: &Arc<Owner>) -> Self {
        let (task, waker) = Task::new();
        Self { owner: Arc::clone(owner), task, waker, place: LinePlace::default() }
    }

    fn poll(&mut self) -> bool {
        self.owner.enter(&mut self.place, &self.waker)
    }

    /// One that stands in the line.
    fn standing(owner: &Arc<Owner>) -> Self {
        let mut waiting = Self::new(owner);
        assert!(!waiting.poll());
        waiting
    }

    /// Waits until it is woken, as often as it takes to get a place.
    fn sleep(&mut self) {
        loop {
            self.task.sleep();
            if self.poll() {
                return;
            }
        }
    }
}

/// A task that waits until it has had a place.
fn task(owner: &Arc<Owner>) -> thread::JoinHandle<()> {
    let mut waiting = Waiting::new(owner);
    thread::spawn(move || {
        if !waiting.poll() {
            waiting.sleep();
        }
        waiting.owner.end();
    })
}

/// Two tasks take turns at the one place that a job has now.
fn tasks_take_turns(mistake: Mistake) {
    loom::model(move || {
        let owner = Owner::new(1, 1, mistake);
        let tasks = [task(&owner), task(&owner)];
        owner.end();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// A task gives up, at any moment, while another waits behind it.
fn a_task_gives_up(mistake: Mistake) {
    loom::model(move || {
        let owner = Owner::new(1, 1, mistake);
        let mut waiting = Waiting::standing(&owner);
        let ending = Arc::clone(&owner);
        let worker = thread::spawn(move || ending.end());
        let task = task(&owner);
        owner.give_up(&mut waiting.place);
        worker.join().unwrap();
        task.join().unwrap();
    });
}

/// Two tasks wait, and one is woken when there is room for both. They keep their places, so no end
/// of theirs wakes anybody.
fn much_room_at_once(mistake: Mistake) {
    loom::model(move || {
        let owner = Owner::new(3, 3, mistake);
        let stays = |mut waiting: Waiting| thread::spawn(move || waiting.sleep());
        let tasks = [Waiting::standing(&owner), Waiting::standing(&owner)].map(stays);
        owner.end();
        owner.end();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn each_task_has_its_turn() {
    tasks_take_turns(Mistake::None);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_room_between_the_look_and_the_line() {
    tasks_take_turns(Mistake::StandsLater);
}

#[test]
fn a_call_is_passed_on_by_who_gives_up() {
    a_task_gives_up(Mistake::None);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_a_call_that_is_kept() {
    a_task_gives_up(Mistake::KeepsTheWakeUp);
}

#[test]
fn a_call_is_passed_on_by_who_enters() {
    much_room_at_once(Mistake::None);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_room_that_nobody_is_told_of() {
    much_room_at_once(Mistake::LeavesRoom);
}

#[test]
fn threads_and_tasks_wait_for_the_same_room() {
    loom::model(|| {
        let owner = Owner::new(1, 1, Mistake::None);
        let (task, waiting) = (task(&owner), Arc::clone(&owner));
        let thread = thread::spawn(move || {
            waiting.wait();
            waiting.end();
        });
        owner.end();
        task.join().unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn a_task_that_never_comes_holds_up_no_thread() {
    loom::model(|| {
        let owner = Owner::new(1, 1, Mistake::None);
        let _never_polled = Waiting::standing(&owner);
        let waiting = Arc::clone(&owner);
        let thread = thread::spawn(move || waiting.wait());
        owner.end();
        thread.join().unwrap();
    });
}

#[test]
fn tasks_that_never_come_hold_up_no_other_that_there_is_room_for() {
    loom::model(|| {
        let owner = Owner::new(2, 2, Mistake::None);
        let _never_polled = Waiting::standing(&owner);
        let task = task(&owner);
        owner.end();
        owner.end();
        task.join().unwrap();
    });
}

#[test]
fn those_in_front_are_called_first() {
    loom::model(|| {
        let owner = Owner::new(2, 2, Mistake::None);
        let [first, second] = [(); 2].map(|()| Waiting::standing(&owner));
        let mut waiting = [first, second, Waiting::new(&owner)];
        owner.lock().taken = 0;
        assert!(!waiting[2].poll(), "it comes last, and there is room for two");
        assert!(waiting[1].poll(), "there is room for it and the one in front of it");
        assert!(waiting[0].task.was_woken() && waiting[0].poll());
        assert!(!waiting[2].poll() && !waiting[2].task.was_woken());
        owner.end();
        owner.end();
        assert!(waiting[2].task.was_woken() && waiting[2].poll());
        assert_eq!(owner.lock().taken, 1);
    });
}
