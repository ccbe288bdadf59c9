//! The settings of threads: names, stacks, and handlers for their starts and ends.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, OnceLock, mpsc};
use std::thread;

use reapool::{
    BuildErrorKind, Dispatcher, DispatcherThread, Job, Refusal, RunError, Submitter, ThreadKind,
};

use crate::support::alone::alone;
use crate::support::child::{end_of, fork};
use crate::support::event_loop::TendedLoop;
use crate::support::panics::{Grenade, quietly};
use crate::support::{self, Drops, HANG, eventually, null, null_read, proc, watched};

/// The calling thread is the one that is meant.
fn assert_named(thread: DispatcherThread) {
    let kind = match thread.kind {
        ThreadKind::Worker => "worker",
        ThreadKind::Blocking => "blocking",
        other => panic!("{other:?}"),
    };
    let name = format!("aio-{kind}-{}", thread.number);
    assert_eq!(thread::current().name(), Some(&*name));
}

fn blocking(dispatcher: &Dispatcher) {
    dispatcher.run(Job::blocking(|| (), |()| ())).unwrap();
}

#[test]
fn handlers_run_on_each_thread_before_and_after_everything_else() {
    let _alone = alone();
    watched(|| {
        let (started, ended) = (Arc::new(Mutex::default()), Arc::new(Mutex::default()));
        let note = |threads: &Arc<Mutex<Vec<_>>>| {
            let threads = Arc::clone(threads);
            move |thread| {
                assert_named(thread);
                threads.lock().unwrap().push((thread, thread::current().id()));
            }
        };
        let builder = support::builder().workers(3).start_handler(note(&started));
        let dispatcher = builder.exit_handler(note(&ended)).build().unwrap();
        let is_worker = |(thread, _): &&(DispatcherThread, _)| thread.kind == ThreadKind::Worker;
        let workers = started.lock().unwrap().iter().filter(is_worker).count();
        assert_eq!(workers, 3, "when it is built, all workers have run it");
        let on_started = Arc::clone(&started);
        let is_known = move || {
            let here = thread::current().id();
            on_started.lock().unwrap().iter().any(|&(_, id)| id == here)
        };
        let known = is_known.clone();
        let callbacks: Vec<_> = (0..100)
            .map(|_| dispatcher.spawn(null_read(&null(), is_known.clone())).unwrap())
            .collect();
        assert!(callbacks.into_iter().all(|handle| handle.join().unwrap()));
        assert!(dispatcher.run(Job::blocking(known, |known| known)).unwrap());
        assert!(ended.lock().unwrap().iter().all(|(thread, _)| thread.kind != ThreadKind::Worker));
        dispatcher.shutdown().unwrap();
        let sorted = |threads: &Mutex<Vec<(DispatcherThread, _)>>| {
            let threads = threads.lock().unwrap();
            let mut ids: Vec<_> = threads.iter().map(|(_, id)| format!("{id:?}")).collect();
            ids.sort();
            ids
        };
        assert_eq!(sorted(&started), sorted(&ended), "when it is shut down, all have ended");
        assert!(started.lock().unwrap().len() > 3, "also a blocking thread");
    });
}

#[test]
fn a_start_handler_keeps_other_blocking_threads_from_nothing() {
    const THREADS: usize = 4;
    let _alone = alone();
    watched(|| {
        // Each waits for the others.
        let meeting = Arc::new(Barrier::new(THREADS));
        let meet = move |thread: DispatcherThread| {
            if thread.kind == ThreadKind::Blocking {
                meeting.wait();
            }
        };
        let builder = support::builder().workers(1).blocking_threads(THREADS).start_handler(meet);
        let dispatcher = builder.build().unwrap();
        let jobs: Vec<_> = (0..THREADS)
            .map(|number| dispatcher.spawn(Job::blocking(move || number, |it| it)).unwrap())
            .collect();
        assert!(jobs.into_iter().map(|job| job.join().unwrap()).eq(0..THREADS));
        dispatcher.shutdown().unwrap();
    });
}

#[test]
fn a_handlers_panic_costs_nobody_anything() {
    let _alone = alone();
    quietly(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        let panics = || {
            let runs = Arc::clone(&runs);
            move |_| {
                runs.fetch_add(1, Ordering::SeqCst);
                std::panic::panic_any(Grenade);
            }
        };
        let builder = support::builder().workers(2).start_handler(panics());
        let builder = builder.exit_handler(panics());
        let dispatcher = builder.panic_handler(|_| unreachable!("no callback's")).build().unwrap();
        blocking(&dispatcher);
        assert_eq!(dispatcher.run(Job::nop(|| 5)).unwrap(), 5);
        assert_eq!(dispatcher.shutdown().unwrap().panics, 0);
        assert!(runs.load(Ordering::SeqCst) >= 6);
    });
}

#[test]
fn a_handler_may_submit_but_not_wait() {
    let _alone = alone();
    watched(|| {
        let place = Arc::new(OnceLock::<Submitter>::new());
        let (tell, told) = mpsc::channel();
        let own = Arc::clone(&place);
        let handler = move |thread: DispatcherThread| {
            if let (ThreadKind::Blocking, Some(submitter)) = (thread.kind, own.get()) {
                let refused = submitter.run(Job::nop(|| ())).unwrap_err();
                let ran = tell.clone();
                let job = Job::nop(move || ran.send(None).unwrap());
                submitter.submit(job).unwrap();
                tell.send(Some(refused)).unwrap();
            }
        };
        let dispatcher =
            support::builder().workers(1).blocking_threads(1).start_handler(handler).build();
        let dispatcher = dispatcher.unwrap();
        place.set(dispatcher.submitter()).unwrap();
        blocking(&dispatcher);
        let mut told: Vec<_> = (0..2).map(|_| told.recv_timeout(HANG).unwrap()).collect();
        told.sort_by_key(Option::is_none);
        let Some(RunError::Refused(refused)) = told.swap_remove(0) else { panic!("{told:?}") };
        assert_eq!(refused.kind(), Refusal::InCallback);
    });
}

#[test]
fn those_of_an_event_loop_run_on_its_blocking_threads() {
    let _alone = alone();
    watched(|| {
        let (tell, told) = mpsc::channel();
        let (on_start, on_exit) = (tell.clone(), tell);
        let builder = Dispatcher::builder().blocking_threads(1);
        let builder =
            builder.start_handler(move |thread| on_start.send(("start", thread.kind)).unwrap());
        let builder =
            builder.exit_handler(move |thread| on_exit.send(("exit", thread.kind)).unwrap());
        let mut jobs = TendedLoop::new(builder);
        let work = jobs.try_spawn(Job::blocking(|| 5, |number| number)).unwrap();
        while jobs.turn(1) == 0 {}
        assert_eq!(work.join().unwrap(), 5);
        assert_eq!(told.recv_timeout(HANG), Ok(("start", ThreadKind::Blocking)));
        drop(jobs);
        assert_eq!(told.recv_timeout(HANG), Ok(("exit", ThreadKind::Blocking)));
        assert!(told.recv_timeout(HANG).is_err(), "both handlers are dropped, and nothing else");
    });
}

/// Tells the name of the thread that drops it.
struct Tells(mpsc::Sender<String>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.send(thread::current().name().unwrap_or_default().to_owned()).unwrap();
    }
}

#[test]
fn handlers_are_dropped_with_the_dispatcher_and_not_by_the_reaper() {
    let _alone = alone();
    watched(|| {
        for round in 0..50 {
            let (tell, told) = mpsc::channel();
            let (start, exit) = (Tells(tell.clone()), Tells(tell));
            let builder = support::builder().workers(1 + round % 2).start_handler(move |_| {
                let _kept = &start;
            });
            let builder = builder.exit_handler(move |_| _ = &exit);
            let dispatcher = builder.build().unwrap();
            if round % 3 == 0 {
                blocking(&dispatcher);
            }
            let submitter = dispatcher.submitter();
            match round % 4 {
                0 => drop(dispatcher),
                1 => drop(dispatcher.shutdown().unwrap()),
                2 => dispatcher.detach(),
                _ => submitter.submit(Job::nop(move || drop(dispatcher))).unwrap(),
            }
            for _ in 0..2 {
                let name = told.recv_timeout(HANG).unwrap();
                assert_ne!(name, "aio-reaper", "round {round}");
            }
            drop(submitter);
        }
    });
}

#[test]
fn names_begin_as_asked_for() {
    let _alone = alone();
    watched(|| {
        let builder = support::builder().workers(2).thread_name("db");
        let dispatcher = builder.build().unwrap();
        blocking(&dispatcher);
        let names = || -> BTreeSet<_> {
            let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
            let names = tasks.flat_map(|task| fs::read_to_string(task.path().join("comm")));
            let names = names.map(|name| name.trim().to_owned());
            names.filter(|name| name.starts_with("db-")).collect()
        };
        let expected = ["db-blocking-0", "db-reaper", "db-worker-0", "db-worker-1"];
        eventually("the threads are named", || names().iter().eq(&expected));
        assert!(proc::threads().is_empty(), "there are no others");
        let error = support::builder().thread_name("d\0b").build().unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::InvalidConfig);
        assert!(error.to_string().contains("zero byte"), "{error}");
    });
}

/// Fills this many MiB of the stack.
#[inline(never)]
fn deep(mebibytes: usize) -> usize {
    let frame = std::hint::black_box([1_u8; 1 << 20]);
    let below = if mebibytes > 1 { deep(mebibytes - 1) } else { 0 };
    below + std::hint::black_box(&frame)[mebibytes] as usize
}

#[test]
fn stacks_are_as_large_as_asked_for() {
    let _alone = alone();
    watched(|| {
        let builder = support::builder().workers(1).stack_size(64 << 20);
        let dispatcher = builder.build().unwrap();
        assert_eq!(dispatcher.run(Job::nop(|| deep(24))).unwrap(), 24);
        assert_eq!(dispatcher.run(Job::blocking(|| deep(24), |sum| sum)).unwrap(), 24);
        for bytes in [0, (64 << 10) - 1, usize::MAX] {
            let error = support::builder().stack_size(bytes).build().unwrap_err();
            assert_eq!(error.kind(), BuildErrorKind::InvalidConfig, "{bytes}");
        }
    });
}

#[test]
fn children_of_handlers_end_and_the_parent_goes_on() {
    let _alone = alone();
    watched(|| {
        let drops = Drops::default();
        for kind in [ThreadKind::Worker, ThreadKind::Blocking] {
            let (tell, children) = mpsc::channel();
            let forks = || {
                let (tell, guard) = (tell.clone(), drops.guard());
                move |thread: DispatcherThread| {
                    let _guard = &guard;
                    if thread.kind == kind {
                        let child = fork();
                        if child != 0 {
                            tell.send(child).unwrap();
                        }
                    }
                }
            };
            let builder = support::builder().workers(1).blocking_threads(1);
            let builder = builder.start_handler(forks()).exit_handler(forks());
            let dispatcher = builder.build().unwrap();
            blocking(&dispatcher);
            assert_eq!(dispatcher.run(Job::nop(|| 5)).unwrap(), 5);
            dispatcher.shutdown().unwrap();
            drop(tell);
            let ends: Vec<_> = children.iter().map(end_of).collect();
            assert!(ends.len() >= 2 && ends.iter().all(|&end| end == Some(0)), "{ends:?}");
        }
    });
}
