//! Items of the iterator that are no paths as they are: errors in the place of paths, and what
//! becomes a path.

use std::borrow::Cow;
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use reapool::{FileErrorKind, FileOperation, FilesStopper, Listing, Order};

use crate::support::files::{all, copied, dispatcher, modest, small_files, successes};
use crate::support::panics::{Grenade, quietly};
use crate::support::{Drops, eventually, scratch, watched};

#[test]
fn an_error_in_the_place_of_a_path_is_its_result_and_the_others_go_on() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 60);
    for order in [Order::Input, Order::Completion] {
        let files = modest(&dispatcher).order(order).build().unwrap();
        let entries = paths.clone().into_iter().enumerate().map(|(place, path)| match place % 3 {
            1 => Err(io::Error::new(ErrorKind::PermissionDenied, "a closed directory")),
            _ => Ok(path),
        });
        let run = copied(&files, entries);
        let progress = run.progress();
        let mut outcomes = all(run);
        if order == Order::Completion {
            outcomes.sort_by_key(|outcome| match outcome {
                Ok(done) => done.index,
                Err(error) => error.index,
            });
        }
        assert_eq!(outcomes.len(), 60);
        for (place, outcome) in outcomes.into_iter().enumerate() {
            if place % 3 != 1 {
                let done = outcome.unwrap();
                assert_eq!((done.index, &done.path), (place as u64, &paths[place]));
                continue;
            }
            let error = outcome.unwrap_err();
            assert_eq!((error.index, error.kind()), (place as u64, FileErrorKind::Io));
            assert_eq!((error.operation, error.path.as_path()), (FileOperation::List, "".as_ref()));
            assert_eq!(error.source.kind(), ErrorKind::PermissionDenied);
            assert_eq!(error.to_string(), "list: a closed directory");
        }
        let end = progress.snapshot();
        assert_eq!((end.found, end.done, end.failed), (60, 40, 20));
        assert_eq!((end.listing, end.finished), (Listing::Complete, true));
    }
}

#[test]
fn whatever_is_as_good_as_a_path_is_an_entry() {
    let (directory, dispatcher) = (scratch(), dispatcher(1));
    let paths = small_files(directory.path(), 3);
    let files = modest(&dispatcher).build().unwrap();
    let text = |path: &PathBuf| path.clone().into_os_string().into_string().unwrap();
    let one = &paths[..1];
    assert_eq!(successes(copied(&files, fs::read_dir(directory.path()).unwrap())).len(), 3);
    assert_eq!(successes(copied(&files, one.iter().map(text).collect::<Vec<_>>())).len(), 1);
    assert_eq!(successes(copied(&files, [OsString::from(&paths[0])])).len(), 1);
    assert_eq!(successes(copied(&files, [Box::<Path>::from(&*paths[0])])).len(), 1);
    assert_eq!(successes(copied(&files, [Cow::from(paths[0].clone())])).len(), 1);
    assert_eq!(successes(copied(&files, ["Cargo.toml"])).len(), 1);
    assert_eq!(successes(copied(&files, [Path::new("Cargo.toml")])).len(), 1);
    let walk = walkdir::WalkDir::new(directory.path()).min_depth(1);
    let walk = walk.into_iter().map(|entry| entry.map(walkdir::DirEntry::into_path));
    assert_eq!(successes(copied(&files, walk)).len(), 3);
}

#[test]
fn endless_errors_come_no_faster_than_results_are_taken() {
    watched(|| {
        let dispatcher = dispatcher(1);
        let files = modest(&dispatcher).results(4).build().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let mut run = copied(
            &files,
            iter::repeat_with(move || {
                count.fetch_add(1, Ordering::SeqCst);
                Err::<PathBuf, _>(io::Error::other("again"))
            }),
        );
        for taken in 0..100 {
            assert!(asked.load(Ordering::SeqCst) <= taken + 4);
            assert_eq!(run.next().unwrap().unwrap_err().index, taken as u64);
        }
        run.stopper().stop();
        assert!(run.count() <= 4);
    });
}

/// An error whose destructor panics.
struct Explosive(Grenade);

impl fmt::Debug for Explosive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Explosive")
    }
}

impl fmt::Display for Explosive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("explosive")
    }
}

impl Error for Explosive {}

#[test]
fn an_error_of_a_stopped_run_is_dropped_and_its_destructor_may_panic() {
    quietly(|| {
        let dispatcher = dispatcher(1);
        let files = modest(&dispatcher).build().unwrap();
        let stopper = Arc::new(OnceLock::<FilesStopper>::new());
        let (cell, drops) = (Arc::clone(&stopper), Drops::default());
        let guard = drops.guard();
        let run = copied(
            &files,
            iter::repeat_with(move || {
                let _of_the_iterator = &guard;
                cell.wait().stop();
                Err::<PathBuf, _>(io::Error::other(Explosive(Grenade)))
            }),
        );
        stopper.set(run.stopper()).unwrap();
        assert_eq!(run.count(), 0);
        eventually("the panic is told", || dispatcher.stats().panics == 1);
        eventually("the iterator is dropped", || drops.count() == 1);
    });
}
