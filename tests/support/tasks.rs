//! What the tests of futures share: wakers that can be watched, and the executors.

#![expect(unsafe_code, reason = "makes wakers")]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

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

type Look = dyn Fn(&str) + Send + Sync;

/// A waker that calls this function when it is cloned or dropped, and does nothing else.
pub(crate) fn nosy(look: impl Fn(&str) + Send + Sync + 'static) -> Waker {
    /// # Safety
    ///
    /// The pointer comes from `raw`, and its share has not been given back.
    unsafe fn share(data: *const ()) -> Arc<Box<Look>> {
        // SAFETY: it is that of a share in a `Box<Look>`, and lives on with the share.
        unsafe { Arc::increment_strong_count(data.cast::<Box<Look>>()) };
        // SAFETY: the share that was added above.
        unsafe { Arc::from_raw(data.cast()) }
    }
    fn raw(look: Arc<Box<Look>>) -> RawWaker {
        RawWaker::new(Arc::into_raw(look).cast(), &VTABLE)
    }
    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: the waker has its share.
        let look = unsafe { share(data) };
        look("cloned");
        raw(look)
    }
    unsafe fn drop(data: *const ()) {
        // SAFETY: the waker's own share, which it has no longer.
        let look = unsafe { Arc::from_raw(data.cast::<Box<Look>>()) };
        look("dropped");
    }
    fn nothing(_: *const ()) {}
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, drop, nothing, drop);
    // SAFETY: the functions keep count of the shares, and what they share is `Send` and `Sync`.
    unsafe { Waker::from_raw(raw(Arc::new(Box::new(look)))) }
}
