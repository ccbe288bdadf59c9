//! Results on their way to the thread that takes them, in the order that was asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::files::error::FileError;
use crate::files::policy::Order;
use crate::files::run::Processed;

/// What came of a file.
pub(crate) type FileResult<T> = Result<Processed<T>, FileError>;

/// Whoever waits is called at once for so many results, or for half of all that there may be.
const HANDFUL: usize = 256;
/// Who comes back for fewer gets them when so much time has passed since it came last: waking it for
/// each would take as long as many a file does.
const NAP: Duration = Duration::from_millis(1);

pub(crate) struct Outbox<T> {
    order: Order,
    handful: usize,
    state: Mutex<State<T>>,
    /// The taker waits here.
    arrived: Condvar,
}

struct State<T> {
    ready: VecDeque<FileResult<T>>,
    /// With input order: finished before those that come before them.
    early: BTreeMap<u64, FileResult<T>>,
    /// With input order: the next to be ready.
    next: u64,
    /// No more will come.
    closed: bool,
    /// Nobody takes them.
    abandoned: bool,
    /// The taker sleeps until called.
    asleep: bool,
    /// When it took some last.
    taken: Instant,
}

impl<T> Outbox<T> {
    /// For a run with at most so many results that nobody has taken.
    pub(crate) fn new(order: Order, results: usize) -> Self {
        let state = State {
            ready: VecDeque::new(),
            early: BTreeMap::new(),
            next: 0,
            closed: false,
            abandoned: false,
            asleep: false,
            taken: Instant::now(),
        };
        Self {
            order,
            handful: HANDFUL.min(results.div_ceil(2)),
            state: Mutex::new(state),
            arrived: Condvar::new(),
        }
    }

    /// Gives back what nobody wants.
    pub(crate) fn put(&self, index: u64, result: FileResult<T>) -> Option<FileResult<T>> {
        let mut state = self.lock();
        if state.abandoned {
            return Some(result);
        }
        match self.order {
            Order::Completion => state.ready.push_back(result),
            Order::Input => state.put_in_order(index, result),
        }
        // A handful ends a nap, too.
        let call = (state.asleep && !state.ready.is_empty()) || state.ready.len() == self.handful;
        state.asleep &= !call;
        drop(state);
        if call {
            self.arrived.notify_one();
        }
        None
    }

    /// Nobody takes results any more. Gives back those that there are.
    pub(crate) fn abandon(&self) -> Vec<FileResult<T>> {
        let mut state = self.lock();
        state.abandoned = true;
        let early = std::mem::take(&mut state.early);
        state.ready.drain(..).chain(early.into_values()).collect()
    }

    /// No more will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Takes all that is ready, waiting until there is something; nothing if no more will come.
    pub(crate) fn take(&self) -> VecDeque<FileResult<T>> {
        let mut state = self.lock();
        while !state.closed && state.ready.len() < self.handful {
            let nap = NAP.saturating_sub(state.taken.elapsed());
            if !nap.is_zero() {
                let waited = self.arrived.wait_timeout(state, nap);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else if state.ready.is_empty() {
                state.asleep = true;
                state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.asleep = false;
            } else {
                break;
            }
        }
        state.taken = Instant::now();
        std::mem::take(&mut state.ready)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn put_in_order(&mut self, index: u64, result: FileResult<T>) {
        if index != self.next {
            self.early.insert(index, result);
            return;
        }
        self.ready.push_back(result);
        self.next += 1;
        while let Some(result) = self.early.remove(&self.next) {
            self.ready.push_back(result);
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::{FileResult, HANDFUL, Outbox};
    use crate::files::error::{FileError, FileErrorKind, FileOperation};
    use crate::files::policy::Order;

    fn result(index: u64) -> FileResult<()> {
        let (path, source) = (PathBuf::new(), io::Error::other("a test"));
        let (operation, kind) = (FileOperation::Read, FileErrorKind::Io);
        Err(FileError { index, path, operation, offset: 0, source, kind })
    }

    fn indices(outbox: &Outbox<()>) -> Vec<u64> {
        outbox.take().into_iter().map(|result| result.unwrap_err().index).collect()
    }

    #[test]
    fn results_come_in_the_order_that_was_asked_for() {
        for (order, expected) in [(Order::Completion, [2, 0, 1]), (Order::Input, [0, 1, 2])] {
            let outbox = Outbox::new(order, 100);
            [2, 0, 1]
                .into_iter()
                .for_each(|index| assert!(outbox.put(index, result(index)).is_none()));
            assert_eq!(indices(&outbox), expected);
            outbox.close();
            assert!(indices(&outbox).is_empty());
        }
    }

    #[test]
    fn what_nobody_takes_comes_back() {
        for order in [Order::Completion, Order::Input] {
            let outbox = Outbox::new(order, 100);
            [2, 0]
                .into_iter()
                .for_each(|index| assert!(outbox.put(index, result(index)).is_none()));
            assert_eq!(outbox.abandon().len(), 2);
            assert!(outbox.put(1, result(1)).is_some());
        }
    }

    #[test]
    fn who_waits_is_called_for_one_and_for_many() {
        for count in [1, HANDFUL as u64 - 1, HANDFUL as u64, 3 * HANDFUL as u64] {
            let outbox = Outbox::new(Order::Completion, 100);
            std::thread::scope(|scope| {
                let taker = scope.spawn(|| {
                    let mut taken = Vec::new();
                    loop {
                        match &indices(&outbox)[..] {
                            [] => return taken,
                            some => taken.extend_from_slice(some),
                        }
                    }
                });
                (0..count).for_each(|index| assert!(outbox.put(index, result(index)).is_none()));
                outbox.close();
                assert_eq!(taker.join().unwrap(), Vec::from_iter(0..count));
            });
        }
    }
}
