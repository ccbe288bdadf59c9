//! Blocking threads: where they start and when they end, and what becomes of the work without.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use reapool::{AlignedBuf, Backend, FileHandle, Job, Operation, PollEvents, ShutdownError};

use crate::support::alone::alone;
use crate::support::child::{end_of, fork, in_child, limit};
use crate::support::{
    self, Gate, HANG, contents, eventfd, eventually, known_file, make_readable, open_buffered,
    proc, scratch, watched,
};

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// How many blocking threads there are.
fn blocking_threads() -> usize {
    proc::threads().iter().filter(|(_, name)| name.starts_with("aio-blocking-")).count()
}

#[test]
fn work_runs_on_threads_of_its_own_and_callbacks_on_workers() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().workers(1).build().unwrap();
        let nop = dispatcher.spawn(Job::nop(thread_name)).unwrap();
        assert_eq!(nop.join_timeout(HANG).unwrap(), "aio-worker-0");
        let job = Job::blocking(thread_name, |work| (work, thread_name()));
        assert_eq!((job.operation(), job.requested()), (Operation::Blocking, 0));
        let (work, callback) = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
        assert_eq!((work.as_str(), callback.as_str()), ("aio-blocking-0", "aio-worker-0"));
    });
}

#[test]
fn there_are_no_more_threads_than_allowed() {
    let _alone = alone();
    watched(|| {
        let builder = support::builder().depth(32).workers(2).blocking_threads(3);
        let (dispatcher, gate) = (builder.build().unwrap(), Gate::default());
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..30).map(|_| {
            let (gate, now, most) = (gate.clone(), Arc::clone(&now), Arc::clone(&most));
            let work = move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.pass();
                now.fetch_sub(1, Ordering::SeqCst);
            };
            Job::blocking(work, |()| ())
        });
        dispatcher.submit_batch(jobs).unwrap();
        gate.wait_for(3);
        assert_eq!((blocking_threads(), dispatcher.stats().blocking_threads), (3, 3));
        gate.open();
        dispatcher.drain_timeout(HANG).unwrap();
        assert_eq!(most.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn threads_end_that_have_nothing_to_do_and_start_again() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().depth(8).workers(1).build().unwrap();
        assert_eq!(blocking_threads(), 0, "before they are needed");
        for _ in 0..2 {
            let gate = Gate::default();
            let jobs = (0..3).map(|_| {
                let gate = gate.clone();
                Job::blocking(move || gate.pass(), |()| ())
            });
            dispatcher.submit_batch(jobs).unwrap();
            gate.wait_for(3);
            let names: BTreeSet<_> = proc::threads().into_iter().map(|(_, name)| name).collect();
            let expected = (0..3).map(|number| format!("aio-blocking-{number}"));
            assert!(expected.clone().all(|name| names.contains(&name)), "{names:?}");
            gate.open();
            dispatcher.drain_timeout(HANG).unwrap();
            eventually("idle threads end", || blocking_threads() == 0);
            assert_eq!(dispatcher.stats().blocking_threads, 0);
        }
    });
}

thread_local! {
    static LAST_WORDS: RefCell<Option<LastWords>> = const { RefCell::new(None) };
}

/// Takes its time when it is dropped, and then says so.
struct LastWords(Arc<AtomicBool>);

impl Drop for LastWords {
    fn drop(&mut self) {
        // Nothing waits for this: it makes it show if nobody waits for the thread.
        thread::sleep(Duration::from_millis(50));
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_end_of_the_dispatcher_waits_for_the_threads() {
    let _alone = alone();
    watched(|| {
        for shut_down in [true, false] {
            let dispatcher = support::builder().depth(8).workers(1).build().unwrap();
            let ended = Arc::new(AtomicBool::new(false));
            let words = LastWords(Arc::clone(&ended));
            let job = Job::blocking(move || LAST_WORDS.set(Some(words)), |()| ());
            dispatcher.submit(job).unwrap();
            if shut_down {
                assert_eq!(dispatcher.shutdown().unwrap().jobs, 1);
            } else {
                drop(dispatcher);
            }
            assert!(ended.load(Ordering::SeqCst), "a thread goes on");
            eventually("no thread is left", || proc::threads().is_empty());
        }
    });
}

#[test]
fn the_dispatcher_can_be_dropped_in_work() {
    let _alone = alone();
    watched(|| {
        for _ in 0..20 {
            let dispatcher = support::builder().depth(4).workers(2).build().unwrap();
            let (submitter, (sender, receiver)) = (dispatcher.submitter(), mpsc::channel());
            let work = move || {
                let Err(ShutdownError::InCallback(dispatcher)) = dispatcher.shutdown() else {
                    return false;
                };
                drop(dispatcher);
                true
            };
            let job = Job::blocking(work, move |refused| sender.send(refused).unwrap());
            submitter.submit(job).unwrap();
            assert!(receiver.recv_timeout(HANG).unwrap());
            proc::wait_for_the_end("with a submitter still there");
        }
    });
}

#[test]
fn a_shutdown_that_gives_up_waiting_leaves_the_work_be() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().depth(4).workers(1).build().unwrap();
        let (submitter, gate) = (dispatcher.submitter(), Gate::default());
        let (held, (sender, receiver)) = (gate.clone(), mpsc::channel());
        let tell = move |()| sender.send(()).unwrap();
        dispatcher.submit(Job::blocking(move || held.pass(), tell)).unwrap();
        gate.wait_for(1);
        let Err(ShutdownError::TimedOut(stats)) = dispatcher.shutdown_timeout(Duration::ZERO)
        else {
            panic!("there is work going on")
        };
        assert_eq!((stats.outstanding, stats.blocking_threads), (1, 1));
        gate.open();
        receiver.recv_timeout(HANG).unwrap();
        eventually("all threads end", || proc::threads().is_empty());
        assert_eq!(submitter.stats().finished, 1);
    });
}

/// Makes it impossible for this process to start another thread: to map its stack.
fn forbid_threads() {
    assert!(limit(libc::RLIMIT_AS, proc::mapped() + (1 << 20)));
    // The C library keeps some stacks of threads that have ended.
    let sleep = || loop {
        thread::park();
    };
    while thread::Builder::new().spawn(sleep).is_ok() {}
}

#[test]
fn without_any_thread_a_worker_does_the_work() {
    let _alone = alone();
    watched(|| {
        let mut body = || {
            let dispatcher = support::builder().depth(8).workers(1).build().unwrap();
            forbid_threads();
            let work = |number| Job::blocking(move || (number, thread_name()), |value| value);
            for number in 0..10 {
                let handle = dispatcher.spawn(work(number)).unwrap();
                let expected = (number, "aio-worker-0".to_owned());
                assert_eq!(handle.join_timeout(HANG).unwrap(), expected);
            }
            assert_eq!(dispatcher.stats().blocking_threads, 0);
            dispatcher.shutdown().unwrap().jobs as i32
        };
        assert_eq!(in_child(&mut body), Some(10));
    });
}

#[test]
fn without_any_thread_transfers_are_done_during_their_submission() {
    let _alone = alone();
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "file", 4096);
        for backend in [Backend::Automatic, Backend::BlockingThreads] {
            let mut body = || {
                let builder = support::builder().depth(8).workers(1).backend(backend);
                let dispatcher = builder.build().unwrap();
                let file = open_buffered(&path);
                let direct = FileHandle::open_direct_or_buffered(&path).unwrap();
                let eventfd = eventfd();
                let poll = Job::poll(&eventfd, PollEvents::READABLE, |done| done.result);
                let poll = dispatcher.spawn(poll).unwrap();
                forbid_threads();
                // More than there are slots.
                let handles: Vec<_> = (0..40)
                    .map(|number| match number % 4 {
                        0 => Job::read(&direct, AlignedBuf::zeroed(4096), 0, |done| {
                            let is_right = done.data() == contents(0..4096);
                            done.result.map(|_| is_right)
                        }),
                        1 => Job::read(&file, vec![0; 4096], 0, |done| {
                            let is_right = done.data() == contents(0..4096);
                            done.result.map(|_| is_right)
                        }),
                        2 => Job::write(&file, contents(0..4096), 0, |done| {
                            done.result.map(|count| count == 4096)
                        }),
                        _ => Job::sync_data(&file, |done| done.result.map(|_| true)),
                    })
                    .map(|job| dispatcher.spawn(job).unwrap())
                    .collect();
                for handle in handles {
                    assert!(handle.join_timeout(HANG).unwrap().unwrap());
                }
                assert_eq!(dispatcher.stats().blocking_threads, 0);
                make_readable(&eventfd);
                poll.join_timeout(HANG).unwrap().unwrap();
                dispatcher.shutdown().unwrap().jobs as i32
            };
            assert_eq!(in_child(&mut body), Some(41));
        }
    });
}

#[test]
fn a_child_that_returns_from_the_work_ends_there() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().depth(4).workers(1).build().unwrap();
        // The child returns to a thread that is to end without touching a lock.
        let job = Job::blocking(fork, |child| child);
        let child = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
        let status = end_of(child).unwrap();
        assert!(libc::WIFEXITED(status), "status {status:#x}");
        assert_eq!(libc::WEXITSTATUS(status), 0);
        assert_eq!(dispatcher.shutdown().unwrap().jobs, 1);
    });
}
