//! A run that is stopped or dropped ends soon: what was pulled has its result, what was given is
//! dropped, and nothing stays open or taken.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use reapool::{Chunk, FileErrorKind, FilesStopper, Listing, Order};

use crate::support::cache::forget;
use crate::support::files::{
    CHUNK, Outcome, POLICIES, Pulled, all, copied, dispatcher, files_of, gathered, modest,
    open_below, patterned, small_files, sparse, successes,
};
use crate::support::{DropGuard, Drops, Gate, eventually, scratch, watched};

/// Each of so many paths has one result: success, or that it was stopped. But for the one that the
/// iterator was perhaps about to give.
fn assert_stopped<T>(outcomes: &[Outcome<T>], pulled: &Pulled) {
    let index = |outcome: &Outcome<T>| match outcome {
        Ok(done) => done.index,
        Err(error) => {
            assert_eq!(error.kind(), FileErrorKind::Stopped, "{error}");
            error.index
        }
    };
    let mut indices: Vec<_> = outcomes.iter().map(index).collect();
    indices.sort_unstable();
    let count = indices.len();
    assert!(indices.into_iter().eq(0..count as u64), "{count} of {}", pulled.count());
    assert!(
        count <= pulled.count() && pulled.count() <= count + 1,
        "{count} of {}",
        pulled.count()
    );
}

#[test]
fn stopped_from_another_thread_an_endless_run_ends() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let mut paths = small_files(directory.path(), 50);
    paths.extend(files_of(directory.path(), &[5 * CHUNK; 5]));
    for policy in POLICIES {
        for order in [Order::Completion, Order::Input] {
            let files = modest(&dispatcher).policy(policy).order(order).build().unwrap();
            let pulled = Pulled::default();
            let mut run = gathered(&files, pulled.from(paths.clone().into_iter().cycle()));
            let (stopper, progress) = (run.stopper(), run.progress());
            let outcomes = watched(move || {
                let mut outcomes: Vec<_> = run.by_ref().take(500).collect();
                std::thread::spawn(move || stopper.stop()).join().unwrap();
                outcomes.extend(run);
                outcomes
            });
            assert_stopped(&outcomes, &pulled);
            let end = progress.snapshot();
            assert_eq!((end.finished, end.found), (true, outcomes.len() as u64));
            assert_eq!(end.listing, Listing::Stopped);
        }
    }
}

/// A state that takes a while to be dropped: long enough for others to see what doesn't wait for
/// it.
struct Lingering(#[expect(dead_code, reason = "for its drop")] DropGuard);

impl Drop for Lingering {
    fn drop(&mut self) {
        (0..1000).for_each(|_| std::thread::yield_now());
    }
}

#[test]
fn a_file_in_progress_ends_at_its_next_chunk() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let path = sparse(directory.path(), "huge", 1 << 40);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let (gate, drops, chunks) =
            (Gate::default(), Drops::default(), Arc::new(AtomicUsize::new(0)));
        let (held, states, counted) = (gate.clone(), drops.clone(), Arc::clone(&chunks));
        let run = files.stream(
            [path.clone()],
            move |_| Lingering(states.guard()),
            move |_: &mut _, chunk: Chunk| {
                counted.fetch_add(1, Ordering::SeqCst);
                if chunk.offset() == 2 * CHUNK as u64 {
                    held.pass();
                }
            },
            |_, _| panic!("finished"),
        );
        let stopper = run.stopper();
        gate.wait_for(1);
        stopper.stop();
        stopper.stop();
        gate.open();
        let outcomes = all(run);
        let error = outcomes[0].as_ref().map(|_| ()).unwrap_err();
        assert_eq!((outcomes.len(), error.kind()), (1, FileErrorKind::Stopped));
        assert_eq!((error.index, &error.path), (0, &path));
        assert_eq!(error.offset, 3 * CHUNK as u64, "what was handed on");
        assert_eq!((chunks.load(Ordering::SeqCst), drops.count()), (3, 1), "chunks, states");
        stopper.stop();
        eventually("closed", || open_below(directory.path()) == 0);
        assert_eq!(dispatcher.stats().panics, 0);
    }
}

#[test]
fn stopped_in_a_callback() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 20);
    let files = modest(&dispatcher).build().unwrap();
    let (pulled, stopper) = (Pulled::default(), Arc::new(OnceLock::<FilesStopper>::new()));
    let (cell, calls) = (Arc::clone(&stopper), Arc::new(AtomicUsize::new(0)));
    let run = files.read(pulled.from(paths.into_iter().cycle()), move |_| {
        if calls.fetch_add(1, Ordering::SeqCst) == 100 {
            cell.wait().stop();
        }
    });
    stopper.set(run.stopper()).unwrap();
    assert_stopped(&all(run), &pulled);
    assert!(pulled.count() > 100);
}

#[test]
fn stopped_at_once_or_after_the_end() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 3);
    let files = modest(&dispatcher).build().unwrap();
    for _ in 0..200 {
        let pulled = Pulled::default();
        let run = copied(&files, pulled.from(paths.clone().into_iter().cycle()));
        run.stopper().stop();
        assert_stopped(&all(run), &pulled);
    }
    let run = copied(&files, paths.clone());
    let stopper = run.stopper();
    assert_eq!(successes(run).len(), 3);
    stopper.stop();
    assert_eq!(successes(copied(&files, paths)).len(), 3, "another run is another matter");
}

#[test]
fn dropping_does_not_wait_and_gives_everything_back() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let large = patterned(directory.path(), "large", 1, 40 * CHUNK);
    let paths = vec![large; 8];
    for policy in POLICIES {
        forget(&paths[0]);
        // The least memory, all of which the run after this one needs.
        let files = modest(&dispatcher).policy(policy).memory(2 << 20).build().unwrap();
        let (gate, drops) = (Gate::default(), Drops::default());
        let [begin, chunk, finish, iterator, states, values] = [(); 6].map(|()| drops.clone());
        let (begin, chunk, finish) = (begin.guard(), chunk.guard(), finish.guard());
        let (held, iterator) = (gate.clone(), iterator.guard());
        let states_made = Arc::new(AtomicUsize::new(0));
        let made = Arc::clone(&states_made);
        let run = files.stream(
            paths.clone().into_iter().cycle().inspect(move |_| _ = std::hint::black_box(&iterator)),
            move |_| {
                let _ = &begin;
                made.fetch_add(1, Ordering::SeqCst);
                states.guard()
            },
            move |_: &mut _, _: Chunk| {
                let _ = &chunk;
                held.pass();
            },
            move |_, _| {
                let _ = &finish;
                values.guard()
            },
        );
        gate.wait_for(2);
        drop(run);
        assert!(open_below(directory.path()) > 0, "the files in hand are open");
        gate.open();
        dispatcher.quiesce();
        // Whatever was begun was dropped; values too, had there been any.
        let expected = || states_made.load(Ordering::SeqCst) + 4;
        eventually("dropped", || drops.count() >= expected());
        assert_eq!(drops.count(), expected());
        eventually("closed", || open_below(directory.path()) == 0);
        assert_eq!(successes(copied(&files, small_files(directory.path(), 3))).len(), 3);
        let whole = files_of(directory.path(), &[1 << 20; 3]);
        assert_eq!(successes(copied(&files, whole)).len(), 3, "the memory is back");
    }
}

#[test]
fn results_that_nobody_took_are_dropped_with_the_run() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 30);
    for order in [Order::Completion, Order::Input] {
        for taken in [0, 1, 29, 30] {
            let files = modest(&dispatcher).order(order).build().unwrap();
            let drops = Drops::default();
            let values = drops.clone();
            let mut run = files.read(paths.clone(), move |_| values.guard());
            let progress = run.progress();
            let kept: Vec<_> = run.by_ref().take(taken).collect();
            eventually("done", || progress.snapshot().done == 30);
            drop(run);
            eventually("dropped", || drops.count() == 30 - taken);
            drop(kept);
            assert_eq!(drops.count(), 30);
            // Its end is told by what outlives it.
            eventually("finished", || progress.snapshot().finished);
        }
    }
}

#[test]
fn a_run_is_dropped_in_its_own_callback() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 30);
    for _ in 0..20 {
        let files = modest(&dispatcher).build().unwrap();
        let (cell, drops) = (Arc::new(std::sync::Mutex::new(None)), Drops::default());
        let (own, guard, gate) = (Arc::clone(&cell), drops.guard(), Gate::default());
        let held = gate.clone();
        let run = files.read(paths.clone().into_iter().cycle(), move |_| {
            let _ = &guard;
            held.pass();
            drop(own.lock().unwrap().take());
        });
        *cell.lock().unwrap() = Some((run, files));
        gate.open();
        eventually("dropped", || drops.count() == 1);
        dispatcher.quiesce();
    }
}

#[test]
fn dropped_at_any_moment() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let mut paths: Vec<PathBuf> = files_of(directory.path(), &[0, 5, 3 * CHUNK, 10 * CHUNK]);
    paths.push(directory.path().join("missing"));
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).memory(2 << 20).build().unwrap();
        let drops = Drops::default();
        for round in 0..60 {
            let guard = drops.guard();
            let paths = paths.clone().into_iter().cycle();
            let mut run = files.read(paths, move |file| {
                let _ = &guard;
                file
            });
            run.by_ref().take(round % 7).for_each(drop);
        }
        eventually("dropped", || drops.count() == 60);
        eventually("closed", || open_below(directory.path()) == 0);
    }
}
