//! An idle dispatcher uses no CPU at all: none of its threads wakes up.

use std::thread;
use std::time::Duration;

use reapool::{Cancel, Job, PollEvents};

use crate::support::alone::alone;
use crate::support::{
    self, Gate, eventfd, eventually, make_readable, null, null_read, proc, watched,
};

/// How often the dispatcher's threads have been taken off a CPU.
fn switches() -> u64 {
    let of = |task: &_, kind| -> u64 { proc::status(task, kind).unwrap().parse().unwrap() };
    let all = proc::threads();
    let counts = all.iter().map(|(task, _)| {
        of(task, "voluntary_ctxt_switches") + of(task, "nonvoluntary_ctxt_switches")
    });
    counts.sum()
}

/// Asserts that nothing happens for a second.
fn assert_idle(what: &str) {
    // The blocking threads are known to end.
    let ended = || !proc::threads().iter().any(|(_, name)| name.starts_with("aio-blocking-"));
    eventually("blocking threads end", ended);
    let asleep = || proc::threads().iter().all(|(task, _)| proc::is_asleep(task));
    eventually("the threads sleep", || {
        let before = switches();
        thread::sleep(Duration::from_millis(20));
        asleep() && switches() == before
    });
    let before = switches();
    assert!(before > 0, "the threads have names, and have run");
    // Not to wait for something: this is the time in which nothing is to happen.
    thread::sleep(Duration::from_secs(1));
    assert_eq!(switches(), before, "{what}: a thread woke up");
}

#[test]
fn no_thread_wakes_up_while_there_is_nothing_to_do() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().depth(4).backlog(400).workers(3).build().unwrap();
        eventually("the threads are named", || proc::threads().len() == 4);
        assert_idle("new");

        let run_some = || {
            for _ in 0..1000 {
                dispatcher.submit(null_read(&null(), || ())).unwrap();
            }
        };
        run_some();
        dispatcher.drain().unwrap();
        assert_idle("after use");

        let eventfd = eventfd();
        dispatcher.submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
        run_some();
        eventually("only the poll is left", || dispatcher.stats().outstanding == 1);
        assert_idle("with an operation pending");

        // Polls have all slots.
        let second = support::eventfd();
        for _ in 0..3 {
            dispatcher.submit(Job::poll(&second, PollEvents::READABLE, |_| ())).unwrap();
        }
        let later = || null_read(&null(), || ()).start_within(Duration::from_secs(3600));
        dispatcher.submit_batch((0..10).map(|_| later())).unwrap();
        let withdrawn = dispatcher.spawn(later()).unwrap();
        assert_eq!(withdrawn.cancel(), Cancel::Cancelled);
        let soon = null_read(&null(), || ()).start_within(Duration::from_millis(1));
        dispatcher.spawn(soon).unwrap().join().unwrap();
        assert_idle("with deadlines to come");
        make_readable(&second);
        eventually("only the poll is left", || dispatcher.stats().outstanding == 1);
        assert_idle("with deadlines no more");

        // The poll has one slot, callbacks that sleep in the gate have the others.
        let gate = Gate::default();
        for _ in 0..3 {
            let (held, inner) = (gate.clone(), dispatcher.submitter());
            let job = null_read(&null(), move || {
                for _ in 0..100 {
                    inner.submit(null_read(&null(), || ())).unwrap();
                }
                held.pass();
            });
            dispatcher.submit(job).unwrap();
        }
        gate.wait_for(3);
        dispatcher.try_submit_batch((0..4).map(|_| null_read(&null(), || ()))).unwrap();
        assert!(dispatcher.stats().parked >= 4);
        assert_idle("with a backlog that can't move");
        gate.open();
        make_readable(&eventfd);
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.panics), (2000 + 1 + 3 + 12 + 3 + 300 + 4, 0));
    });
}
