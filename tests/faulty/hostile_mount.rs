//! What a file system that answers late or never does to whom: it holds who asks it, and nobody
//! else.

use std::sync::mpsc;
use std::time::Duration;

use fuser::FileType;
use reapool::{Dispatcher, FileErrorKind, FileHandle, Files, Job, ShutdownError};

use crate::liar::{Ask, Liar, Node};
use crate::support::files::{POLICIES, all, copied, dispatcher, modest, only, patterned};
use crate::support::{self, Drops, HANG, eventually, known_file, proc, scratch, watched};

/// Long enough for what ends at once, and no longer than has to be waited for what doesn't end.
const BRIEFLY: Duration = Duration::from_millis(50);

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Four files about which nothing is wrong, and whose names the kernel has in memory.
fn four() -> Option<Liar> {
    let liar = Liar::mount(NAMES.map(|name| (name, Node::honest(name.as_bytes()))))?;
    NAMES.iter().for_each(|name| assert!(liar.path(name).metadata().unwrap().len() == 1));
    Some(liar)
}

/// Each worker runs a callback, all at the same time.
fn assert_all_workers_run(dispatcher: &Dispatcher, workers: usize) {
    let gate = support::Gate::default();
    for _ in 0..workers {
        let gate = gate.clone();
        dispatcher.submit(Job::nop(move || gate.pass())).unwrap();
    }
    gate.wait_for(workers);
    gate.open();
}

#[test]
fn an_opening_that_is_not_answered_keeps_no_worker() {
    for policy in POLICIES {
        let Some(liar) = four() else { return };
        let dispatcher = dispatcher(2);
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        // Workers know the file system by now.
        assert_eq!(only(copied(&files, [liar.path("a")])).unwrap().value, b"a");
        NAMES.iter().for_each(|name| liar.hold(name, Ask::Open));
        let run = copied(&files, NAMES.map(|name| liar.path(name)));
        liar.wait_for(1);
        assert_all_workers_run(&dispatcher, 2);
        liar.release();
        assert_eq!(all(run).iter().filter(|outcome| outcome.is_ok()).count(), 4, "{policy:?}");
    }
}

/// Files of a run are opened one after the other as long as that is quick.
#[test]
fn an_opening_that_is_not_answered_keeps_no_other_file() {
    const COUNT: usize = 64;
    let name = |number: usize| format!("{number:02}");
    let nodes = (0..COUNT).map(|number| (name(number), Node::honest(name(number).as_bytes())));
    let nodes: Vec<_> = nodes.collect();
    for held in [[20, 21], [40, 47], [62, 63]] {
        let nodes = nodes.iter().map(|(name, node)| (name.as_str(), node.clone()));
        let Some(liar) = Liar::mount(nodes) else { return };
        let paths: Vec<_> = (0..COUNT).map(|number| liar.path(&name(number))).collect();
        held.iter().for_each(|&number| liar.hold(&name(number), Ask::Open));
        watched(move || {
            let dispatcher = dispatcher(2);
            let files = modest(&dispatcher).files_at_once(16).build().unwrap();
            let mut run = copied(&files, paths);
            let others = run.by_ref().take(COUNT - held.len());
            assert!(others.map(Result::unwrap).all(|done| !held.contains(&(done.index as usize))));
            liar.release();
            assert_eq!(run.filter(Result::is_ok).count(), held.len());
        });
    }
}

#[test]
fn closings_that_are_not_answered_keep_no_worker() {
    for policy in POLICIES {
        let Some(liar) = four() else { return };
        watched(move || {
            let dispatcher = dispatcher(2);
            let files = modest(&dispatcher).policy(policy).files_at_once(4).open_files(4);
            let files = files.build().unwrap();
            NAMES.iter().for_each(|name| liar.hold(name, Ask::Flush));
            let mut run = copied(&files, NAMES.map(|name| liar.path(name)));
            assert_eq!(run.by_ref().take(4).filter(Result::is_ok).count(), 4, "{policy:?}");
            liar.wait_for(1);
            assert_all_workers_run(&dispatcher, 2);
            liar.release();
            assert!(run.next().is_none());
        });
    }
}

#[test]
fn openings_that_are_not_answered_take_the_blocking_threads_and_no_other_dispatchers() {
    let Some(liar) = four() else { return };
    watched(move || {
        let directory = scratch();
        let good = patterned(directory.path(), "good", 1, 5000);
        NAMES.iter().for_each(|name| liar.hold(name, Ask::Open));
        let builder = support::builder().depth(16).workers(2).blocking_threads(2);
        let dispatcher = support::Tended::new(builder);
        let files = modest(&dispatcher).build().unwrap();
        let paths = NAMES.map(|name| liar.path(name)).into_iter().chain([good.clone()]);
        let mut run = copied(&files, paths.collect::<Vec<_>>());
        liar.wait_for(2);
        assert_all_workers_run(&dispatcher, 2);
        // A dispatcher of its own is what keeps one mount from holding up others.
        let other = support::files::dispatcher(2);
        let others = modest(&other).build().unwrap();
        assert_eq!(only(copied(&others, [good])).unwrap().bytes, 5000);
        assert_eq!(dispatcher.stats().blocking_threads, 2);
        liar.release();
        assert!(run.by_ref().all(|outcome| outcome.is_ok()));
    });
}

#[test]
fn a_run_is_given_up_and_the_dispatcher_too_while_an_opening_is_not_answered() {
    let Some(liar) = four() else { return };
    watched(move || {
        liar.hold("a", Ask::Open);
        let dispatcher = support::builder().depth(16).workers(2).build().unwrap();
        let submitter = dispatcher.submitter();
        let files = Files::new(&dispatcher).unwrap();
        let run = copied(&files, [liar.path("a")]);
        liar.wait_for(1);
        drop(run);
        let error = dispatcher.shutdown_timeout(BRIEFLY).unwrap_err();
        assert!(matches!(error, ShutdownError::TimedOut(_)), "{error:?}");
        liar.release();
        eventually("all ends", || submitter.stats().outstanding == 0);
    });
}

#[test]
fn a_read_that_is_not_answered_keeps_its_buffer_and_nobody_else() {
    let Some(liar) = four() else { return };
    watched(move || {
        let directory = scratch();
        let good = known_file(directory.path(), "good", 5000);
        let dispatcher = support::builder().depth(16).workers(2).build().unwrap();
        let (submitter, drops) = (dispatcher.submitter(), Drops::default());
        let held = FileHandle::open_buffered(liar.path("a")).unwrap();
        liar.hold("a", Ask::Read);
        let (sender, ended) = mpsc::channel();
        let job = Job::read(held, drops.buffer(vec![0; 64]), 0, move |done| {
            sender.send(done.result.unwrap()).unwrap();
        });
        dispatcher.submit(job).unwrap();
        liar.wait_for(1);
        let good = FileHandle::open_buffered(good).unwrap();
        let read = dispatcher.spawn(Job::read(good, vec![0; 8192], 0, |done| done.transferred));
        assert_eq!(read.unwrap().join_timeout(HANG).unwrap(), 5000);
        assert_all_workers_run(&dispatcher, 2);
        let error = dispatcher.shutdown_timeout(BRIEFLY).unwrap_err();
        let ShutdownError::TimedOut(stats) = error else { panic!("{error:?}") };
        assert_eq!((stats.outstanding, drops.count()), (1, 0));
        liar.release();
        assert_eq!(ended.recv_timeout(HANG).unwrap(), 1);
        eventually("it ends", || submitter.stats().outstanding == 0);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_submission_that_is_not_answered_keeps_its_caller_and_nobody_else() {
    if support::on_threads() {
        // There the caller enters no kernel: the test before this one.
        return;
    }
    let Some(liar) = four() else { return };
    watched(move || {
        let dispatcher = dispatcher(2);
        // This file system didn't tell the kernel that it can do direct I/O asynchronously.
        let held = FileHandle::open_direct(liar.path("a")).unwrap();
        liar.hold("a", Ask::Read);
        let submitter = dispatcher.submitter();
        let (sender, callers) = mpsc::channel();
        let caller = std::thread::spawn(move || {
            sender.send(proc::this_thread()).unwrap();
            let buffer = reapool::AlignedBuf::zeroed(4096);
            submitter.spawn(Job::read(held, buffer, 0, |done| done.result.unwrap())).unwrap()
        });
        let caller_directory = callers.recv().unwrap();
        liar.wait_for(1);
        assert_all_workers_run(&dispatcher, 2);
        assert!(!caller.is_finished() && caller_directory.exists(), "it is in the kernel");
        liar.release();
        assert_eq!(caller.join().unwrap().join_timeout(HANG).unwrap(), 1);
    });
}

#[test]
fn a_pipe_in_the_place_of_a_leased_file_is_not_waited_for() {
    let leased = Node {
        believed: Duration::ZERO,
        refusals: vec![libc::EAGAIN],
        becomes: Some(FileType::NamedPipe),
        ..Node::honest(b"leased")
    };
    for policy in POLICIES {
        let Some(liar) = Liar::mount([("file", leased.clone())]) else { return };
        let dispatcher = dispatcher(1);
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let error = only(copied(&files, [liar.path("file")])).unwrap_err();
        assert_eq!(error.kind(), FileErrorKind::NotAFile, "{policy:?}: {error}");
    }
}
