//! The end of a run, or of its dispatcher, while files are being converted.

use std::fs;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use reapool::{FileErrorKind, Files, Listing};

use crate::support::files::{CHUNK, all, dispatcher, files_of, modest, only, open_below, sparse};
use crate::support::{self, Gate, HANG, eventually, scratch, watched};
use crate::{add_one, names, pairs};

#[test]
fn a_stop_ends_files_at_their_next_chunk_and_leaves_nothing_of_them() {
    let (directory, targets) = (scratch(), scratch());
    let huge = sparse(directory.path(), "huge", 1 << 40);
    let dispatcher = dispatcher(2);
    let files = modest(&dispatcher).build().unwrap();
    let gate = Gate::default();
    let held = gate.clone();
    let endless = std::iter::repeat_n(huge, 1000);
    let run = files.convert(
        endless.map({
            let directory = targets.path().to_owned();
            let mut number = 0;
            move |path| {
                number += 1;
                (path, directory.join(number.to_string()))
            }
        }),
        move |source, target| {
            held.pass();
            add_one(source, target)
        },
    );
    let (stopper, progress) = (run.stopper(), run.progress());
    gate.wait_for(2);
    stopper.stop();
    gate.open();
    for outcome in all(run) {
        assert_eq!(outcome.unwrap_err().kind(), FileErrorKind::Stopped);
    }
    assert_eq!(progress.snapshot().listing, Listing::Stopped);
    assert!(names(targets.path()).is_empty());
    eventually("closed", || open_below(directory.path()) + open_below(targets.path()) == 0);
}

/// A function that takes any error for the end of the file, as `map_while(Result::ok)` does.
#[test]
fn a_stop_that_the_function_overlooks_leaves_the_old_file() {
    let (directory, targets) = (scratch(), scratch());
    let huge = sparse(directory.path(), "huge", 1 << 30);
    let target = targets.path().join("target");
    fs::write(&target, "old").unwrap();
    let dispatcher = dispatcher(1);
    let files = modest(&dispatcher).build().unwrap();
    let gate = Gate::default();
    let held = gate.clone();
    let run = files.convert([(huge, target.clone())], move |source, target| {
        let mut block = [0; 4096];
        target.write_all(&block)?;
        held.pass();
        while let Ok(count @ 1..) = source.read(&mut block) {
            target.write_all(&block[..count])?;
        }
        Ok(())
    });
    let stopper = run.stopper();
    gate.wait_for(1);
    stopper.stop();
    gate.open();
    assert_eq!(only(run).unwrap_err().kind(), FileErrorKind::Stopped);
    assert_eq!(names(targets.path()), ["target"]);
    assert_eq!(fs::read(target).unwrap(), b"old");
}

#[test]
fn a_run_that_is_dropped_leaves_whole_files_and_nothing_else() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[3 * CHUNK; 100]);
    let dispatcher = dispatcher(2);
    let files = modest(&dispatcher).build().unwrap();
    let mut run = files.convert(pairs(&sources, targets.path()), add_one);
    let run = watched(move || {
        assert!(run.next().unwrap().is_ok());
        run
    });
    drop(run);
    dispatcher.quiesce();
    for name in names(targets.path()) {
        assert!(!name.starts_with('.'), "{name}");
        assert_eq!(targets.path().join(name).metadata().unwrap().len(), 3 * CHUNK as u64);
    }
}

/// What a function is at is outstanding, as a job is.
#[test]
fn draining_and_shutting_down_wait_for_functions() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[10]);
    for shuts_down in [false, true] {
        let dispatcher = support::builder().depth(32).workers(2).converters(2).build().unwrap();
        let files = modest(&dispatcher).build().unwrap();
        let (gate, has_returned) = (Gate::default(), Arc::new(AtomicBool::new(false)));
        let (held, returned) = (gate.clone(), Arc::clone(&has_returned));
        let run = files.convert(pairs(&sources, targets.path()), move |_, _| {
            held.pass();
            // Long after the gate is open, as far as other threads are concerned.
            (0..1000).for_each(|_| thread::yield_now());
            returned.store(true, Ordering::SeqCst);
            Ok(())
        });
        gate.wait_for(1);
        let waiter = thread::spawn(move || {
            if shuts_down {
                dispatcher.shutdown_timeout(HANG).unwrap();
            } else {
                dispatcher.drain_timeout(HANG).unwrap();
            }
            has_returned.load(Ordering::SeqCst)
        });
        gate.open();
        assert!(watched(move || waiter.join().unwrap()), "it did not wait");
        assert_eq!(all(run).len(), 1);
    }
}

#[test]
fn a_shutdown_ends_a_run_and_leaves_nothing_half_written() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[20 * CHUNK; 60]);
    for taken in [0, 1, 20] {
        let dispatcher = support::builder().depth(32).workers(2).converters(2).build().unwrap();
        let files = modest(&dispatcher).build().unwrap();
        let mut run = files.convert(pairs(&sources, targets.path()), add_one);
        let outcomes = watched(move || {
            let mut outcomes: Vec<_> = run.by_ref().take(taken).collect();
            let taker = thread::spawn(move || run.collect::<Vec<_>>());
            dispatcher.shutdown_timeout(HANG).unwrap();
            outcomes.extend(taker.join().unwrap());
            outcomes
        });
        for outcome in outcomes {
            match outcome {
                Ok(done) => assert_eq!(done.value.written, Some(20 * CHUNK as u64)),
                Err(error) => assert_eq!(error.kind(), FileErrorKind::ShutDown, "{error}"),
            }
        }
        for name in names(targets.path()) {
            assert!(!name.starts_with('.'), "{name}");
            assert_eq!(targets.path().join(name).metadata().unwrap().len(), 20 * CHUNK as u64);
        }
        eventually("closed", || open_below(directory.path()) + open_below(targets.path()) == 0);
    }
}

#[test]
fn a_function_may_drop_the_dispatcher() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[10]);
    let dispatcher = support::builder().depth(32).workers(2).converters(2).build().unwrap();
    let files: Files = modest(&dispatcher).build().unwrap();
    let dispatcher = std::sync::Mutex::new(Some(dispatcher));
    let run = files.convert(pairs(&sources, targets.path()), move |_, _| {
        let own = dispatcher.lock().unwrap().take().unwrap();
        assert!(own.drain().is_err(), "it would wait for this function");
        drop(own);
        Ok(())
    });
    assert_eq!(all(run).len(), 1);
}
