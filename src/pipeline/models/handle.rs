//! How a callback's value gets to its handle.

use std::sync::Arc;
use std::task::Waker;

use super::Task;
use crate::sync::{Mutex, thread};
use crate::wait::delivery::{Delivered, Delivery, JoinBell};
use crate::wait::limit::WaitLimit;
use crate::wait::{TaskWaker, wake};

/// The part of a state machine that the models use.
trait Machine: Send + Sync + 'static {
    fn end(&self, value: u32);
    fn poll(&self, waker: &Waker) -> Option<u32>;
}

impl Machine for Delivery<u32> {
    fn end(&self, value: u32) {
        wake(self.end(Delivered::Returned(value)));
    }

    fn poll(&self, waker: &Waker) -> Option<u32> {
        self.poll(waker).map(value)
    }
}

fn value(end: Delivered<u32>) -> u32 {
    match end {
        Delivered::Returned(value) => value,
        Delivered::Panicked(_) | Delivered::Abandoned | Delivered::Taken => {
            panic!("ended without a value")
        }
    }
}

/// A machine with a mistake: it looks whether the end has come, and remembers the waker later.
#[derive(Default)]
struct LooksTooEarly {
    value: Mutex<Option<u32>>,
    waker: Mutex<Option<TaskWaker>>,
}

impl Machine for LooksTooEarly {
    fn end(&self, value: u32) {
        *self.value.lock().unwrap() = Some(value);
        let waker = self.waker.lock().unwrap().take();
        wake(waker);
    }

    fn poll(&self, waker: &Waker) -> Option<u32> {
        let value = self.value.lock().unwrap().take();
        if value.is_none() {
            *self.waker.lock().unwrap() = Some(TaskWaker::of(waker));
        }
        value
    }
}

/// A machine with another mistake: it remembers the first waker for good.
#[derive(Default)]
struct KeepsTheFirst(Mutex<(Option<u32>, Option<TaskWaker>)>);

impl Machine for KeepsTheFirst {
    fn end(&self, value: u32) {
        let mut state = self.0.lock().unwrap();
        state.0 = Some(value);
        let waker = state.1.take();
        drop(state);
        wake(waker);
    }

    fn poll(&self, waker: &Waker) -> Option<u32> {
        let mut state = self.0.lock().unwrap();
        let value = state.0.take();
        if value.is_none() && state.1.is_none() {
            state.1 = Some(TaskWaker::of(waker));
        }
        value
    }
}

/// Awaits the value in a task, whose thread this is.
fn awaited(machine: &impl Machine) -> u32 {
    let (task, waker) = Task::new();
    loop {
        match machine.poll(&waker) {
            Some(value) => return value,
            None => task.sleep(),
        }
    }
}

/// Ends the job in a thread of its own, as a worker does.
fn worker<M: Machine>(machine: &Arc<M>) -> thread::JoinHandle<()> {
    let machine = Arc::clone(machine);
    thread::spawn(move || machine.end(5))
}

fn a_task_waits<M: Machine>(machine: impl Fn() -> Arc<M> + Send + Sync + 'static) {
    loom::model(move || {
        let machine = machine();
        let worker = worker(&machine);
        assert_eq!(awaited(&*machine), 5);
        worker.join().unwrap();
    });
}

/// The handle goes from a task that polled it to another, which is only woken by its own waker.
fn another_task_waits<M: Machine>(machine: impl Fn() -> Arc<M> + Send + Sync + 'static) {
    loom::model(move || {
        let machine = machine();
        let worker = worker(&machine);
        let (first, waker) = Task::new();
        let value = machine.poll(&waker).unwrap_or_else(|| awaited(&*machine));
        assert_eq!(value, 5);
        worker.join().unwrap();
        drop(waker);
        assert_eq!(Arc::strong_count(&first), 1, "its waker was dropped");
    });
}

#[test]
fn a_task_is_woken_by_the_end() {
    a_task_waits(Delivery::pending);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_an_end_between_the_look_and_the_waker() {
    a_task_waits(|| Arc::new(LooksTooEarly::default()));
}

#[test]
fn the_task_that_polled_last_is_woken() {
    another_task_waits(Delivery::pending);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_that_an_earlier_task_is_woken() {
    another_task_waits(|| Arc::new(KeepsTheFirst::default()));
}

#[test]
fn a_task_that_gave_up_is_left_alone_and_the_value_is_dropped_once() {
    loom::model(|| {
        let value = Arc::new(());
        let delivery = Delivery::<Arc<()>>::pending();
        let (promise, returned) = (Arc::clone(&delivery), Arc::clone(&value));
        let worker = thread::spawn(move || wake(promise.end(Delivered::Returned(returned))));
        let (task, waker) = Task::new();
        let taken = delivery.poll(&waker);
        if taken.is_none() {
            drop(delivery.forget_task());
        }
        drop((delivery, waker));
        worker.join().unwrap();
        assert_eq!(Arc::strong_count(&task), 1, "its waker was dropped");
        let owners = 1 + usize::from(taken.is_some());
        assert_eq!(Arc::strong_count(&value), owners, "the value has one owner or none");
    });
}

#[test]
fn a_handle_that_was_polled_can_be_joined() {
    loom::model(|| {
        let delivery = Delivery::<u32>::pending();
        let worker = worker(&delivery);
        let (_task, waker) = Task::new();
        let end = delivery.poll(&waker).or_else(|| delivery.wait(WaitLimit::NEVER));
        assert_eq!(end.map(value), Some(5));
        assert!(matches!(delivery.poll(&waker), Some(Delivered::Taken)), "it is had once");
        worker.join().unwrap();
    });
}

#[test]
fn whoever_ends_second_changes_nothing() {
    loom::model(|| {
        let delivery = Delivery::<u32>::pending();
        let promise = Arc::clone(&delivery);
        let worker = thread::spawn(move || {
            wake(promise.end(Delivered::Returned(5)));
            wake(promise.end(Delivered::Panicked(Box::new(()))));
        });
        assert_eq!(awaited(&*delivery), 5);
        worker.join().unwrap();
    });
}

#[test]
fn a_thread_waits_for_the_first_of_two_while_a_task_waits_for_one() {
    loom::model(|| {
        let deliveries = [Delivery::<u32>::pending(), Delivery::pending()];
        let worker = worker(&deliveries[1]);
        let (task, waker) = Task::new();
        let taken = deliveries[1].poll(&waker);
        let bell = Arc::new(JoinBell::default());
        let pending = |delivery: &Arc<Delivery<u32>>| delivery.add_bell(&bell);
        if deliveries.iter().all(pending) {
            assert!(bell.wait(WaitLimit::NEVER));
        }
        assert!(!deliveries[0].is_over() && deliveries[1].is_over());
        deliveries.iter().for_each(|delivery| delivery.remove_bell(&bell));
        if taken.is_none() {
            task.sleep();
            assert_eq!(deliveries[1].poll(&waker).map(value), Some(5));
        }
        worker.join().unwrap();
    });
}
