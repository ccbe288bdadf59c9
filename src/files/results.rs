//! Results on their way to the thread or the task that takes them, in the order that was asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::PoisonError;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::files::run::FileResult;
use crate::files::settings::Order;
use crate::sync::{Condvar, Mutex, lock};
use crate::wait::{self, TaskWaker};

/// The taker is woken when there are this many results, or half of all that there may be.
const WAKE_AT: usize = 256;
/// With fewer results, the taker looks again when this time has passed since it took some: waking
/// it for each result would take as long as reading many a file does.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

pub(crate) struct Results<T> {
    order: Order,
    wake_at: usize,
    state: Mutex<State<T>>,
    /// The taker waits here.
    arrived: Condvar,
}

struct State<T> {
    ready: VecDeque<FileResult<T>>,
    /// With input order: finished before those that come before them.
    out_of_order: BTreeMap<u64, FileResult<T>>,
    /// With input order: the index that is ready next.
    next: u64,
    /// No more will come.
    closed: bool,
    /// Nobody takes them.
    abandoned: bool,
    /// The taker sleeps until it is woken.
    asleep: bool,
    /// The task that waits for a result. It has no time after which it could look again, so it is
    /// woken for the first one. What comes until it runs, it takes together.
    task: Option<TaskWaker>,
    /// When the taker took some last.
    taken: Instant,
}

fn index_of<T>(result: &FileResult<T>) -> u64 {
    match result {
        Ok(processed) => processed.index,
        Err(error) => error.index,
    }
}

impl<T> Results<T> {
    /// For a run with at most `most` results that nobody has taken.
    pub(crate) fn new(order: Order, most: usize) -> Self {
        let state = State {
            ready: VecDeque::new(),
            out_of_order: BTreeMap::new(),
            next: 0,
            closed: false,
            abandoned: false,
            asleep: false,
            task: None,
            taken: Instant::now(),
        };
        Self {
            order,
            wake_at: WAKE_AT.min(most.div_ceil(2)),
            state: Mutex::new(state),
            arrived: Condvar::new(),
        }
    }

    /// Gives the result back if nobody takes results any more.
    pub(crate) fn put(&self, result: FileResult<T>) -> Option<FileResult<T>> {
        let mut state = lock(&self.state);
        if state.abandoned {
            return Some(result);
        }
        match self.order {
            Order::Completion => state.ready.push_back(result),
            Order::Input => state.put_in_order(result),
        }
        // Also a taker that waits for LOOK_AGAIN only is woken when there are enough.
        let wake = (state.asleep && !state.ready.is_empty()) || state.ready.len() == self.wake_at;
        state.asleep &= !wake;
        let task = if state.ready.is_empty() { None } else { state.task.take() };
        drop(state);
        if wake {
            self.arrived.notify_one();
        }
        wait::wake(task);
        None
    }

    /// Nobody takes results any more. Gives back those that there are.
    pub(crate) fn abandon(&self) -> Vec<FileResult<T>> {
        let mut state = lock(&self.state);
        state.abandoned = true;
        let out_of_order = std::mem::take(&mut state.out_of_order);
        let left = state.ready.drain(..).chain(out_of_order.into_values()).collect();
        let task = state.task.take();
        drop(state);
        drop(task);
        left
    }

    /// No more will come.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let task = state.task.take();
        drop(state);
        self.arrived.notify_all();
        wait::wake(task);
    }

    /// Takes all that is ready, without waiting. `None` if that is nothing, and more may come.
    pub(crate) fn take_ready(&self) -> Option<VecDeque<FileResult<T>>> {
        lock(&self.state).take_ready()
    }

    /// Takes all that is ready; empty if no more will come. If that is nothing yet, the next result
    /// or the end will wake this task, and none that polled before.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<VecDeque<FileResult<T>>> {
        let mut state = lock(&self.state);
        if let Some(ready) = state.take_ready() {
            return Poll::Ready(ready);
        }
        if state.task.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return Poll::Pending;
        }
        drop(state);
        // Cloning runs the executor's code, so not under the lock. A result may come meanwhile.
        let fresh = TaskWaker::of(waker);
        let mut state = lock(&self.state);
        if let Some(ready) = state.take_ready() {
            return Poll::Ready(ready);
        }
        let stale = state.task.replace(fresh);
        drop(state);
        drop(stale);
        Poll::Pending
    }

    /// Forgets the task that waits, if one does. The caller drops its waker.
    pub(crate) fn forget_task(&self) -> Option<TaskWaker> {
        lock(&self.state).task.take()
    }

    /// Takes all that is ready. Waits until there is something; empty if no more will come.
    pub(crate) fn take(&self) -> VecDeque<FileResult<T>> {
        let mut state = lock(&self.state);
        while !state.closed && state.ready.len() < self.wake_at {
            let rest = LOOK_AGAIN.saturating_sub(state.taken.elapsed());
            if !rest.is_zero() {
                let waited = self.arrived.wait_timeout(state, rest);
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
}

impl<T> State<T> {
    fn take_ready(&mut self) -> Option<VecDeque<FileResult<T>>> {
        let ready = std::mem::take(&mut self.ready);
        (self.closed || !ready.is_empty()).then_some(ready)
    }

    fn put_in_order(&mut self, result: FileResult<T>) {
        self.out_of_order.insert(index_of(&result), result);
        while let Some(result) = self.out_of_order.remove(&self.next) {
            self.ready.push_back(result);
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{FileResult, Results, WAKE_AT};
    use crate::files::error::{Failure, FileOperation};
    use crate::files::paths::IndexedPath;
    use crate::files::settings::Order;

    fn result(index: u64) -> FileResult<()> {
        let failure = Failure::io(FileOperation::Read, io::Error::other("a test"));
        Err(failure.of(IndexedPath::none(index), 0))
    }

    fn indices(results: &Results<()>) -> Vec<u64> {
        results.take().into_iter().map(|result| result.unwrap_err().index).collect()
    }

    #[test]
    fn results_come_in_the_order_that_was_asked_for() {
        for (order, expected) in [(Order::Completion, [2, 0, 1]), (Order::Input, [0, 1, 2])] {
            let results = Results::new(order, 100);
            [2, 0, 1].into_iter().for_each(|index| assert!(results.put(result(index)).is_none()));
            assert_eq!(indices(&results), expected);
            results.close();
            assert!(indices(&results).is_empty());
        }
    }

    #[test]
    fn what_nobody_takes_comes_back() {
        for order in [Order::Completion, Order::Input] {
            let results = Results::new(order, 100);
            [2, 0].into_iter().for_each(|index| assert!(results.put(result(index)).is_none()));
            assert_eq!(results.abandon().len(), 2);
            assert!(results.put(result(1)).is_some());
        }
    }

    #[test]
    fn who_waits_is_called_for_one_and_for_many() {
        for count in [1, WAKE_AT as u64 - 1, WAKE_AT as u64, 3 * WAKE_AT as u64] {
            let results = Results::new(Order::Completion, 100);
            std::thread::scope(|scope| {
                let taker = scope.spawn(|| {
                    let mut taken = Vec::new();
                    loop {
                        match &indices(&results)[..] {
                            [] => return taken,
                            some => taken.extend_from_slice(some),
                        }
                    }
                });
                (0..count).for_each(|index| assert!(results.put(result(index)).is_none()));
                results.close();
                assert_eq!(taker.join().unwrap(), Vec::from_iter(0..count));
            });
        }
    }
}
