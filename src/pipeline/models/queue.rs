//! The completion queue. The loop that sleeps on the descriptor is always woken, and so is each
//! sender that waits for room. No value is lost or doubled.

use std::sync::Arc;
use std::sync::mpsc::{SendError, TryRecvError};

use super::explore;
use crate::queue::channel::{Channel, Signal};
use crate::sync::{Condvar, Mutex, thread};

fn model(body: impl Fn() + Sync + Send + 'static) {
    explore(2, body);
}

/// An eventfd, and an epoll instance that watches it.
#[derive(Clone, Default)]
struct EventFd(Arc<(Mutex<Counter>, Condvar)>);

#[derive(Default)]
struct Counter {
    count: u64,
    /// It was written to since the edge-triggered waiter last woke.
    edge: bool,
}

impl EventFd {
    fn wait_for_level(&self) {
        let (counter, written) = &*self.0;
        let mut counter = counter.lock().unwrap();
        while counter.count == 0 {
            counter = written.wait(counter).unwrap();
        }
    }

    fn wait_for_edge(&self) {
        let (counter, written) = &*self.0;
        let mut counter = counter.lock().unwrap();
        // As the kernel does, it looks again before it reports.
        while !std::mem::take(&mut counter.edge) || counter.count == 0 {
            counter = written.wait(counter).unwrap();
        }
    }
}

impl Signal for EventFd {
    fn raise(&self) {
        let (counter, written) = &*self.0;
        let mut counter = counter.lock().unwrap();
        counter.count += 1;
        counter.edge = true;
        written.notify_all();
    }

    fn lower(&self) {
        self.0.0.lock().unwrap().count = 0;
    }
}

/// A queue, and the descriptor that its loop watches.
struct Queue<S = EventFd> {
    channel: Arc<Channel<u32, S>>,
    fd: EventFd,
}

fn queue(capacity: usize) -> Queue {
    let fd = EventFd::default();
    Queue { channel: Arc::new(Channel::new(capacity, fd.clone())), fd }
}

impl<S: Signal + 'static> Queue<S> {
    /// A thread that sends these values and is no sender afterwards.
    fn sender(&self, values: &'static [u32]) -> thread::JoinHandle<()> {
        let channel = Arc::clone(&self.channel);
        channel.add_sender();
        thread::spawn(move || {
            for &value in values {
                channel.send(value).unwrap();
            }
            channel.remove_sender();
        })
    }
}

fn join(threads: [thread::JoinHandle<()>; 2]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

fn sorted(mut values: Vec<u32>) -> Vec<u32> {
    values.sort_unstable();
    values
}

/// The loop of a level-triggered owner. It takes one value each time that it is woken, until the
/// queue is disconnected.
fn one_each_time<S: Signal + 'static>(queue: &Queue<S>) -> Vec<u32> {
    let mut values = Vec::new();
    loop {
        queue.fd.wait_for_level();
        assert!(queue.channel.outstanding() <= queue.channel.capacity());
        match queue.channel.try_recv() {
            Ok(value) => values.push(value),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return sorted(values),
        }
    }
}

#[test]
fn a_level_triggered_loop_gets_everything() {
    model(|| {
        let queue = queue(4);
        let senders = [queue.sender(&[1, 2]), queue.sender(&[3])];
        queue.channel.remove_sender();
        assert_eq!(one_each_time(&queue), [1, 2, 3]);
        join(senders);
    });
}

#[test]
fn an_edge_triggered_loop_gets_everything() {
    model(|| {
        let queue = queue(4);
        let senders = [queue.sender(&[1, 2]), queue.sender(&[3])];
        queue.channel.remove_sender();
        let mut values = Vec::new();
        'edges: loop {
            queue.fd.wait_for_edge();
            loop {
                match queue.channel.try_recv() {
                    Ok(value) => values.push(value),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => break 'edges,
                }
            }
        }
        assert_eq!(sorted(values), [1, 2, 3]);
        join(senders);
    });
}

/// The loop of an edge-triggered owner that takes one value each time. It tells the queue that it
/// stops early, or forgets to.
fn one_each_edge(says_so: bool) {
    let queue = queue(4);
    let senders = [queue.sender(&[1, 2]), queue.sender(&[3])];
    queue.channel.remove_sender();
    let mut values = Vec::new();
    loop {
        queue.fd.wait_for_edge();
        match queue.channel.try_recv() {
            Ok(value) => {
                values.push(value);
                if says_so {
                    queue.channel.stop_early();
                }
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => break,
        }
    }
    assert_eq!(sorted(values), [1, 2, 3]);
    join(senders);
}

#[test]
fn an_edge_triggered_loop_that_stops_early_is_woken_again() {
    model(|| one_each_edge(true));
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_sees_an_edge_that_never_comes() {
    model(|| one_each_edge(false));
}

#[test]
fn senders_that_wait_for_room_are_called() {
    model(|| {
        let queue = queue(1);
        let senders = [queue.sender(&[1, 2]), queue.sender(&[3])];
        queue.channel.remove_sender();
        assert_eq!(one_each_time(&queue), [1, 2, 3]);
        join(senders);
    });
}

/// A place takes the only room, and a sender waits for it. `end` ends the place.
fn place_and_sender(end: fn(&Channel<u32, EventFd>), values: &'static [u32]) {
    model(move || {
        let queue = queue(1);
        queue.channel.try_reserve().unwrap();
        let sender = queue.sender(&[2]);
        let channel = Arc::clone(&queue.channel);
        let place = thread::spawn(move || end(&channel));
        queue.channel.remove_sender();
        assert_eq!(one_each_time(&queue), values);
        assert_eq!(queue.channel.outstanding(), 0);
        join([sender, place]);
    });
}

#[test]
fn a_place_that_is_filled_makes_room_when_its_value_is_taken() {
    place_and_sender(|channel| channel.send_permitted(1).unwrap(), &[1, 2]);
}

#[test]
fn a_place_that_is_given_up_makes_room() {
    place_and_sender(Channel::drop_permit, &[2]);
}

#[test]
fn the_last_place_to_be_given_up_is_heard_of() {
    model(|| {
        let queue = queue(1);
        queue.channel.try_reserve().unwrap();
        let channel = Arc::clone(&queue.channel);
        let place = thread::spawn(move || channel.drop_permit());
        // With a sender left, it is never disconnected.
        while queue.channel.outstanding() > 0 {
            queue.fd.wait_for_level();
            assert_eq!(queue.channel.try_recv(), Err(TryRecvError::Empty));
        }
        place.join().unwrap();
    });
}

#[test]
fn a_queue_that_goes_gives_values_back_or_keeps_them() {
    model(|| {
        let queue = queue(1);
        let channel = Arc::clone(&queue.channel);
        let sender = thread::spawn(move || [1, 2].map(|value| channel.send(value)));
        let left = queue.channel.close();
        let kept = |value| left.contains(&value);
        for (result, value) in sender.join().unwrap().into_iter().zip([1, 2]) {
            assert_eq!(result, if kept(value) { Ok(()) } else { Err(SendError(value)) });
        }
    });
}

/// A signal that is not lowered when the queue is found empty. The loop lowers it a moment later.
#[derive(Clone, Default)]
struct Late(EventFd);

impl Signal for Late {
    fn raise(&self) {
        self.0.raise();
    }

    fn lower(&self) {}
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_sees_a_wake_up_that_is_lost() {
    model(|| {
        let signal = Late::default();
        let (channel, fd) = (Arc::new(Channel::new(4, signal.clone())), signal.0);
        let queue = Queue { channel, fd };
        let sender = queue.sender(&[1, 2]);
        queue.channel.remove_sender();
        loop {
            queue.fd.wait_for_level();
            match queue.channel.try_recv() {
                Ok(_) => {}
                Err(TryRecvError::Empty) => queue.fd.lower(),
                Err(TryRecvError::Disconnected) => break,
            }
        }
        sender.join().unwrap();
    });
}
