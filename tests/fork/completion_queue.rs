//! A forked child has a queue that is of no use, and can't take anything from its parent's, with
//! which it shares the descriptor.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SendError, TryRecvError, TrySendError};
use std::thread;

use reapool::CompletionQueue;

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child, limit};
use crate::support::readiness::{Epoll, Trigger, counter};
use crate::support::watched;

#[test]
fn a_child_takes_no_value_and_no_wake_up_from_its_parent() {
    let _alone = alone();
    watched(|| {
        let (sender, queue) = CompletionQueue::bounded(4).unwrap();
        let epoll = Epoll::of(queue.as_fd(), Trigger::Edge);
        sender.send(1).unwrap();
        let permit = sender.try_reserve().unwrap();
        let mut ends = Some((sender.clone(), sender.try_reserve().unwrap(), queue));
        let mut body = || {
            let (other, second, queue) = ends.take().unwrap();
            let holds = [
                queue.try_recv() == Err(TryRecvError::Disconnected),
                queue.drain(9).next().is_none(),
                queue.is_empty() && queue.is_disconnected() && queue.outstanding() == 0,
                queue.capacity() == 4 && format!("{queue:?}").contains("len: 0"),
                sender.send(2) == Err(SendError(2)),
                sender.try_send(2) == Err(TrySendError::Disconnected(2)),
                sender.try_reserve().is_err(),
                second.send(2) == Err(SendError(2)),
            ];
            drop((other, queue));
            first_failure(&holds)
        };
        assert_eq!(in_child(&mut body), Some(0));
        // The child has dropped its copies of all three.
        let (other, second, queue) = ends.take().unwrap();
        assert_eq!((counter(&queue), queue.outstanding()), (1, 3));
        epoll.wait();
        permit.send(2).unwrap();
        second.send(3).unwrap();
        assert_eq!(queue.drain(9).collect::<Vec<_>>(), [1, 2, 3]);
        drop(sender);
        assert!(!queue.is_disconnected() && !epoll.has_event());
        drop(other);
        assert!(queue.is_disconnected() && epoll.has_event());
    });
}

#[test]
fn a_child_does_not_wait_for_a_lock_that_its_parent_held() {
    let _alone = alone();
    watched(|| {
        let (sender, queue) = CompletionQueue::bounded(1 << 20).unwrap();
        let busy = AtomicBool::new(true);
        thread::scope(|scope| {
            scope.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    let _ = (sender.try_send(1), queue.try_recv());
                }
            });
            for _ in 0..50 {
                let mut body = || i32::from(queue.try_recv().is_ok() || sender.send(1).is_ok());
                assert_eq!(in_child(&mut body), Some(0));
            }
            busy.store(false, Ordering::Relaxed);
        });
    });
}

#[test]
fn without_a_descriptor_there_is_no_queue() {
    let _alone = alone();
    let mut body = || {
        assert!(limit(libc::RLIMIT_NOFILE, 0));
        let errno = CompletionQueue::<()>::bounded(1).unwrap_err().raw_os_error();
        i32::from(errno == Some(libc::EMFILE))
    };
    assert_eq!(in_child(&mut body), Some(1));
}
