//! Results of callbacks arrive in an event loop: none is lost or doubled, the loop is woken
//! whenever there is something, and not for each.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::mpsc::{SendError, TryRecvError, TrySendError};
use std::thread;

use reapool::{CompletionQueue, Job, QueueSender};

use crate::support::readiness::{Epoll, Trigger, counter, is_readable, status_flags};
use crate::support::{self, Drops, Gate, HANG, Tended, null, null_read, scale, watched};

const TRIGGERS: [Trigger; 2] = [Trigger::Level, Trigger::Edge];

fn queue<T>(capacity: usize) -> (QueueSender<T>, CompletionQueue<T>) {
    CompletionQueue::bounded(capacity).unwrap()
}

#[test]
fn readable_from_the_first_value_until_found_empty() {
    let (sender, queue) = queue(4);
    assert!(!is_readable(&queue));
    assert_eq!(queue.try_recv(), Err(TryRecvError::Empty));
    for _ in 0..3 {
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        for value in [1, 2] {
            assert!(is_readable(&queue));
            assert_eq!(queue.try_recv(), Ok(value));
        }
        assert!(queue.is_empty() && is_readable(&queue), "it has not been found empty");
        sender.send(3).unwrap();
        assert_eq!(counter(&queue), 1, "it was readable already");
        assert_eq!(queue.try_recv(), Ok(3));
        assert_eq!(queue.try_recv(), Err(TryRecvError::Empty));
        assert!(!is_readable(&queue));
    }
}

#[test]
fn many_values_make_one_system_call() {
    let (sender, queue) = queue(1000);
    for _ in 0..3 {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..250).for_each(|value| sender.send(value).unwrap()));
            }
        });
        // Each call adds one to the counter.
        assert_eq!((queue.len(), counter(&queue)), (1000, 1));
        assert_eq!(queue.drain(500).count(), 500);
        assert_eq!(queue.drain(usize::MAX).count(), 500);
        assert_eq!(counter(&queue), 0);
    }
}

#[test]
fn bounds_are_kept_by_values_and_places_together() {
    let (sender, queue) = queue(3);
    assert_eq!((queue.capacity(), queue.outstanding()), (3, 0));
    sender.try_send(1).unwrap();
    let (filled, given_up) = (sender.try_reserve().unwrap(), sender.try_reserve().unwrap());
    assert_eq!((queue.len(), queue.outstanding()), (1, 3));
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(sender.try_reserve().unwrap_err(), TrySendError::Full(()));

    filled.send(2).unwrap();
    assert_eq!((queue.len(), queue.outstanding()), (2, 3));
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)), "it holds its value now");
    drop(given_up);
    assert_eq!((queue.len(), queue.outstanding()), (2, 2));
    sender.try_send(3).unwrap();
    assert_eq!(queue.try_recv(), Ok(1));
    sender.try_send(4).unwrap();
    assert_eq!(queue.drain(10).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(queue.outstanding(), 0);

    let error = CompletionQueue::<()>::bounded(0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

/// Takes values as an owner with this kind of trigger does, `most` at a time, until there will be
/// none; calls `refill` before it sleeps.
fn run_loop<T>(
    queue: &CompletionQueue<T>,
    trigger: Trigger,
    most: usize,
    mut refill: impl FnMut(),
    mut take: impl FnMut(T),
) {
    let epoll = Epoll::of(queue.as_fd(), trigger);
    refill();
    while !queue.is_disconnected() {
        epoll.wait();
        queue.drain(most).for_each(&mut take);
        refill();
    }
}

#[test]
fn each_result_arrives_once_through_places() {
    let jobs = 10_000 / scale();
    for trigger in TRIGGERS {
        for (capacity, most) in [(1, 1), (3, usize::MAX), (3, 2), (500, 7), (500, usize::MAX)] {
            watched(move || {
                let dispatcher = Tended::new(support::builder().depth(16).workers(4));
                let (null, (sender, queue)) = (null(), queue(capacity));
                let (mut sender, mut numbers) = (Some(sender), 0..jobs);
                let refill = || {
                    while let Some(Ok(permit)) = sender.as_ref().map(QueueSender::try_reserve) {
                        let Some(number) = numbers.next() else {
                            sender = None;
                            break;
                        };
                        let job = null_read(&null, move || permit.send(number).unwrap());
                        dispatcher.submit_timeout(job, HANG).unwrap();
                    }
                };
                let mut seen = vec![0; jobs];
                run_loop(&queue, trigger, most, refill, |number: usize| seen[number] += 1);
                assert!(seen.iter().all(|&times| times == 1), "{trigger:?} {capacity} {most}");
            });
        }
    }
}

#[test]
fn each_result_arrives_once_from_workers_that_wait_for_room() {
    const PRODUCERS: usize = 8;
    let results = 4_000 / scale();
    for trigger in TRIGGERS {
        for (capacity, most) in [(1, 1), (2, usize::MAX), (64, 5)] {
            watched(move || {
                let dispatcher = Tended::new(support::builder().depth(16).workers(4));
                let (null, (sender, queue)) = (null(), queue(capacity));
                for producer in 0..PRODUCERS {
                    let sender = sender.clone();
                    let produce = move || {
                        (0..results).for_each(|number| sender.send((producer, number)).unwrap());
                    };
                    dispatcher.submit_timeout(null_read(&null, produce), HANG).unwrap();
                }
                drop(sender);
                let mut next = [0; PRODUCERS];
                let take = |(producer, number): (usize, usize)| {
                    assert_eq!(number, next[producer], "in the order of their sending");
                    next[producer] += 1;
                };
                run_loop(&queue, trigger, most, || (), take);
                assert_eq!(next, [results; PRODUCERS], "{trigger:?} {capacity} {most}");
            });
        }
    }
}

#[test]
fn wake_ups_for_nothing_and_a_counter_that_somebody_read_do_no_harm() {
    for trigger in TRIGGERS {
        let (sender, queue) = queue(10);
        let epoll = Epoll::of(queue.as_fd(), trigger);
        // A permit that is dropped wakes a loop for which there is nothing.
        drop(sender.try_reserve().unwrap());
        epoll.wait();
        assert_eq!(queue.try_recv(), Err(TryRecvError::Empty));
        assert!(!epoll.has_event() && !is_readable(&queue));

        // The loop has read the counter, as it would have to with an eventfd of its own.
        sender.send(1).unwrap();
        epoll.wait();
        let mut counter = std::fs::File::from(queue.as_fd().try_clone_to_owned().unwrap());
        counter.read_exact(&mut [0; 8]).unwrap();
        assert_eq!(queue.drain(10).collect::<Vec<_>>(), [1]);
        sender.send(2).unwrap();
        epoll.wait();
        assert_eq!(queue.drain(10).collect::<Vec<_>>(), [2]);
        assert!(!epoll.has_event());
    }
}

#[test]
fn who_stops_early_is_told_again() {
    for trigger in TRIGGERS {
        let (sender, queue) = queue(10);
        let epoll = Epoll::of(queue.as_fd(), trigger);
        (0..5).for_each(|value| sender.send(value).unwrap());
        epoll.wait();
        assert_eq!(queue.drain(2).collect::<Vec<_>>(), [0, 1]);
        epoll.wait();
        assert_eq!(queue.drain(10).next(), Some(2));
        epoll.wait();
        assert_eq!(queue.drain(0).next(), None);
        epoll.wait();
        // What was dropped before it found the queue empty need not leave anything in it.
        assert_eq!(queue.drain(2).collect::<Vec<_>>(), [3, 4]);
        assert!(!epoll.has_event() && !is_readable(&queue));
        sender.send(5).unwrap();
        epoll.wait();
        assert_eq!(queue.drain(10).collect::<Vec<_>>(), [5]);
        assert!(!epoll.has_event());
    }
}

#[test]
fn the_end_is_heard_of_and_stays() {
    for trigger in TRIGGERS {
        let (sender, queue) = queue(10);
        let epoll = Epoll::of(queue.as_fd(), trigger);
        let (second, permit) = (sender.clone(), sender.try_reserve().unwrap());
        drop(sender);
        drop(second);
        assert!(!queue.is_disconnected() && !epoll.has_event(), "there is a permit yet");
        permit.send(7).unwrap();
        assert!(!queue.is_disconnected(), "there is a value yet");
        epoll.wait();
        // Its edge-triggered owner stops before the end, of which no sender will tell it.
        assert_eq!(queue.drain(1).collect::<Vec<_>>(), [7]);
        epoll.wait();
        for _ in 0..2 {
            assert_eq!(queue.try_recv(), Err(TryRecvError::Disconnected));
            assert!(queue.is_disconnected() && is_readable(&queue));
        }

        let (sender, queue) = CompletionQueue::<()>::bounded(1).unwrap();
        let epoll = Epoll::of(queue.as_fd(), trigger);
        drop(sender);
        epoll.wait();
        assert_eq!(queue.try_recv(), Err(TryRecvError::Disconnected));
    }
}

#[test]
fn a_callback_that_panics_is_heard_of() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(4).workers(2));
        let (sender, queue) = queue::<()>(1);
        let epoll = Epoll::of(queue.as_fd(), Trigger::Edge);
        let permit = sender.try_reserve().unwrap();
        let panics = move || {
            let _permit = permit;
            panic!("in a callback, on purpose");
        };
        dispatcher.submit(Job::nop(panics)).unwrap();
        epoll.wait();
        assert_eq!((queue.try_recv(), queue.outstanding()), (Err(TryRecvError::Empty), 0));
    });
}

#[test]
fn a_queue_that_goes_takes_its_values_along_and_refuses_others() {
    watched(|| {
        let (drops, gate) = (Drops::default(), Gate::default());
        let (sender, queue) = queue(2);
        let permit = sender.try_reserve().unwrap();
        sender.send(drops.guard()).unwrap();
        let (waiting, held) = (sender.clone(), drops.guard());
        let thread = thread::spawn({
            let gate = gate.clone();
            move || {
                // Waits for room, or comes too late for that.
                gate.pass();
                waiting.send(held).map_err(|SendError(value)| value)
            }
        });
        gate.open();
        gate.wait_for(1);
        drop(queue);
        assert_eq!(drops.count(), 1);
        let back = thread.join().unwrap().unwrap_err();
        let SendError(back) = permit.send(back).unwrap_err();
        let Err(TrySendError::Disconnected(back)) = sender.try_send(back) else { panic!() };
        assert!(matches!(sender.try_reserve(), Err(TrySendError::Disconnected(()))));
        assert_eq!(drops.count(), 1);
        drop(back);
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn with_places_nothing_that_the_owner_waits_for_waits_for_it() {
    watched(|| {
        let (null, (sender, queue)) = (null(), queue(300));
        let dispatcher = support::builder().depth(2).backlog(2).workers(2).build().unwrap();
        // Far more than the dispatcher has room for, and nobody receives.
        while let Ok(permit) = sender.try_reserve() {
            let job = null_read(&null, move || permit.send([0_u8; 100]).unwrap());
            dispatcher.submit(job).unwrap();
        }
        drop(dispatcher);
        assert_eq!((queue.len(), queue.drain(1000).count()), (300, 300));
    });
}

#[test]
fn the_descriptor_is_not_inherited_and_not_waited_for() {
    let (_sender, queue) = queue::<()>(1);
    assert_eq!(queue.as_raw_fd(), queue.as_fd().as_raw_fd());
    let (flags, wanted) = (status_flags(&queue), libc::O_CLOEXEC | libc::O_NONBLOCK);
    assert_eq!(flags & wanted, wanted);
}
