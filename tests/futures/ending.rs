//! Tasks wait until a dispatcher is drained or has shut down, and hold up no thread meanwhile.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use reapool::{Dispatcher, DrainError, Job, Refusal, ShutdownError, ShutdownFuture, Submitter};

use crate::support::tasks::{Task, on_each_executor};
use crate::support::{self, Gate, HANG, eventually, null, null_read, watched};

/// A dispatcher with one job, whose callback is held at a gate and then submits another.
fn held() -> (Dispatcher, Gate, mpsc::Receiver<u32>) {
    let dispatcher = support::builder().depth(2).workers(1).build().unwrap();
    let (gate, (tell, ran)) = (Gate::default(), mpsc::channel());
    let (held, submitter) = (gate.clone(), dispatcher.submitter());
    let chained = move || {
        held.pass();
        let last = move || tell.send(2).unwrap();
        submitter.submit(null_read(&null(), last)).unwrap();
    };
    dispatcher.submit(null_read(&null(), chained)).unwrap();
    gate.wait_for(1);
    (dispatcher, gate, ran)
}

#[test]
fn a_task_hears_that_nothing_is_outstanding_once() {
    watched(|| {
        let (dispatcher, gate, ran) = held();
        let (task, mut future) = (Task::new(), dispatcher.drain_async());
        let (other, mut left) = (Task::new(), dispatcher.drain_async());
        assert!(task.poll(&mut future).is_pending() && task.poll(&mut future).is_pending());
        assert!(other.poll(&mut left).is_pending());
        drop(left);
        gate.open();
        task.wait_for(1);
        assert!(matches!(task.poll(&mut future), Poll::Ready(Ok(()))));
        assert_eq!(ran.try_recv(), Ok(2), "also what the callback submitted has run");
        // It has left the line, and is not woken by later jobs.
        dispatcher.spawn(Job::nop(|| ())).unwrap().join().unwrap();
        dispatcher.drain().unwrap();
        assert_eq!((task.wakings(), other.wakings()), (1, 0));
    });
}

#[test]
fn a_task_that_is_woken_waits_again_for_jobs_that_came_meanwhile() {
    watched(|| {
        let (dispatcher, gate, _ran) = held();
        let (task, mut future) = (Task::new(), dispatcher.drain_async());
        assert!(task.poll(&mut future).is_pending());
        gate.open();
        task.wait_for(1);
        let gate = Gate::default();
        let held = gate.clone();
        dispatcher.submit(null_read(&null(), move || held.pass())).unwrap();
        assert!(task.poll(&mut future).is_pending());
        gate.open();
        task.wait_for(2);
        assert!(matches!(task.poll(&mut future), Poll::Ready(Ok(()))));
    });
}

#[test]
fn a_dispatcher_shuts_down_under_any_executor() {
    watched(|| {
        on_each_executor(|| async {
            let dispatcher = support::builder().depth(4).workers(2).build().unwrap();
            for _ in 0..20 {
                dispatcher.submitter().submit_async(Job::nop(|| ())).await.unwrap();
            }
            dispatcher.drain_async().await.unwrap();
            assert_eq!(dispatcher.shutdown_async().await.unwrap().jobs, 20);
        });
    });
}

#[test]
fn a_shutdown_is_over_when_the_last_callback_is() {
    watched(|| {
        let (dispatcher, gate, ran) = held();
        let submitter = dispatcher.submitter();
        let (task, mut future) = (Task::new(), dispatcher.shutdown_async());
        submitter.flush().unwrap();
        assert!(task.poll(&mut future).is_pending());
        assert!(submitter.submit(Job::nop(|| ())).is_err(), "refused from the first poll on");
        gate.open();
        task.wait_for(1);
        let Poll::Ready(report) = task.poll(&mut future) else { panic!("nothing is left") };
        let report = report.unwrap();
        assert_eq!((report.jobs, report.stats.refused, ran.try_recv()), (2, 1, Ok(2)));
    });
}

#[test]
fn what_is_not_waited_for_ends_by_itself() {
    watched(|| {
        let ways: [fn(Dispatcher); 3] = [
            Dispatcher::detach,
            |dispatcher| drop(dispatcher.shutdown_async()),
            |dispatcher| {
                let (task, mut future) = (Task::new(), dispatcher.shutdown_async());
                assert!(task.poll(&mut future).is_pending());
            },
        ];
        for end in ways {
            let (dispatcher, gate, ran) = held();
            let submitter = dispatcher.submitter();
            end(dispatcher);
            assert!(submitter.submit(Job::nop(|| ())).is_err());
            gate.open();
            assert_eq!(ran.recv_timeout(HANG), Ok(2));
        }
    });
}

/// Submits when it is woken, and is polled there, as some executors do.
struct Eager {
    submitter: Submitter,
    future: Mutex<Option<ShutdownFuture>>,
    ended: mpsc::Sender<(Result<(), Refusal>, u64)>,
}

impl Wake for Eager {
    fn wake(self: Arc<Self>) {
        let refused = self.submitter.submit(null_read(&null(), || ()));
        let mut future = self.future.lock().unwrap().take().expect("it is woken once");
        let waker = Waker::noop();
        let ended = Pin::new(&mut future).poll(&mut Context::from_waker(waker));
        let Poll::Ready(Ok(report)) = ended else { panic!("nothing is outstanding") };
        self.ended.send((refused.map_err(|refused| refused.kind()), report.jobs)).unwrap();
    }
}

#[test]
fn a_task_that_runs_where_it_is_woken_ends_and_can_submit_no_more() {
    watched(|| {
        for depth in [2, 64] {
            let dispatcher = support::builder().depth(depth).workers(1).build().unwrap();
            let (gate, (ended, received)) = (Gate::default(), mpsc::channel());
            let (submitter, held) = (dispatcher.submitter(), gate.clone());
            submitter.submit(null_read(&null(), move || held.pass())).unwrap();
            gate.wait_for(1);
            let future = Mutex::new(None);
            let eager = Arc::new(Eager { submitter, future, ended });
            let waker = Waker::from(Arc::clone(&eager));
            let mut shutdown = dispatcher.shutdown_async();
            let first = Pin::new(&mut shutdown).poll(&mut Context::from_waker(&waker));
            assert!(first.is_pending());
            *eager.future.lock().unwrap() = Some(shutdown);
            gate.open();
            assert_eq!(received.recv_timeout(HANG), Ok((Err(Refusal::ShutDown), 1)));
            assert_eq!(eager.submitter.stats().outstanding, 0);
        }
    });
}

/// Submits when it is dropped.
struct Parting(Submitter, mpsc::Sender<Option<Refusal>>);

impl Drop for Parting {
    fn drop(&mut self) {
        let refused = self.0.submit(Job::nop(|| ())).err();
        let _ = self.1.send(refused.map(|refused| refused.kind()));
    }
}

#[test]
fn a_panic_handler_that_submits_when_it_is_dropped_is_refused() {
    watched(|| {
        for depth in [2, 64] {
            let (parting, slot) = (Arc::new(OnceLock::new()), mpsc::channel());
            let kept = Arc::clone(&parting);
            let builder = support::builder().depth(depth).workers(1);
            let builder = builder.panic_handler(move |_| assert!(kept.get().is_some()));
            let dispatcher = builder.build().unwrap();
            assert!(parting.set(Parting(dispatcher.submitter(), slot.0)).is_ok());
            drop(parting);
            let (gate, submitter) = (Gate::default(), dispatcher.submitter());
            let held = gate.clone();
            submitter.submit(null_read(&null(), move || held.pass())).unwrap();
            gate.wait_for(1);
            dispatcher.detach();
            gate.open();
            assert_eq!(slot.1.recv_timeout(HANG), Ok(Some(Refusal::ShutDown)));
            eventually("nothing is outstanding", || submitter.stats().outstanding == 0);
        }
    });
}

#[test]
fn a_callback_can_leave_its_dispatcher_but_not_wait_for_it() {
    watched(|| {
        let dispatcher = Arc::new(support::builder().depth(2).workers(1).build().unwrap());
        let (give, own) = mpsc::channel::<Dispatcher>();
        let callback = {
            let dispatcher = Arc::clone(&dispatcher);
            move || {
                let task = Task::new();
                let drained = task.poll(&mut dispatcher.drain_async());
                assert!(matches!(drained, Poll::Ready(Err(DrainError::InCallback))));
                drop(dispatcher);
                let shut_down = task.poll(&mut own.recv().unwrap().shutdown_async());
                let Poll::Ready(Err(ShutdownError::InCallback(dispatcher))) = shut_down else {
                    panic!("it would wait for itself")
                };
                dispatcher.submit(Job::nop(|| ())).unwrap();
                dispatcher.detach();
            }
        };
        let submitter = dispatcher.submitter();
        let handle = submitter.spawn(null_read(&null(), callback)).unwrap();
        give.send(into_inner(dispatcher)).unwrap();
        handle.join().unwrap();
        assert!(submitter.submit(Job::nop(|| ())).is_err());
    });
}

/// The value of an `Arc` that another thread is about to give up.
fn into_inner<T>(mut shared: Arc<T>) -> T {
    loop {
        match Arc::try_unwrap(shared) {
            Ok(value) => return value,
            Err(again) => shared = again,
        }
        std::thread::yield_now();
    }
}
