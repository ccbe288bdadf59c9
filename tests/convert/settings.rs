//! The settings of targets, and the bounds that they set.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use reapool::{Durability, Existing, FileOperation, Files, FilesError, Targets};

use crate::support::files::{
    CHUNK, POLICIES, all, dispatcher, files_of, modest, only, open_below, patterned, small_files,
    successes,
};
use crate::support::{eventually, scratch};
use crate::{add_one, names, pairs};

#[test]
fn targets_that_are_there_are_refused_at_the_beginning_or_at_the_end() {
    let (directory, targets) = (scratch(), scratch());
    let source = patterned(directory.path(), "source", 1, 5000);
    let target = targets.path().join("target");
    let dispatcher = dispatcher(1);
    let refuse = Targets::new().existing(Existing::Refuse);
    let files = modest(&dispatcher).targets(refuse).build().unwrap();
    let pairs = [(source, target.clone())];
    only(files.convert(pairs.clone(), add_one)).unwrap();

    let error = only(files.convert(pairs.clone(), add_one)).unwrap_err();
    assert_eq!(error.operation, FileOperation::Create);
    assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists, "{error}");

    fs::remove_file(&target).unwrap();
    let run = files.convert(pairs, |source, target| {
        // Somebody else makes it meanwhile.
        fs::write(target.path(), "theirs")?;
        add_one(source, target)
    });
    let error = only(run).unwrap_err();
    assert_eq!(error.operation, FileOperation::Write);
    assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists, "{error}");
    assert_eq!(fs::read(&target).unwrap(), b"theirs");
    assert_eq!(names(targets.path()), ["target"]);
}

#[test]
fn new_targets_have_the_mode_that_was_set() {
    let (directory, targets) = (scratch(), scratch());
    let source = patterned(directory.path(), "source", 1, 10);
    let dispatcher = dispatcher(1);
    let files = modest(&dispatcher).targets(Targets::new().mode(0o604)).build().unwrap();
    let target = targets.path().join("target");
    only(files.convert([(source, target.clone())], add_one)).unwrap();
    assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o604);
}

#[test]
fn memory_that_is_too_little_is_refused_with_the_number_that_is_enough() {
    let dispatcher = dispatcher(3);
    let build = |memory| Files::builder(&dispatcher).targets(Targets::new().memory(memory)).build();
    let Err(FilesError::InvalidConfig { setting, value, reason }) = build(1000).map(drop) else {
        panic!("it is taken");
    };
    assert_eq!((setting, value), ("memory of targets", 1000));
    let least: usize = reason.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(build(least - 1).is_err() && build(least).is_ok());
}

#[test]
fn no_more_files_are_open_than_may_be() {
    let (directory, targets) = (scratch(), scratch());
    let sources = small_files(directory.path(), 200);
    let dispatcher = dispatcher(2);
    for most in [1, 3, 9] {
        let files = modest(&dispatcher).open_files(most).build().unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let (largest, sources_in, targets_in) =
            (Arc::clone(&seen), directory.path().to_owned(), targets.path().to_owned());
        let run = files.convert(pairs(&sources, targets.path()), move |source, target| {
            let open = open_below(&sources_in) + open_below(&targets_in);
            largest.fetch_max(open, Ordering::Relaxed);
            add_one(source, target)
        });
        assert!(all(run).iter().all(Result::is_ok));
        let seen = seen.load(Ordering::Relaxed);
        assert!((3..=most.max(3)).contains(&seen), "{seen} of {most}");
        eventually("closed", || open_below(directory.path()) + open_below(targets.path()) == 0);
    }
}

#[test]
fn functions_run_on_converters_of_which_there_are_no_more_than_may_be() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[2 * CHUNK; 60]);
    for workers in [1, 3] {
        let dispatcher = dispatcher(workers);
        let files = modest(&dispatcher).build().unwrap();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&most);
        let run = files.convert(pairs(&sources, targets.path()), move |source, target| {
            let thread = std::thread::current();
            assert!(thread.name().unwrap().starts_with("aio-convert-"), "{thread:?}");
            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let result = add_one(source, target);
            target.write_all(b"end")?;
            now.fetch_sub(1, Ordering::SeqCst);
            result
        });
        assert!(all(run).iter().all(Result::is_ok));
        let most = most.load(Ordering::SeqCst);
        assert!((1..=workers).contains(&most), "{most} at a time of {workers}");
    }
}

#[test]
fn large_targets_that_are_synced_are_written_directly() {
    let (directory, targets) = (scratch(), scratch());
    let source = directory.path().join("source");
    let dispatcher = dispatcher(1);
    for durability in [Durability::Cached, Durability::Synced] {
        for size in [(8 << 20) - 1, 8 << 20] {
            fs::File::create(&source).unwrap().set_len(size).unwrap();
            let settings = Targets::new().durability(durability);
            let files = Files::builder(&dispatcher).targets(settings).build().unwrap();
            let pair = (source.clone(), targets.path().join("target"));
            let run = files.convert([pair], |_, target| Ok(target.file().is_direct()));
            let is_direct = only(run).unwrap().value.value;
            assert_eq!(is_direct, size == 8 << 20 && durability == Durability::Synced);
        }
    }
}

#[test]
fn a_target_has_the_permissions_and_times_that_its_function_has_set() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[0, 10, 40 * CHUNK]);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let dispatcher = dispatcher(2);
    for policy in POLICIES {
        for durability in [Durability::Cached, Durability::Synced] {
            let settings = Targets::new().durability(durability);
            let files = modest(&dispatcher).policy(policy).targets(settings).build().unwrap();
            let run = files.convert(pairs(&sources, targets.path()), move |source, target| {
                // Before the first write, and though they forbid all.
                target.set_permissions(fs::Permissions::from_mode(0o400));
                target.set_times(fs::FileTimes::new().set_modified(long_ago));
                add_one(source, target)
            });
            for done in successes(run) {
                let metadata = done.value.target.metadata().unwrap();
                assert_eq!(metadata.modified().unwrap(), long_ago, "{policy:?} {durability:?}");
                assert_eq!(metadata.permissions().mode() & 0o7777, 0o400);
                assert_eq!(Some(metadata.len()), done.value.written);
            }
        }
    }
}
