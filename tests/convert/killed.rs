//! A process that is killed at any moment leaves each target old or new.

use std::fs;
use std::thread;
use std::time::Duration;

use reapool::{Durability, Files, Targets};

use crate::support::child::{fork, status_of};
use crate::support::files::{CHUNK, assert_same, files_of, modest};
use crate::support::{builder, effort, scratch};
use crate::{add_one, names, one_more, pairs};

const TIMES: usize = 10;

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
        let child = fork();
        if child == 0 {
            // Converts them again and again, until it is killed.
            let durability = if round % 2 == 0 { Durability::Cached } else { Durability::Synced };
            let dispatcher = builder().workers(2).converters(2).build().unwrap();
            let targets = Targets::new().durability(durability);
            let files: Files = modest(&dispatcher).targets(targets).build().unwrap();
            loop {
                files.convert(pairs.clone(), add_one).for_each(drop);
            }
        }
        // Not to wait for anything, but to hit another moment each time.
        thread::sleep(Duration::from_micros(500 + (round as u64 * 2711) % 20_000));
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
