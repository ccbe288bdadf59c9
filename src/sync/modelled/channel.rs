//! The channel of completed jobs: bounded, and its length is sequentially consistent, as that of
//! crossbeam's is.

use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) use crossbeam_channel::{RecvError, TryRecvError, TrySendError};
use loom::sync::{Condvar, Mutex, MutexGuard};

use super::atomic::{AtomicUsize, Ordering};

struct Channel<T> {
    capacity: usize,
    /// How many values there are: changed under the lock, read without it.
    len: AtomicUsize,
    ends: Mutex<Ends<T>>,
    /// A value has come, or the last sender has gone.
    changed: Condvar,
}

struct Ends<T> {
    values: VecDeque<T>,
    senders: usize,
    has_receiver: bool,
}

pub(crate) struct Sender<T>(Arc<Channel<T>>);

pub(crate) struct Receiver<T>(Arc<Channel<T>>);

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let ends = Ends { values: VecDeque::new(), senders: 1, has_receiver: true };
    let channel = Arc::new(Channel {
        capacity,
        len: AtomicUsize::new(0),
        ends: Mutex::new(ends),
        changed: Condvar::new(),
    });
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

impl<T> Channel<T> {
    fn lock(&self) -> MutexGuard<'_, Ends<T>> {
        self.ends.lock().unwrap()
    }

    fn take(&self, ends: &mut Ends<T>) -> Result<T, TryRecvError> {
        let Some(value) = ends.values.pop_front() else {
            let is_over = ends.senders == 0;
            return Err(if is_over { TryRecvError::Disconnected } else { TryRecvError::Empty });
        };
        self.len.store(ends.values.len(), Ordering::SeqCst);
        Ok(value)
    }
}

impl<T> Sender<T> {
    pub(crate) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut ends = self.0.lock();
        if !ends.has_receiver {
            return Err(TrySendError::Disconnected(value));
        }
        if ends.values.len() == self.0.capacity {
            return Err(TrySendError::Full(value));
        }
        ends.values.push_back(value);
        self.0.len.store(ends.values.len(), Ordering::SeqCst);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl<T> Receiver<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len.load(Ordering::SeqCst)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut ends = self.0.lock();
        self.0.take(&mut ends)
    }

    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        let mut ends = self.0.lock();
        loop {
            match self.0.take(&mut ends) {
                Ok(value) => return Ok(value),
                Err(TryRecvError::Disconnected) => return Err(RecvError),
                Err(TryRecvError::Empty) => ends = self.0.changed.wait(ends).unwrap(),
            }
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // After a failure loom is asked for nothing more: it would panic once more.
        if !std::thread::panicking() {
            self.0.lock().senders -= 1;
            self.0.changed.notify_all();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.lock().has_receiver = false;
        }
    }
}
