//! What the tests of futures share: wakers that can be watched, and the executors.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Builder;

use crate::support::eventually;

/// A task that nobody runs: it only counts how often it is woken.
#[derive(Default)]
pub(crate) struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Task {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn wakings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until it has been woken so often in all.
    pub(crate) fn wait_for(&self, wakings: usize) {
        eventually("the task is woken", || self.wakings() >= wakings);
    }

    /// Polls a future as this task.
    pub(crate) fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(self));
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    /// How many wakers of this task exist.
    pub(crate) fn wakers(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }
}

/// Runs what `make` makes in each of the executors, as a task of its own where there are several.
pub(crate) fn on_each_executor<F>(make: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let many = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    many.block_on(async { tokio::spawn(make()).await.unwrap() });
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    one.block_on(async { tokio::spawn(make()).await.unwrap() });
    smol::block_on(smol::spawn(make()));
    futures::executor::block_on(make());
}

/// Goes to the end of the executor's queue once.
pub(crate) async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
