//! Callbacks run on workers only, of which there are as many as asked for, and no signal comes
//! there.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread::{self, ThreadId};

use reapool::{Job, PollEvents, Submitter};

use crate::support::alone::alone;
use crate::support::{
    self, HANG, bad_file, eventfd, eventually, known_file, make_readable, null, null_read,
    occupy_thread, open_buffered, open_direct, proc, scratch, watched,
};

/// Where callbacks tell on which thread they are.
#[derive(Clone)]
struct Roll(mpsc::Sender<(&'static str, ThreadId, String)>);

impl Roll {
    fn call(&self, mode: &'static str) {
        let thread = thread::current();
        self.0.send((mode, thread.id(), thread.name().unwrap_or_default().to_owned())).unwrap();
    }

    fn job(&self, mode: &'static str) -> Job {
        let roll = self.clone();
        null_read(&null(), move || roll.call(mode))
    }
}

fn submit_in_every_way(submitter: &Submitter, roll: &Roll) {
    submitter.submit(roll.job("submit")).unwrap();
    submitter.try_submit(roll.job("try_submit")).unwrap();
    submitter.submit_timeout(roll.job("submit_timeout"), HANG).unwrap();
    submitter.submit_batch((0..9).map(|_| roll.job("submit_batch"))).unwrap();
    submitter.try_submit_batch((0..9).map(|_| roll.job("try_submit_batch"))).unwrap();
    submitter.spawn(roll.job("spawn")).unwrap().join_timeout(HANG).unwrap();
    submitter.try_spawn(roll.job("try_spawn")).unwrap().join_timeout(HANG).unwrap();

    let inner = roll.clone();
    let failing = Job::read(bad_file(), vec![0; 16], 0, move |done| {
        assert!(done.result.is_err());
        inner.call("refused by the kernel");
    });
    submitter.submit(failing).unwrap();

    let directory = scratch();
    let path = known_file(directory.path(), "known", 4096);
    let inner = roll.clone();
    let buffered = Job::read(open_buffered(&path), vec![0; 4096], 0, move |done| {
        assert_eq!(done.result.unwrap(), 4096);
        inner.call("buffered");
    });
    submitter.submit(buffered).unwrap();
    if let Some(file) = open_direct(&path) {
        let inner = roll.clone();
        let buffer = reapool::AlignedBuf::zeroed(4096);
        let direct = Job::read(file, buffer, 0, move |done| {
            assert_eq!(done.result.unwrap(), 4096);
            inner.call("direct");
        });
        submitter.submit(direct).unwrap();
    }

    let inner = roll.clone();
    submitter.submit(Job::nop(move || inner.call("nop"))).unwrap();
    let inner = roll.clone();
    submitter.submit(Job::blocking(|| (), move |()| inner.call("blocking"))).unwrap();

    let (eventfd, inner) = (eventfd(), roll.clone());
    let poll = Job::poll(&eventfd, PollEvents::READABLE, move |_| inner.call("poll"));
    submitter.submit(poll).unwrap();
    make_readable(&eventfd);
}

#[test]
fn callbacks_run_on_workers_and_nowhere_else() {
    let _alone = alone();
    watched(|| {
        for workers in [1, 3] {
            let dispatcher = support::builder().depth(32).workers(workers).build().unwrap();
            let (submitter, (sender, called)) = (dispatcher.submitter(), mpsc::channel());
            let roll = Roll(sender);
            submit_in_every_way(&submitter, &roll);

            let (inner, chained) = (submitter.clone(), roll.clone());
            let chain = null_read(&null(), move || {
                inner.submit(chained.job("chained")).unwrap();
                inner.flush().unwrap();
                inner.submit_batch([chained.job("chained batch")]).unwrap();
            });
            submitter.submit(chain).unwrap();

            // Runs when the shutdown has begun, and submits then.
            let (eventfd, late) = (eventfd(), roll.clone());
            let inner = submitter.clone();
            let poll = Job::poll(&eventfd, PollEvents::READABLE, move |_| {
                late.call("after shutdown began");
                inner.submit(late.job("submitted after shutdown began")).unwrap();
            });
            dispatcher.submit(poll).unwrap();
            drop(roll);
            let shutdown = thread::spawn(|| dispatcher.shutdown().unwrap());
            let refused = || submitter.try_submit(null_read(&null(), || ())).is_err();
            eventually("new jobs are refused", refused);
            make_readable(&eventfd);
            assert_eq!(shutdown.join().unwrap().panics, 0);

            let mut modes = BTreeSet::new();
            for (mode, id, name) in called {
                modes.insert(mode);
                assert!(name.starts_with("aio-worker-"), "{mode}: on {name}");
                assert_ne!(id, thread::current().id(), "{mode}");
            }
            assert!(modes.len() >= 16, "{modes:?}");
        }
    });
}

#[test]
fn there_are_as_many_threads_as_asked_for_and_a_reaper() {
    let _alone = alone();
    watched(|| {
        for workers in [1, 2, 5] {
            let dispatcher = support::builder().depth(8).workers(workers).build().unwrap();
            let mut expected: Vec<_> = (0..workers).map(|n| format!("aio-worker-{n}")).collect();
            expected.insert(0, "aio-reaper".into());
            let names = || {
                let mut names: Vec<_> = proc::threads().into_iter().map(|(_, name)| name).collect();
                // The engine without AIO needs them for what is asked here.
                names.retain(|name| !support::on_threads() || !name.starts_with("aio-blocking-"));
                names.sort();
                names
            };
            // A thread names itself when it begins to run.
            eventually("the threads are named", || names() == expected);
            for _ in 0..100 {
                dispatcher.submit(null_read(&null(), || ())).unwrap();
            }
            dispatcher.drain().unwrap();
            assert_eq!(names(), expected, "not more by use");
            drop(dispatcher);
            eventually("they end", || names().is_empty());
        }
    });
}

/// The signals that a thread has blocked, as bits from the lowest.
fn blocked(task: &std::path::Path) -> u64 {
    u64::from_str_radix(&proc::status(task, "SigBlk").unwrap(), 16).unwrap()
}

#[test]
fn all_signals_but_those_of_faults_are_blocked_there_and_none_here() {
    let _alone = alone();
    watched(|| {
        let before = blocked(&proc::this_thread());
        let dispatcher = support::builder().depth(8).workers(3).build().unwrap();
        assert_eq!(blocked(&proc::this_thread()), before, "the caller's own mask");
        let faults = [
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGILL,
            libc::SIGABRT,
            libc::SIGTRAP,
            libc::SIGSYS,
        ];
        // These can't be blocked; 32 and 33 are the C library's own.
        let never = [libc::SIGKILL, libc::SIGSTOP, 32, 33];
        let expected =
            (1..=64).filter(|signal| !faults.contains(signal) && !never.contains(signal));
        let expected = expected.fold(0, |mask, signal| mask | 1_u64 << (signal - 1));
        let gate = occupy_thread(&dispatcher.submitter());
        eventually("the threads are named", || proc::threads().len() == 5);
        let ignoring = never[2..].iter().fold(!0, |mask, signal| mask & !(1_u64 << (signal - 1)));
        for (task, name) in proc::threads() {
            let blocked = blocked(&task) & ignoring;
            assert_eq!(blocked, expected, "{name}: {blocked:#x}, not {expected:#x}");
        }
        gate.open();
        drop(dispatcher);
        assert_eq!(blocked(&proc::this_thread()), before);
    });
}
