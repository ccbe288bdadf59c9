//! The dispatcher is shut down, dropped or drained while runs are on their way: nothing hangs, and
//! each path that was pulled has its result.

use std::thread;

use reapool::{
    Chunk, Dispatcher, FileErrorKind, FileOperation, Files, FilesProgress, FilesRun, Listing, Order,
};

use crate::support::cache::forget;
use crate::support::files::{
    CHUNK, Outcome, POLICIES, Pulled, all, copied, dispatcher, files_of, gathered, modest,
    open_below, small_files, sparse, successes,
};
use crate::support::{self, Drops, Gate, HANG, eventually, scratch, watched};

fn untended() -> Dispatcher {
    support::builder().depth(32).workers(2).build().unwrap()
}

/// One result for each path, good or that it was too late, and none for anything else. The path
/// that the iterator was just coming up with may have been dropped, if the progress says that the
/// listing was cut short.
fn assert_ended<T>(outcomes: &[Outcome<T>], pulled: &Pulled, progress: &FilesProgress) {
    let mut indices = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(done) => indices.push(done.index),
            Err(error) => {
                assert_eq!(error.kind(), FileErrorKind::ShutDown, "{error}");
                assert_ne!(error.operation, FileOperation::List, "{error}");
                indices.push(error.index);
            }
        }
    }
    indices.sort_unstable();
    let (count, ended, end) = (pulled.count(), indices.len(), progress.snapshot());
    let cut_short = end.listing == Listing::ShutDown;
    assert!(cut_short || end.listing == Listing::Complete, "{end:?}");
    assert!(indices.iter().copied().eq(0..ended as u64), "of {count}: {indices:?}");
    assert!(ended == count || cut_short && ended + 1 == count, "{ended} of {count}, {cut_short}");
    assert_eq!((end.found, end.done + end.failed), (ended as u64, ended as u64));
}

#[test]
fn a_shutdown_ends_a_run_that_is_being_taken() {
    let directory = scratch();
    let mut paths = small_files(directory.path(), 2000);
    paths.extend(files_of(directory.path(), &[10 * CHUNK; 40]));
    for policy in POLICIES {
        for taken in [0, 1, 100, 1990] {
            forget(&paths[2000]);
            let dispatcher = untended();
            let files = modest(&dispatcher).policy(policy).results(64).build().unwrap();
            let pulled = Pulled::default();
            let mut run = gathered(&files, pulled.from(paths.clone().into_iter()));
            let progress = run.progress();
            let outcomes = watched(move || {
                let mut outcomes: Vec<_> = run.by_ref().take(taken).collect();
                let taker = thread::spawn(move || run.collect::<Vec<_>>());
                dispatcher.shutdown_timeout(HANG).unwrap();
                outcomes.extend(taker.join().unwrap());
                outcomes
            });
            assert_ended(&outcomes, &pulled, &progress);
            eventually("closed", || open_below(directory.path()) == 0);
        }
    }
}

#[test]
fn a_shutdown_does_not_wait_for_results_to_be_taken() {
    let directory = scratch();
    let paths = small_files(directory.path(), 500);
    for order in [Order::Completion, Order::Input] {
        let dispatcher = untended();
        let files = modest(&dispatcher).order(order).results(10).build().unwrap();
        let pulled = Pulled::default();
        let run = copied(&files, pulled.from(paths.clone().into_iter()));
        let progress = run.progress();
        eventually("at rest", || progress.snapshot().done == 10);
        watched(move || dispatcher.shutdown_timeout(HANG).unwrap());
        let outcomes = all(run);
        assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() >= 10);
        assert_ended(&outcomes, &pulled, &progress);
        assert!(progress.snapshot().finished);
    }
}

#[test]
fn a_shutdown_waits_for_callbacks_and_ends_their_files() {
    let directory = scratch();
    let path = sparse(directory.path(), "huge", 1 << 40);
    for policy in POLICIES {
        let dispatcher = untended();
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let (gate, drops, pulled) = (Gate::default(), Drops::default(), Pulled::default());
        let (held, states) = (gate.clone(), drops.clone());
        let run = files.stream(
            pulled.from([path.clone()].into_iter()),
            move |_| states.guard(),
            move |_: &mut _, _: Chunk| held.pass(),
            |_, _| (),
        );
        let progress = run.progress();
        gate.wait_for(1);
        let shutdown = thread::spawn(move || dispatcher.shutdown_timeout(HANG).map(drop));
        gate.open();
        watched(move || shutdown.join().unwrap().unwrap());
        assert_ended(&all(run), &pulled, &progress);
        assert_eq!(drops.count(), 1);
    }
}

#[test]
fn after_a_shutdown_a_run_ends_at_once() {
    let directory = scratch();
    let paths = small_files(directory.path(), 5);
    for order in [Order::Completion, Order::Input] {
        let dispatcher = untended();
        let files = modest(&dispatcher).order(order).build().unwrap();
        dispatcher.shutdown().unwrap();
        let (pulled, drops) = (Pulled::default(), Drops::default());
        let guard = drops.guard();
        let run = files.read(pulled.from(paths.clone().into_iter()), move |_| {
            let _ = &guard;
        });
        let progress = run.progress();
        let outcomes = all(run);
        assert_ended(&outcomes, &pulled, &progress);
        assert!(outcomes.is_empty(), "no path was taken");
        assert_eq!(progress.snapshot().listing, Listing::ShutDown, "it says that it is no use");
        assert!(progress.snapshot().finished);
        eventually("dropped", || drops.count() == 1);
    }
}

#[test]
fn memory_that_is_waited_for_does_not_hold_up_a_shutdown() {
    let directory = scratch();
    let paths = files_of(directory.path(), &[40 * CHUNK; 6]);
    for policy in POLICIES {
        let dispatcher = untended();
        let files = modest(&dispatcher).policy(policy).memory(2 << 20).build().unwrap();
        let pulled = Pulled::default();
        let (sender, kept) = std::sync::mpsc::channel();
        // All memory is kept, and given back after the shutdown only.
        let keep = move |_: &mut (), chunk: Chunk| sender.send(chunk).unwrap();
        let run = files.stream(pulled.from(paths.clone().into_iter()), |_| (), keep, |(), _| ());
        let progress = run.progress();
        eventually("waits for memory", || files.stats().memory_waits > 0);
        watched(move || dispatcher.shutdown_timeout(HANG).map(drop).unwrap());
        drop(kept);
        assert_ended(&all(run), &pulled, &progress);
    }
}

#[test]
fn many_files_that_wait_for_memory_end_after_the_dispatcher() {
    let directory = scratch();
    let paths = files_of(directory.path(), &[40 * CHUNK; 60]);
    let dispatcher = untended();
    let files = modest(&dispatcher).memory(2 << 20).files_at_once(60).results(60).build().unwrap();
    let pulled = Pulled::default();
    let keep = |kept: &mut Vec<_>, chunk: Chunk| kept.push(chunk);
    let paths = pulled.from(paths.into_iter());
    let run = files.stream(paths, |_| Vec::new(), keep, |kept, _| drop(kept));
    let progress = run.progress();
    // All of them wait for memory that they have, and nothing is under way.
    eventually("nothing goes on", || {
        files.stats().memory_waits >= 40 && dispatcher.stats().outstanding == 0
    });
    watched(move || drop(dispatcher));
    let outcomes = all(run);
    assert!(outcomes.iter().filter(|outcome| outcome.is_err()).count() >= 40);
    assert_ended(&outcomes, &pulled, &progress);
}

#[test]
fn the_dispatcher_may_be_dropped_first_and_drained_meanwhile() {
    let directory = scratch();
    let paths = small_files(directory.path(), 300);
    let dispatcher = untended();
    let files = modest(&dispatcher).build().unwrap();
    let pulled = Pulled::default();
    let run = copied(&files, pulled.from(paths.clone().into_iter()));
    let progress = run.progress();
    // What is under way, with a run that nobody takes results of, comes to rest.
    dispatcher.drain_timeout(HANG).unwrap();
    watched(move || drop(dispatcher));
    assert_ended(&all(run), &pulled, &progress);
    drop(files);
}

#[test]
fn files_and_runs_may_go_in_any_order() {
    let directory = scratch();
    let paths = small_files(directory.path(), 50);
    for order in 0..6 {
        let dispatcher = untended();
        let files = modest(&dispatcher).build().unwrap();
        let run: FilesRun<Vec<u8>> = copied(&files, paths.clone());
        watched(move || match order {
            0 => drop((dispatcher, files, run)),
            1 => drop((dispatcher, run, files)),
            2 => drop((files, dispatcher, run)),
            3 => drop((files, run, dispatcher)),
            4 => drop((run, dispatcher, files)),
            _ => drop((run, files, dispatcher)),
        });
        eventually("closed", || open_below(directory.path()) == 0);
    }
    let dispatcher = dispatcher(2);
    assert_eq!(successes(copied(&modest(&dispatcher).build().unwrap(), paths)).len(), 50);
}

#[test]
fn a_shutdown_while_paths_are_listed_adds_no_result() {
    let directory = scratch();
    let paths = small_files(directory.path(), 3);
    for (taken, order) in [(0, Order::Completion), (1, Order::Input), (3, Order::Completion)] {
        let dispatcher = untended();
        let files = Files::builder(&dispatcher).order(order).build().unwrap();
        // The last owner goes while the paths are listed.
        let (mut own, mut rest, mut given) = (Some(dispatcher), paths.clone().into_iter(), 0);
        let listed = std::iter::from_fn(move || {
            if given == taken {
                drop(own.take());
            }
            given += 1;
            rest.next()
        });
        let pulled = Pulled::default();
        let run = copied(&files, pulled.from(listed));
        let progress = run.progress();
        assert_ended(&all(run), &pulled, &progress);
    }
}
