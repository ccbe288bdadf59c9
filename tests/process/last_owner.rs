//! The dispatcher can be dropped in its own callback: all jobs run, and nothing is left behind.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use reapool::{Dispatcher, Job, PollEvents, Refusal, Submitter};

use crate::support::alone::alone;
use crate::support::tasks::Task;
use crate::support::{
    self, Gate, HANG, eventfd, eventually, make_readable, null, null_read, proc, watched,
};

/// Runs a body that leaves no owner of its dispatcher, and waits until that is gone.
fn leaves_nothing(body: impl Fn() -> Submitter + Send + 'static) {
    watched(move || {
        for _ in 0..20 {
            let submitter = body();
            let error = submitter.submit(null_read(&null(), || ())).unwrap_err();
            assert_eq!(error.kind(), Refusal::ShutDown);
            proc::wait_for_the_end("with a submitter still there");
            assert_eq!(submitter.stats().outstanding, 0);
        }
    });
}

fn build(workers: usize) -> Dispatcher {
    support::builder().depth(2).backlog(100).workers(workers).build().unwrap()
}

/// Runs `callback` with the dispatcher as its only owner, among other jobs, and waits for them.
fn give_away(
    dispatcher: Dispatcher,
    callback: impl FnOnce(Dispatcher) + Send + 'static,
) -> Submitter {
    let (submitter, gate) = (dispatcher.submitter(), Gate::default());
    let ran = Arc::new(AtomicUsize::new(0));
    let count = |ran: &Arc<AtomicUsize>| {
        let ran = Arc::clone(ran);
        null_read(&null(), move || {
            ran.fetch_add(1, Ordering::SeqCst);
        })
    };
    let (sender, dropped) = mpsc::channel();
    let held = gate.clone();
    let owner = null_read(&null(), move || {
        held.pass();
        // Told also if the callback panics.
        struct Tell(mpsc::Sender<()>);
        impl Drop for Tell {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }
        let _tell = Tell(sender);
        callback(dispatcher);
    });
    submitter.submit(owner).unwrap();
    gate.wait_for(1);
    for _ in 0..50 {
        submitter.submit(count(&ran)).unwrap();
    }
    gate.open();
    dropped.recv_timeout(HANG).unwrap();
    eventually("the other jobs run", || ran.load(Ordering::SeqCst) == 50);
    submitter
}

#[test]
fn by_a_callback_that_captured_it() {
    let _alone = alone();
    for workers in [1, 2] {
        leaves_nothing(move || give_away(build(workers), drop));
    }
}

#[test]
fn by_a_callback_that_never_touches_it() {
    let _alone = alone();
    leaves_nothing(|| {
        give_away(build(1), |dispatcher| {
            let _owned = dispatcher;
        })
    });
}

#[test]
fn by_a_callback_that_panics() {
    let _alone = alone();
    leaves_nothing(|| {
        give_away(build(1), |dispatcher| {
            let _owned = dispatcher;
            // Without the panic hook and its output.
            resume_unwind(Box::new("unwinds past the dispatcher"));
        })
    });
}

#[test]
fn by_the_last_of_several_owners() {
    let _alone = alone();
    leaves_nothing(|| {
        let dispatcher = Arc::new(build(2));
        let (submitter, gate) = (dispatcher.submitter(), Gate::default());
        let jobs = (0..20).map(|_| {
            let (owner, gate) = (Arc::clone(&dispatcher), gate.clone());
            null_read(&null(), move || {
                gate.pass();
                assert_eq!(owner.depth(), 2);
            })
        });
        submitter.submit_batch(jobs).unwrap();
        drop(dispatcher);
        gate.open();
        eventually("all jobs end", || submitter.stats().finished == 20);
        assert_eq!(submitter.stats().panics, 0);
        submitter
    });
}

#[test]
fn callbacks_still_submit_after_it() {
    let _alone = alone();
    leaves_nothing(|| {
        let (sender, ran) = mpsc::channel();
        let submitter = give_away(build(1), |dispatcher| {
            let submitter = dispatcher.submitter();
            drop(dispatcher);
            let inner = submitter.clone();
            let chained = null_read(&null(), move || {
                inner.submit(null_read(&null(), move || sender.send(()).unwrap())).unwrap();
            });
            submitter.submit(chained).unwrap();
        });
        ran.recv_timeout(HANG).unwrap();
        submitter
    });
}

#[test]
fn with_an_operation_that_takes_longer() {
    let _alone = alone();
    leaves_nothing(|| {
        let (dispatcher, eventfd) = (build(2), eventfd());
        let (sender, ready) = mpsc::channel();
        let poll = Job::poll(&eventfd, PollEvents::READABLE, move |done| {
            sender.send(done.result.is_ok()).unwrap();
        });
        dispatcher.submit(poll).unwrap();
        let submitter = give_away(dispatcher, drop);
        if !support::on_threads() {
            assert_eq!(proc::contexts(), 1, "the kernel still has a job");
        }
        make_readable(&eventfd);
        assert!(ready.recv_timeout(HANG).unwrap());
        submitter
    });
}

#[test]
fn by_the_drop_of_a_value_that_nobody_joined() {
    let _alone = alone();
    leaves_nothing(|| {
        let (dispatcher, gate) = (build(1), Gate::default());
        let (submitter, held) = (dispatcher.submitter(), gate.clone());
        let job = null_read(&null(), move || {
            held.pass();
            dispatcher
        });
        drop(submitter.spawn(job).unwrap());
        gate.open();
        eventually("the job ends", || submitter.stats().outstanding == 0);
        submitter
    });
}

#[test]
fn detached_or_shut_down_by_a_task_that_does_not_wait() {
    let _alone = alone();
    let ways: [fn(Dispatcher); 3] = [
        Dispatcher::detach,
        |dispatcher| drop(dispatcher.shutdown_async()),
        |dispatcher| {
            let task = Task::new();
            assert!(task.poll(&mut dispatcher.shutdown_async()).is_pending());
        },
    ];
    for end in ways {
        leaves_nothing(move || {
            let (dispatcher, gate) = (build(2), Gate::default());
            let (submitter, held) = (dispatcher.submitter(), gate.clone());
            submitter.submit(null_read(&null(), move || held.pass())).unwrap();
            gate.wait_for(1);
            end(dispatcher);
            gate.open();
            submitter
        });
    }
}

#[test]
fn a_task_that_has_shut_it_down_leaves_nothing_either() {
    let _alone = alone();
    leaves_nothing(|| {
        let dispatcher = build(2);
        let submitter = dispatcher.submitter();
        submitter.submit(null_read(&null(), || ())).unwrap();
        futures::executor::block_on(dispatcher.shutdown_async()).unwrap();
        submitter
    });
}
