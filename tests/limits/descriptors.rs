//! With few descriptors a run takes longer, and loses no file. In child processes, as the limit is
//! the process's.

use std::fs::File;
use std::path::PathBuf;

use reapool::{FileErrorKind, FileHandle, Files};

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child, limit};
use crate::support::files::{Outcome, POLICIES, copied, files_of, modest};
use crate::support::{self, known_file, scratch, skipped};

fn paths_in(directory: &std::path::Path) -> Vec<PathBuf> {
    let sizes: Vec<_> = (0..300).map(|place| (place * 1009) % 200_000).collect();
    files_of(directory, &sizes)
}

fn each_once<T>(outcomes: &[Outcome<T>], count: usize) -> bool {
    let index = |outcome: &Outcome<T>| match outcome {
        Ok(done) => done.index,
        Err(error) => error.index,
    };
    let mut indices: Vec<_> = outcomes.iter().map(index).collect();
    indices.sort_unstable();
    indices.into_iter().eq(0..count as u64)
}

#[test]
fn a_small_limit_is_kept() {
    let _alone = alone();
    let directory = scratch();
    let paths = paths_in(directory.path());
    for most in [32, 64, 100] {
        let code = in_child(&mut || {
            let limited = limit(libc::RLIMIT_NOFILE, most);
            let dispatcher = support::builder().depth(32).workers(2).build().unwrap();
            let runs_well = POLICIES.map(|policy| {
                let files = modest(&dispatcher).policy(policy).build().unwrap();
                let outcomes: Vec<_> = copied(&files, paths.clone()).collect();
                outcomes.iter().all(Result::is_ok) && each_once(&outcomes, paths.len())
            });
            let default = Files::new(&dispatcher).unwrap();
            let outcomes: Vec<_> = copied(&default, paths.clone()).collect();
            let defaults = outcomes.iter().all(Result::is_ok);
            drop((default, dispatcher));
            first_failure(&[limited, runs_well[0], runs_well[1], runs_well[2], defaults])
        });
        assert_eq!(code, Some(0), "limit {most}");
    }
}

#[test]
fn when_others_take_most_of_them_each_file_has_its_result() {
    let _alone = alone();
    let directory = scratch();
    let paths = paths_in(directory.path());
    for left in [0, 1, 2, 5] {
        let code = in_child(&mut || {
            let dispatcher = support::builder().depth(32).workers(2).build().unwrap();
            // So few that all of them are within the limit to come.
            let files = modest(&dispatcher).open_files(32).build().unwrap();
            // One run before, so that what is opened once is open.
            let before = copied(&files, paths.clone()).filter(Result::is_ok).count();
            let limited = limit(libc::RLIMIT_NOFILE, 128);
            let mut taken = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                taken.push(file);
            }
            taken.truncate(taken.len() - left);
            let outcomes: Vec<_> = copied(&files, paths.clone()).collect();
            let once = each_once(&outcomes, paths.len());
            let honest =
                outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|error| {
                    let errno = error.source.raw_os_error();
                    error.kind() == FileErrorKind::Io && errno == Some(libc::EMFILE)
                });
            let some = left == 0 || outcomes.iter().any(Result::is_ok);
            drop(taken);
            let after = copied(&files, paths.clone()).filter(Result::is_ok).count();
            drop((files, dispatcher));
            let all = |count| count == paths.len();
            first_failure(&[all(before), limited, once, honest, some, all(after)])
        });
        assert_eq!(code, Some(0), "{left} left");
    }
}

#[test]
fn an_automatic_handle_has_both_descriptors_or_leaves_none_behind() {
    let _alone = alone();
    let directory = scratch();
    let path = known_file(directory.path(), "known", 4096);
    if !FileHandle::open_automatic(&path).unwrap().is_automatic() {
        return skipped("an automatic handle: no direct I/O on the file system of the build");
    }
    let code = in_child(&mut || {
        let limited = limit(libc::RLIMIT_NOFILE, 64);
        let mut taken = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            taken.push(file);
        }
        taken.pop();
        let refused = FileHandle::open_automatic(&path)
            .is_err_and(|error| error.raw_os_error() == Some(libc::EMFILE) && error.path == path);
        let one_is_left = FileHandle::open_buffered(&path).is_ok();
        taken.pop();
        let opened = FileHandle::open_automatic(&path).is_ok_and(|file| file.is_automatic());
        first_failure(&[limited, refused, one_is_left, opened])
    });
    assert_eq!(code, Some(0));
}
