//! Results come in the order that was asked for, as few or as many as there are.

use std::path::PathBuf;

use reapool::{FilesRun, Order};

use crate::support::files::{
    CHUNK, POLICIES, all, copied, dispatcher, files_of, gathered, modest, small_files,
};
use crate::support::{Gate, scratch, watched};

/// Large, small, missing and empty ones, so that they don't finish as they begin.
fn mixture(directory: &std::path::Path) -> Vec<PathBuf> {
    let sizes: Vec<_> =
        (0..150).map(|place| [9 * CHUNK, 10, 0, 2 * CHUNK, 300][place % 5]).collect();
    let mut paths = files_of(directory, &sizes);
    for place in (0..150).step_by(7) {
        paths[place] = directory.join(format!("missing {place}"));
    }
    paths
}

fn indices(run: FilesRun<Vec<u8>>) -> Vec<u64> {
    let index = |outcome| match outcome {
        Ok(reapool::Processed { index, .. }) => index,
        Err(reapool::FileError { index, .. }) => index,
    };
    all(run).into_iter().map(index).collect()
}

#[test]
fn in_the_order_of_input_errors_have_their_place_too() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = mixture(directory.path());
    for policy in POLICIES {
        for results in [1, 2, 10, 4096] {
            let builder = modest(&dispatcher).policy(policy).order(Order::Input).results(results);
            let files = builder.build().unwrap();
            let expected: Vec<_> = (0..150).collect();
            assert_eq!(indices(copied(&files, paths.clone())), expected, "{policy:?}, {results}");
            assert_eq!(indices(gathered(&files, paths.clone())), expected, "{policy:?}, {results}");
        }
    }
}

#[test]
fn in_the_order_of_completion_there_are_all_of_them() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = mixture(directory.path());
    for results in [1, 2, 10, 4096] {
        let builder = modest(&dispatcher).order(Order::Completion).results(results);
        let mut indices = indices(gathered(&builder.build().unwrap(), paths.clone()));
        indices.sort_unstable();
        assert_eq!(indices, (0..150).collect::<Vec<_>>(), "{results}");
    }
}

#[test]
fn whichever_is_finished_first_comes_first() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 40);
    let files = modest(&dispatcher).order(Order::Completion).build().unwrap();
    let gate = Gate::default();
    let held = gate.clone();
    let mut run = files.read(paths, move |file| {
        if file.info().index() == 0 {
            held.pass();
        }
    });
    watched(move || {
        let first: Vec<_> = run.by_ref().take(39).map(|done| done.unwrap().index).collect();
        assert!(!first.contains(&0));
        gate.open();
        let rest: Vec<_> = run.map(|done| done.unwrap().index).collect();
        assert_eq!(rest, [0]);
    });
}

#[test]
fn a_result_comes_while_others_are_in_progress() {
    // One result must not wait for a handful of others.
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 2);
    for order in [Order::Completion, Order::Input] {
        let files = modest(&dispatcher).order(order).build().unwrap();
        let gate = Gate::default();
        let held = gate.clone();
        let mut run = files.read(paths.clone(), move |file| {
            if file.info().index() == 1 {
                held.pass();
            }
        });
        watched(move || {
            assert_eq!(run.next().unwrap().unwrap().index, 0);
            gate.open();
            assert_eq!(run.next().unwrap().unwrap().index, 1);
            assert!(run.next().is_none());
            assert!(run.next().is_none(), "the end stays the end");
        });
    }
}

#[test]
fn one_that_is_held_takes_one_place_and_no_more() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 200);
    let files = modest(&dispatcher).results(2).build().unwrap();
    let gate = Gate::default();
    let held = gate.clone();
    let mut run = files.read(paths, move |file| {
        if file.info().index() == 100 {
            held.pass();
        }
    });
    watched(move || {
        assert!(run.by_ref().take(199).all(|done| done.unwrap().index != 100));
        gate.open();
        assert_eq!(run.map(|done| done.unwrap().index).collect::<Vec<_>>(), [100]);
    });
}
