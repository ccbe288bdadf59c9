//! A process that is killed at any moment leaves each target old or new.

use std::fs;
use std::io::{self, PipeWriter, Read, Write};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use reapool::{Durability, Files, Targets};

use crate::support::child::{fork, status_of};
use crate::support::files::{CHUNK, assert_same, files_of, modest};
use crate::support::{builder, effort, scratch};
use crate::{add_one, names, one_more, pairs};

const TIMES: usize = 10;

/// Whether the functions of this round stay at work for ever.
fn is_held(round: usize) -> bool {
    round.is_multiple_of(5)
}

/// Converts files again and again, until the process is killed, and tells of each result.
fn convert_on(pairs: &[(PathBuf, PathBuf)], round: usize, mut teller: &PipeWriter) -> ! {
    let durability = if round.is_multiple_of(2) { Durability::Cached } else { Durability::Synced };
    let dispatcher = builder().workers(2).converters(2).build().unwrap();
    let targets = Targets::new().durability(durability);
    let files: Files = modest(&dispatcher).targets(targets).build().unwrap();
    loop {
        let at_work = teller.try_clone().unwrap();
        let run = files.convert(pairs.to_vec(), move |source, target| {
            let bytes = add_one(source, target)?;
            if is_held(round) {
                (&at_work).write_all(&[0])?;
                loop {
                    thread::park();
                }
            }
            Ok(bytes)
        });
        run.for_each(|_| teller.write_all(&[0]).unwrap());
    }
}

#[test]
fn each_target_is_old_or_new() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[10, CHUNK, 9 * CHUNK, 33 * CHUNK + 1]);
    let pairs = pairs(&sources, targets.path());
    let news: Vec<_> = sources.iter().map(|path| one_more(&fs::read(path).unwrap())).collect();
    let (mut olds, mut replaced) = (0, 0);
    for round in 0..TIMES * effort() {
        for (_, target) in &pairs {
            fs::write(target, "old").unwrap();
        }
        let (mut told, teller) = io::pipe().unwrap();
        let child = fork();
        if child == 0 {
            convert_on(&pairs, round, &teller);
        }
        // As many of its results, or one of its functions at work.
        let count = if is_held(round) { 1 } else { 1 + round % 9 };
        told.read_exact(&mut vec![0; count]).unwrap();
        // Not to wait for anything, but to hit another moment each time.
        thread::sleep(Duration::from_micros((round as u64 * 2711) % 20_000));
        // SAFETY: a system call without pointers, on a child that has not been waited for.
        #[expect(unsafe_code, reason = "kill(2)")]
        unsafe {
            libc::kill(child, libc::SIGKILL)
        };
        assert_eq!(status_of(child), None, "it was killed");
        for ((_, target), new) in pairs.iter().zip(&news) {
            let found = fs::read(target).unwrap();
            if found == b"old" {
                olds += 1;
            } else {
                replaced += 1;
                assert_same("a target", &found, new);
            }
        }
        for name in names(targets.path()).iter().filter(|name| name.starts_with('.')) {
            fs::remove_file(targets.path().join(name)).unwrap();
        }
    }
    assert!(olds > 0 && replaced > 0, "{olds} old, {replaced} new: at no moment in between");
}
