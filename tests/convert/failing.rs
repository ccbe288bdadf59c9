//! Files that can't be converted: each is an error that says why, nothing is left of its target,
//! and no other file is concerned.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use reapool::{FileErrorKind, FileOperation, Files};

use crate::support::files::{CHUNK, all, dispatcher, files_of, modest, only, patterned};
use crate::support::panics::quietly;
use crate::support::{Gate, scratch};
use crate::{add_one, names, one_more, pairs};

#[test]
fn errors_and_panics_of_the_function_concern_their_own_file() {
    quietly(|| {
        let (directory, targets) = (scratch(), scratch());
        let sources = files_of(directory.path(), &[5 * CHUNK; 30]);
        let old = targets.path().join(sources[1].file_name().unwrap());
        fs::write(&old, "old").unwrap();
        let dispatcher = dispatcher(2);
        let files = modest(&dispatcher).build().unwrap();
        let outcomes = all(files.convert(pairs(&sources, targets.path()), |source, target| {
            let index = source.info().index();
            target.write_all(&[0; 3 * CHUNK])?;
            assert!(index % 3 != 2, "says the function");
            if index % 3 == 1 { Err(io::Error::other("says the function")) } else { Ok(()) }
        }));
        let mut failed = 0;
        for error in outcomes.into_iter().filter_map(|outcome| match outcome {
            Ok(done) => {
                assert_eq!(done.index % 3, 0);
                None
            }
            Err(error) => Some(error),
        }) {
            let panics = error.index % 3 == 2;
            let kind = if panics { FileErrorKind::Panicked } else { FileErrorKind::Io };
            assert_eq!((error.kind(), error.operation), (kind, FileOperation::Callback));
            assert_eq!(error.path, sources[error.index as usize]);
            assert_eq!(error.target.as_ref().unwrap().parent(), Some(targets.path()));
            assert!(error.to_string().contains("says the function"), "{error}");
            failed += 1;
        }
        assert_eq!((failed, dispatcher.stats().panics), (20, 10));
        assert_eq!(names(targets.path()).len(), 11, "ten, and the old one");
        assert_eq!(fs::read(old).unwrap(), b"old");
    });
}

#[test]
fn what_can_not_be_opened_or_created_is_said_with_its_path() {
    let directory = scratch();
    let source = patterned(directory.path(), "source", 1, 10);
    let at = |name: &str| directory.path().join(name);
    let dispatcher = dispatcher(1);
    let files = modest(&dispatcher).build().unwrap();
    let cases: [(PathBuf, PathBuf, FileOperation, &str); 4] = [
        (at("gone"), at("target"), FileOperation::Open, "gone: open: No such file"),
        (directory.path().into(), at("target"), FileOperation::Open, "it is a directory"),
        (source.clone(), at("no/such/target"), FileOperation::Create, "no/such/target"),
        (source.clone(), directory.path().into(), FileOperation::Create, "directory"),
    ];
    for (source, target, operation, text) in cases {
        let error = only(files.convert([(source, target)], add_one)).unwrap_err();
        assert_eq!((error.operation, error.kind()), (operation, error.kind()));
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(names(directory.path()), ["source"]);
}

#[test]
fn an_error_in_the_place_of_a_pair_or_of_a_source_is_a_result() {
    let directory = scratch();
    let source = patterned(directory.path(), "source", 1, 10);
    let target = directory.path().join("target");
    let dispatcher = dispatcher(1);
    let files = modest(&dispatcher).build().unwrap();
    let pairs = [Ok((source, target.clone())), Err(io::Error::other("not listed"))];
    let outcomes = all(files.convert(pairs, add_one));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let sources = [(Err::<PathBuf, _>(io::Error::other("not listed")), target)];
    let outcomes = outcomes.into_iter().chain(all(files.convert(sources, add_one)));
    let errors: Vec<_> = outcomes.filter_map(Result::err).collect();
    assert_eq!(errors.len(), 2);
    for error in errors {
        assert_eq!(error.operation, FileOperation::List);
        assert_eq!(error.to_string(), "list: not listed");
    }
}

/// A limit on the sizes of files makes writes fail that are no fault of the file system's.
#[test]
fn a_write_that_fails_is_told_whatever_the_function_returns() {
    let (directory, targets) = (scratch(), scratch());
    let source = patterned(directory.path(), "source", 1, 10);
    let dispatcher = dispatcher(1);
    let files = modest(&dispatcher).build().unwrap();
    let full = PathBuf::from("/proc/self/comm");
    // A directory in which no file can be made at all.
    let error = only(files.convert([(source.clone(), full)], add_one)).unwrap_err();
    assert_eq!(error.operation, FileOperation::Create);
    let target = targets.path().join("target");
    let run = files.convert([(source, target.clone())], move |_, file| {
        // Nothing takes the place of a directory: the end of the file fails, after the function.
        fs::create_dir(file.path())?;
        file.write_all(b"something")
    });
    let error = only(run).unwrap_err();
    assert_eq!((error.operation, error.kind()), (FileOperation::Write, FileErrorKind::Io));
    assert!(error.to_string().contains("was not replaced"), "{error}");
    assert_eq!(names(targets.path()), ["target"]);
}

#[test]
fn a_read_that_fails_is_told_whatever_the_function_returns() {
    let targets = scratch();
    let target = targets.path().join("target");
    fs::write(&target, "old").unwrap();
    let dispatcher = dispatcher(1);
    let files = modest(&dispatcher).build().unwrap();
    // Nothing is mapped at its beginning.
    let pairs = [("/proc/self/mem", target.clone())];
    let run = files.convert(pairs.clone(), |source, target| {
        assert!(io::copy(source, target).is_err());
        Ok(())
    });
    let error = only(run).unwrap_err();
    assert_eq!((error.operation, error.kind()), (FileOperation::Read, FileErrorKind::Io));
    assert_eq!(error.source.raw_os_error(), Some(libc::EIO));
    assert_eq!(fs::read(&target).unwrap(), b"old");
    // Nothing is to be made of it, so nothing is missing.
    let run = files.convert(pairs, |source, target| {
        target.discard();
        Ok(io::copy(source, target).is_err())
    });
    assert!(only(run).unwrap().value.value);
    assert_eq!(fs::read(target).unwrap(), b"old");
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Spiteful;

impl fmt::Display for Spiteful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("spiteful")
    }
}

impl Error for Spiteful {}

impl Drop for Spiteful {
    fn drop(&mut self) {
        panic!("says the destructor");
    }
}

/// Nobody wants the function's error if the run was stopped meanwhile.
#[test]
fn an_error_of_the_function_may_panic_when_it_is_dropped() {
    quietly(|| {
        let (directory, targets) = (scratch(), scratch());
        let sources = files_of(directory.path(), &[10]);
        let dispatcher = dispatcher(1);
        let files = modest(&dispatcher).build().unwrap();
        let gate = Gate::default();
        let held = gate.clone();
        let run = files.convert(pairs(&sources, targets.path()), move |_, _| {
            held.pass();
            Err::<(), _>(io::Error::other(Spiteful))
        });
        let stopper = run.stopper();
        gate.wait_for(1);
        stopper.stop();
        gate.open();
        assert_eq!(only(run).unwrap_err().kind(), FileErrorKind::Stopped);
        assert_eq!(dispatcher.stats().panics, 1);
    });
}

/// The last that has the function may be the thread that runs it.
#[test]
fn what_a_function_has_may_panic_when_it_is_dropped() {
    quietly(|| {
        let (directory, targets) = (scratch(), scratch());
        let sources = files_of(directory.path(), &[10]);
        let dispatcher = dispatcher(1);
        let files = modest(&dispatcher).build().unwrap();
        let gate = Gate::default();
        let (held, spiteful) = (gate.clone(), Spiteful);
        let run = files.convert(pairs(&sources, targets.path()), move |_, _| {
            let _own = &spiteful;
            held.pass();
            Ok(())
        });
        gate.wait_for(1);
        drop(run);
        gate.open();
        dispatcher.quiesce();
        assert_eq!(dispatcher.stats().panics, 1);
    });
}

#[test]
fn a_file_that_is_cut_short_is_converted_up_to_its_end() {
    let (directory, targets) = (scratch(), scratch());
    let source = patterned(directory.path(), "source", 1, 20 * CHUNK);
    let expected = one_more(&fs::read(&source).unwrap()[..3 * CHUNK]);
    let dispatcher = dispatcher(1);
    let files: Files = modest(&dispatcher).build().unwrap();
    let target = targets.path().join("target");
    let cut = source.clone();
    let run = files.convert([(source, target.clone())], move |source, target| {
        fs::File::options().write(true).open(&cut)?.set_len(3 * CHUNK as u64)?;
        add_one(source, target)
    });
    let done = only(run).unwrap();
    // What was read before the cut is what it was.
    let found = fs::read(target).unwrap();
    assert!(found.len() >= expected.len() && found.len() as u64 == done.bytes);
    assert!(found[..expected.len()] == expected && done.bytes <= done.size);
}
