//! The files layer over a faulty file system: what is wrong with one file is told of that one, and
//! it keeps neither others' files waiting nor the workers.
//!
//! | fault | outcome |
//! |---|---|
//! | opening, asking, or reading fails | an error that says which, and how far it came |
//! | answers to direct reads are short, and it is not the end | all bytes, as if nothing were |
//! | truncated in between | all bytes up to the new end |
//! | replaced in between | the old contents or the new, whichever was opened |
//! | anything hangs | other runs go on, if they have blocking threads; the run ends when it does |
//! | the connection breaks | an error for each file that was not done; the run ends |

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use reapool::{FileErrorKind, FileOperation, Files, FilesRun, Job, Policy};

use crate::disk::{Faulty, Op, Options, Rule, bytes};
use crate::support::files::{
    CHUNK, POLICIES, all, assert_same, copied, gathered, modest, only, small_files,
};
use crate::support::{HANG, Tended, builder, on_threads, scratch, watched};

/// Five chunks and a part of one.
const LEN: u64 = 5 * CHUNK as u64 + 1000;

/// Ways to read: whole, and in chunks.
type Way = fn(&Files, Vec<PathBuf>) -> FilesRun<Vec<u8>>;

const WAYS: [Way; 2] = [copied, gathered];

/// One of these, with settings.
type Read<'a> = &'a dyn Fn(Vec<PathBuf>) -> FilesRun<Vec<u8>>;

/// With more blocking threads than one file's reads through the page cache take: four are ahead.
fn dispatcher() -> Tended {
    Tended::new(builder().depth(64).workers(2).blocking_threads(8))
}

/// Runs a test by every policy, both ways, each with a file system of its own.
fn everywhere(test: fn(&Faulty, Policy, Read<'_>)) {
    for policy in POLICIES {
        for way in WAYS {
            watched(move || {
                let dispatcher = dispatcher();
                let files = modest(&dispatcher).policy(policy).build().unwrap();
                // No request of the kernel's is for more than a chunk.
                let options = Options { transfer: CHUNK as u32, ..Options::default() };
                let Some(disk) = Faulty::with(options) else { return };
                test(&disk, policy, &|paths| way(&files, paths));
                dispatcher.quiesce();
                let stats = dispatcher.stats();
                assert_eq!((stats.accepted, stats.outstanding), (stats.finished, 0));
            });
        }
    }
}

#[test]
fn what_fails_is_told_of_that_file_alone() {
    everywhere(|disk, policy, read| {
        let names = ["open", "stat", "early", "late", "fine"];
        let paths = names.map(|name| disk.file(name, LEN));
        disk.rule(Rule::on(Op::Open).of("open").errno(libc::EACCES));
        disk.rule(Rule::on(Op::Attributes).of("stat").errno(libc::EIO));
        disk.rule(Rule::on(Op::Read).of("early").errno(libc::EIO));
        // The kernel reads ahead of what it is asked for, so all behind it fails as well.
        let behind = Rule::on(Op::Read).of("late").within(3 * CHUNK as u64..LEN);
        disk.rule(behind.errno(libc::EUCLEAN));
        let mut outcomes = all(read(paths.to_vec()));
        outcomes.sort_by_key(|outcome| match outcome {
            Ok(done) => done.index,
            Err(error) => error.index,
        });
        for (outcome, name) in outcomes.into_iter().zip(names) {
            let expected = match name {
                "open" => (FileOperation::Open, libc::EACCES, 0),
                "stat" => (FileOperation::Stat, libc::EIO, 0),
                "early" => (FileOperation::Read, libc::EIO, 0),
                "late" => (FileOperation::Read, libc::EUCLEAN, 3 * CHUNK as u64),
                _ => {
                    let done = outcome.unwrap();
                    assert_same(name, &done.value, &bytes(0, 0..LEN));
                    continue;
                }
            };
            let error = outcome.map(drop).unwrap_err();
            assert_eq!((error.kind(), error.path), (FileErrorKind::Io, disk.path(name)));
            let errno = error.source.raw_os_error().unwrap();
            assert_eq!((error.operation, errno), (expected.0, expected.1), "{policy:?}, {name}");
            assert!(error.offset <= expected.2, "{policy:?}, {name}: {}", error.offset);
        }
    });
}

#[test]
fn short_answers_lose_nothing() {
    everywhere(|disk, policy, read| {
        // What is short on its way into the page cache ends the file, as far as the kernel goes.
        if policy != Policy::Direct {
            return;
        }
        let path = disk.file("short", LEN);
        // Not in the middle of a block: the rest would be read through the page cache.
        // Without AIO the kernel itself reads the rest through the page cache, where a second short
        // answer would end the file.
        let reads = Rule::on(Op::Read);
        let reads = if on_threads() { reads.times(1) } else { reads.every(2) };
        disk.rule(reads.short(2 * 4096));
        assert_same("short", &only(read(vec![path])).unwrap().value, &bytes(0, 0..LEN));
        assert!(disk.requests(Op::Read, "short").len() > 6);
    });
}

#[test]
fn what_is_truncated_in_between_ends_there() {
    const CUT: u64 = 4 * CHUNK as u64 + 123;
    everywhere(|disk, policy, read| {
        // With the first read: longer than what is read ahead, so that the end is not.
        let path = disk.file("cut", LEN + (4 << 20));
        disk.rule(Rule::on(Op::Read).times(1).truncating(CUT));
        match only(read(vec![path])) {
            Ok(done) => {
                assert_same(&format!("{policy:?}"), &done.value, &bytes(0, 0..CUT));
                assert_eq!((done.bytes, done.size), (CUT, LEN + (4 << 20)));
            }
            // It was larger when it was opened.
            Err(error) => assert_eq!(error.kind(), FileErrorKind::TooLarge),
        }
    });
}

#[test]
fn what_is_replaced_in_between_is_one_or_the_other() {
    everywhere(|disk, policy, read| {
        for op in [Op::Lookup, Op::Open, Op::Read] {
            let path = disk.file("replaced", LEN);
            disk.clear();
            disk.rule(Rule::on(op).times(1).replacing(7, LEN / 2));
            let done = only(read(vec![path])).unwrap();
            // Before it is found, or not: what is open stays what it is.
            let expected = if op == Op::Lookup { bytes(7, 0..LEN / 2) } else { bytes(0, 0..LEN) };
            assert_same(&format!("{policy:?}, at {op:?}"), &done.value, &expected);
        }
    });
}

#[test]
fn a_file_that_hangs_keeps_no_other_run_waiting() {
    everywhere(|disk, policy, read| {
        for op in [Op::Lookup, Op::Open, Op::Attributes, Op::Read, Op::Close] {
            disk.clear();
            let names = ["hangs", "b", "c", "d", "e", "f"];
            let mut paths = names.map(|name| disk.file(name, LEN)).to_vec();
            let hold = disk.hold();
            disk.rule(Rule::on(op).of("hangs").held(&hold));
            let others = paths.split_off(1);
            // Its results are taken from the beginning on: the last of its files is closed then.
            let run = read(paths);
            let hanging = thread::spawn(move || only(run));
            hold.wait_for(1);
            for done in all(read(others)) {
                let what = format!("{policy:?}, {op:?}");
                assert_same(&what, &done.unwrap().value, &bytes(0, 0..LEN));
            }
            hold.release();
            let late = hanging.join().unwrap().unwrap();
            assert_same("late", &late.value, &bytes(0, 0..LEN));
        }
    });
}

#[test]
fn a_run_that_is_stopped_ends_with_what_hangs() {
    everywhere(|disk, policy, read| {
        let paths = ["a", "b", "c"].map(|name| disk.file(name, LEN));
        let hold = disk.hold();
        disk.rule(Rule::on(Op::Read).held(&hold));
        let run = read(paths.to_vec());
        hold.wait_for(1);
        run.stopper().stop();
        hold.release();
        for outcome in all(run) {
            let kind = outcome.map_err(|error| error.kind());
            assert!(matches!(kind, Ok(_) | Err(FileErrorKind::Stopped)), "{policy:?}: {kind:?}");
        }
    });
}

#[test]
fn a_broken_connection_is_told_of_each_file() {
    everywhere(|disk, policy, read| {
        let paths = ["a", "b", "c", "d"].map(|name| disk.file(name, LEN));
        let hold = disk.hold();
        disk.rule(Rule::on(Op::Read).held(&hold));
        let run = read(paths.to_vec());
        hold.wait_for(1);
        disk.abort();
        let outcomes = all(run);
        assert_eq!(outcomes.len(), 4);
        for outcome in outcomes {
            let errno = outcome.unwrap_err().source.raw_os_error().unwrap();
            let broken = [libc::ECONNABORTED, libc::ENOTCONN, libc::EIO].contains(&errno);
            assert!(broken, "{policy:?}: {errno}");
        }
    });
}

#[test]
fn opening_keeps_no_worker_waiting_also_where_the_name_is_in_memory() {
    let cases = POLICIES.into_iter().flat_map(|policy| [(policy, false), (policy, true)]);
    for (policy, by_links) in cases {
        watched(move || {
            let believed = Duration::from_secs(3600);
            let options = Options { believed, attached: true, ..Options::default() };
            let Some(disk) = Faulty::with(options) else { return };
            let dispatcher = dispatcher();
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            let paths = ["a", "b", "c"].map(|name| disk.file(name, 1000));
            // By names of their own, and by links from where a worker opens files.
            let directory = scratch();
            let local = small_files(directory.path(), 1);
            let link = |number: usize| {
                let link = directory.path().join(format!("link {number}"));
                symlink(&paths[number], &link).unwrap();
                link
            };
            let links = [0, 1, 2].map(link);
            // From now on the kernel knows the names, and what they stand for.
            assert!(paths.iter().chain(&links).all(|path| path.is_file()));
            let paths: Vec<_> =
                if by_links { local.into_iter().chain(links).collect() } else { paths.to_vec() };
            let count = paths.len();
            let hold = disk.hold();
            disk.rule(Rule::on(Op::Open).held(&hold));
            let run = copied(&files, paths);
            hold.wait_for(1);
            // A callback for each worker, which meet.
            let meeting = Arc::new(Barrier::new(2));
            let callbacks = [(); 2].map(|()| {
                let meeting = Arc::clone(&meeting);
                dispatcher.spawn(Job::nop(move || meeting.wait())).unwrap()
            });
            for callback in callbacks {
                callback.join_timeout(HANG / 4).unwrap();
            }
            hold.release();
            let done = all(run).into_iter().filter(Result::is_ok).count();
            assert_eq!(done, count, "{policy:?}, by links: {by_links}");
        });
    }
}
