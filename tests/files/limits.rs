//! What a run takes is bounded: memory, descriptors, files in progress, results that nobody takes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use reapool::{Chunk, Files, Order, Policy};

use crate::support::cache::forget;
use crate::support::files::{
    CHUNK, POLICIES, Pulled, all, copied, dispatcher, files_of, modest, only, open_below,
    patterned, small_files, successes,
};
use crate::support::{self, Gate, HANG, eventually, scratch, watched};

/// Counts what is there at a time, and the most of it.
#[derive(Default)]
struct Level {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Level {
    fn rise(&self, by: usize) {
        let now = self.now.fetch_add(by, Ordering::SeqCst) + by;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn fall(&self, by: usize) {
        self.now.fetch_sub(by, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[test]
fn kept_chunks_count_and_the_run_waits_for_them() {
    const MEMORY: usize = 4 << 20;
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let len = 3 * MEMORY + 1;
    let path = patterned(directory.path(), "large", 1, len);
    for policy in POLICIES {
        forget(&path);
        let files = modest(&dispatcher).policy(policy).memory(MEMORY).build().unwrap();
        let level = Arc::new(Level::default());
        let (sender, kept) = mpsc::channel();
        let risen = Arc::clone(&level);
        let keep = move |bytes: &mut usize, chunk: Chunk| {
            *bytes += chunk.len();
            risen.rise(chunk.capacity());
            sender.send(chunk).unwrap();
        };
        let run = files.stream([path.clone()], |_| 0, keep, |bytes, _| bytes);
        // Nothing is given back until there is no memory left.
        eventually("waits for memory", || files.stats().memory_waits > 0);
        let mut bytes = 0;
        while bytes < len {
            let chunk = kept.recv_timeout(HANG).unwrap();
            bytes += chunk.len();
            level.fall(chunk.capacity());
            drop(chunk);
        }
        assert_eq!(only(run).unwrap().value, len, "{policy:?}");
        assert!(level.most() <= MEMORY, "{policy:?}: {} bytes out at once", level.most());
    }
}

#[test]
fn the_least_memory_is_enough_for_many_files() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    // Of all sizes, so that the one slab of memory is cut anew for each.
    let sizes: Vec<_> = (0..80).map(|place| (place * 31_013) % (1 << 20)).collect();
    let paths = files_of(directory.path(), &sizes);
    for policy in POLICIES {
        for order in [Order::Completion, Order::Input] {
            paths.iter().for_each(|path| forget(path));
            let builder = modest(&dispatcher).policy(policy).order(order).memory(2 << 20);
            let files = builder.build().unwrap();
            // Twice at once, as the runs share it.
            let runs = [copied(&files, paths.clone()), copied(&files, paths.clone())];
            for run in runs {
                let done = successes(run);
                assert!(done.iter().zip(&sizes).all(|(done, size)| done.value.len() == *size));
            }
        }
    }
}

#[test]
fn whole_files_hold_memory_until_they_are_dropped() {
    const MEMORY: usize = 2 << 20;
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = files_of(directory.path(), &[300 << 10; 40]);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).memory(MEMORY).build().unwrap();
        let level = Arc::new(Level::default());
        let risen = Arc::clone(&level);
        let run = files.read(paths.clone(), move |file| {
            risen.rise(file.contents().len());
            file
        });
        watched(move || {
            // Each is kept by its result, until that is taken.
            let mut count = 0;
            for done in run {
                let file = done.unwrap().value;
                level.fall(file.contents().len());
                count += 1;
            }
            assert_eq!(count, 40);
            assert!(level.most() <= MEMORY, "{policy:?}: {} bytes out at once", level.most());
        });
    }
}

#[test]
fn no_more_descriptors_are_open_than_allowed() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let sizes: Vec<_> = (0..120).map(|place| (place * 4111) % (3 * CHUNK)).collect();
    let paths = files_of(directory.path(), &sizes);
    for policy in POLICIES {
        for (at_once, open) in [(100, 3), (3, 100), (1, 1), (5, 5)] {
            paths.iter().for_each(|path| forget(path));
            let builder = modest(&dispatcher).policy(policy).files_at_once(at_once);
            let files = builder.open_files(open).build().unwrap();
            let (progress, below) = (Arc::new(Level::default()), directory.path().to_owned());
            let (begun, finished) = (Arc::clone(&progress), Arc::clone(&progress));
            let run = files.stream(
                paths.clone(),
                move |_| {
                    begun.rise(1);
                    open_below(&below)
                },
                |_: &mut usize, _: Chunk| {},
                move |most: usize, _| {
                    finished.fall(1);
                    most
                },
            );
            let directory = directory.path().to_owned();
            let most = watched(move || {
                let mut most = open_below(&directory);
                for done in run {
                    most = most.max(done.unwrap().value).max(open_below(&directory));
                }
                most
            });
            let what = format!("{policy:?}, {at_once} at once, {open} open");
            assert!(most <= open, "{what}: {most} descriptors");
            assert!(progress.most() <= at_once, "{what}: {} begun", progress.most());
        }
    }
}

#[test]
fn descriptors_are_closed_when_their_files_are_finished() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let mut paths = small_files(directory.path(), 50);
    paths.extend(files_of(directory.path(), &[5 * CHUNK; 5]));
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        assert_eq!(successes(copied(&files, paths.clone())).len(), 55);
        eventually("closed", || open_below(directory.path()) == 0);
    }
}

#[test]
fn without_a_taker_no_more_paths_are_pulled_than_results_are_allowed() {
    const RESULTS: usize = 7;
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 10);
    for policy in POLICIES {
        for order in [Order::Completion, Order::Input] {
            let builder = modest(&dispatcher).policy(policy).order(order).results(RESULTS);
            let files = builder.build().unwrap();
            let pulled = Pulled::default();
            let mut run = copied(&files, pulled.from(paths.clone().into_iter().cycle()));
            let (progress, count) = (run.progress(), pulled.clone());
            eventually("at rest", || progress.snapshot().done == RESULTS as u64);
            // Another run comes and goes, and there is time to go too far.
            assert_eq!(successes(copied(&files, paths.clone())).len(), paths.len());
            assert_eq!(count.count(), RESULTS, "{policy:?}, {order:?}");
            run = watched(move || {
                for taken in 1..100 {
                    drop(run.next().unwrap().unwrap());
                    // Those in the user's hands, which the run passes on by and by, don't count.
                    assert!(pulled.count() < taken + 2 * RESULTS, "{policy:?}, {order:?}");
                }
                run.stopper().stop();
                run
            });
            let results = 99 + all(run).len();
            let found = progress.snapshot().found as usize;
            assert_eq!(found, results, "each path that was taken has a result");
            // The one that the iterator was just coming up with is dropped.
            assert!((found..=found + 1).contains(&count.count()), "{found}, {}", count.count());
        }
    }
}

#[test]
fn in_the_order_of_input_the_first_holds_up_as_many_as_allowed() {
    const RESULTS: usize = 12;
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 60);
    let files = modest(&dispatcher).order(Order::Input).results(RESULTS).build().unwrap();
    let (gate, pulled) = (Gate::default(), Pulled::default());
    let held = gate.clone();
    let run = files.read(pulled.from(paths.into_iter()), move |file| {
        if file.info().index() == 0 {
            held.pass();
        }
    });
    let progress = run.progress();
    eventually("all but one", || progress.snapshot().done == RESULTS as u64 - 1);
    assert_eq!(pulled.count(), RESULTS);
    gate.open();
    let indices: Vec<_> = all(run).into_iter().map(|done| done.unwrap().index).collect();
    assert_eq!(indices, (0..60).collect::<Vec<_>>());
}

#[test]
fn one_of_everything_is_enough() {
    let directory = scratch();
    let dispatcher = support::Tended::new(support::builder().depth(1).workers(1).backlog(0));
    let paths = files_of(directory.path(), &[0, 1, CHUNK, 3 * CHUNK + 1, 10 * CHUNK, 4096]);
    for policy in [Policy::Automatic, Policy::Direct, Policy::Buffered] {
        for order in [Order::Completion, Order::Input] {
            paths.iter().for_each(|path: &PathBuf| forget(path));
            let builder = modest(&dispatcher).policy(policy).order(order).chunk(4096).read_ahead(1);
            let builder = builder.memory(2 << 20).files_at_once(1).open_files(1).results(1);
            let done = successes(copied(&builder.build().unwrap(), paths.clone()));
            assert_eq!(done.len(), paths.len(), "{policy:?}, {order:?}");
        }
    }
}

#[test]
fn what_a_function_gave_back_is_there_for_others_while_it_goes_on() {
    let directory = scratch();
    // The larger one takes all of the memory.
    let paths = files_of(directory.path(), &[100, 400 << 10]);
    for policy in POLICIES {
        let paths = paths.clone();
        watched(move || {
            let dispatcher = dispatcher(2);
            let builder = Files::builder(&dispatcher).policy(policy).memory(2 << 20);
            let files = builder.whole_limit(1 << 20).build().unwrap();
            let gate = Gate::default();
            let (held, small) = (gate.clone(), paths[0].clone());
            let run = files.read(paths, move |file| {
                let is_small = file.info().path() == small;
                drop(file);
                if is_small { held.pass() } else { held.open() }
            });
            assert_eq!(run.filter(Result::is_ok).count(), 2, "{policy:?}");
        });
    }
}
