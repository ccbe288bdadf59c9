//! A panic in one of the user's functions costs that file alone; one in the iterator ends the run.

use std::io;
use std::panic::panic_any;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reapool::{Chunk, FileErrorKind, FileInfo, FileOperation, Listing, Order, PathEntry};

use crate::support::files::{
    CHUNK, Outcome, POLICIES, all, copied, dispatcher, files_of, modest, open_below, small_files,
    successes,
};
use crate::support::panics::{Grenade, quietly};
use crate::support::{self, Drops, Tended, eventually, scratch};

/// The function that panics, by the file's place.
fn culprit(file: &FileInfo) -> &'static str {
    ["none", "begin", "chunk", "finish"][(file.index() % 4) as usize]
}

fn panic_in(function: &str, file: &FileInfo) {
    assert!(culprit(file) != function, "in {function} of {}", file.index());
}

#[test]
fn each_function_may_panic() {
    quietly(|| {
        let directory = scratch();
        // Small ones, and such as take several chunks.
        let sizes: Vec<_> = (0..48).map(|place| if place < 24 { 100 } else { 5 * CHUNK }).collect();
        let paths = files_of(directory.path(), &sizes);
        for policy in POLICIES {
            let reported = Arc::new(AtomicUsize::new(0));
            let reports = Arc::clone(&reported);
            let dispatcher = Tended::new(support::builder().workers(2).panic_handler(move |_| {
                reports.fetch_add(1, Ordering::SeqCst);
            }));
            let files = modest(&dispatcher).policy(policy).order(Order::Input).build().unwrap();
            let (drops, begun) = (Drops::default(), Arc::new(AtomicUsize::new(0)));
            let (states, made) = (drops.clone(), Arc::clone(&begun));
            let run = files.stream(
                paths.clone(),
                move |file| {
                    panic_in("begin", file);
                    made.fetch_add(1, Ordering::SeqCst);
                    (file.clone(), states.guard())
                },
                |(file, _): &mut (FileInfo, _), chunk: Chunk| {
                    // In the second chunk, if there is one.
                    if chunk.offset() > 0 || file.metadata().size < CHUNK as u64 {
                        panic_in("chunk", file);
                    }
                },
                |_, file| panic_in("finish", file),
            );
            let outcomes = all(run);
            assert_eq!(outcomes.len(), 48);
            outcomes.iter().enumerate().for_each(|(place, outcome)| assert_fits(place, outcome));
            assert_eq!(drops.count(), begun.load(Ordering::SeqCst), "states");
            assert_eq!((dispatcher.stats().panics, reported.load(Ordering::SeqCst)), (36, 36));
            eventually("closed", || open_below(directory.path()) == 0);
            assert_eq!(successes(copied(&files, paths.clone())).len(), 48, "all goes on");
        }
    });
}

fn assert_fits(place: usize, outcome: &Outcome<()>) {
    let large = place >= 24;
    let (function, offset) = match place % 4 {
        0 => return assert_eq!(outcome.as_ref().unwrap().index, place as u64),
        1 => ("begin", 0),
        2 => ("chunk", if large { CHUNK as u64 } else { 0 }),
        _ => ("finish", if large { 5 * CHUNK as u64 } else { 100 }),
    };
    let error = outcome.as_ref().unwrap_err();
    assert_eq!(error.index, place as u64);
    assert_eq!((error.kind(), error.operation), (FileErrorKind::Panicked, FileOperation::Callback));
    assert_eq!(error.offset, offset, "{function}: {error}");
    let message = error.to_string();
    assert!(message.contains(error.path.to_str().unwrap()), "{message}");
    assert!(message.contains(&format!("in {function} of {place}")), "{message}");
}

#[test]
fn the_function_for_whole_files_may_panic() {
    quietly(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let paths = files_of(directory.path(), &[0, 1, 4096, 200_000, 5, 900_000]);
        for policy in POLICIES {
            let before = dispatcher.stats().panics;
            let files = modest(&dispatcher).policy(policy).order(Order::Input).build().unwrap();
            let outcomes = all(files.read(paths.clone(), |file| match file.info().index() % 2 {
                0 => file.contents().len(),
                // Neither text nor anything else that is expected.
                _ => panic_any(17_u8),
            }));
            let values: Vec<_> =
                outcomes.into_iter().map(|outcome| outcome.map_err(|e| e.kind())).collect();
            for (place, value) in values.into_iter().enumerate() {
                match value {
                    Ok(done) => assert_eq!(done.value, [0, 0, 4096, 0, 5, 0][place]),
                    Err(kind) => {
                        assert_eq!((place % 2, kind), (1, FileErrorKind::Panicked));
                    }
                }
            }
            assert_eq!(dispatcher.stats().panics, before + 3);
        }
    });
}

#[test]
fn a_panicking_iterator_ends_the_run_and_has_a_result() {
    quietly(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let paths = small_files(directory.path(), 100);
        for count in [0, 1, 17, 99] {
            let files = modest(&dispatcher).order(Order::Input).build().unwrap();
            let before = dispatcher.stats().panics;
            let drops = Drops::default();
            let guard = drops.guard();
            let listed = paths.clone().into_iter().enumerate().inspect(move |(place, _)| {
                let _ = &guard;
                assert!(*place < count, "no more");
            });
            let run = copied(&files, listed.map(|(_, path)| path));
            let progress = run.progress();
            let mut outcomes = all(run);
            assert_eq!(progress.snapshot().listing, Listing::Panicked);
            let error = outcomes.pop().unwrap().unwrap_err();
            assert_eq!(
                (error.kind(), error.operation),
                (FileErrorKind::Panicked, FileOperation::List)
            );
            assert_eq!(error.index, count as u64);
            assert_eq!(
                error.to_string(),
                format!(
                    "no more than {count} paths were listed: the iterator of paths panicked: no more"
                )
            );
            assert_eq!(outcomes.into_iter().filter(Result::is_ok).count(), count);
            assert_eq!(dispatcher.stats().panics, before + 1);
            eventually("dropped", || drops.count() == 1);
        }
    });
}

/// What comes of it, by panicking.
struct Sour(PathBuf);

impl PathEntry for Sour {
    fn into_path(self) -> io::Result<PathBuf> {
        assert!(self.0.file_name().is_some_and(|name| name != "small-00003"), "sour");
        Ok(self.0)
    }
}

#[test]
fn so_does_a_path_that_panics_when_it_is_made() {
    quietly(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let files = modest(&dispatcher).order(Order::Input).build().unwrap();
        let paths = small_files(directory.path(), 10).into_iter().map(Sour);
        let outcomes = all(copied(&files, paths));
        let kinds: Vec<_> =
            outcomes.iter().map(|it| it.as_ref().map_err(|e| e.kind()).err()).collect();
        assert_eq!(kinds, [None, None, None, Some(FileErrorKind::Panicked)]);
    });
}

#[test]
fn an_iterator_is_not_asked_again_after_its_end() {
    quietly(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let paths = small_files(directory.path(), 50);
        for count in [0, 1, 50] {
            let files = modest(&dispatcher).build().unwrap();
            let (mut rest, mut ended) = (paths.clone().into_iter().take(count), false);
            let run = copied(
                &files,
                std::iter::from_fn(move || {
                    assert!(!ended, "asked again");
                    let next = rest.next();
                    ended = next.is_none();
                    next
                }),
            );
            assert_eq!(successes(run).len(), count);
        }
    });
}

#[test]
fn states_that_panic_when_they_are_dropped() {
    quietly(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let paths = files_of(directory.path(), &[100, 3 * CHUNK, 100, 3 * CHUNK]);
        for policy in POLICIES {
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            let begin = |file: &FileInfo| (file.index() > 1).then(|| Grenade);
            let run = files.stream(paths.clone(), begin, |_, _| (), |state, _| drop(state));
            let outcomes = all(run);
            let count = |kind| {
                let errors = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
                errors.filter(|error| error.kind() == kind).count()
            };
            assert_eq!((outcomes.len(), count(FileErrorKind::Panicked)), (4, 2));
            assert_eq!(successes(copied(&files, paths.clone())).len(), 4, "all goes on");
        }
    });
}
