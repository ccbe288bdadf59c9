//! A process that is killed in the middle of its writes: it ends, and what its callbacks have heard
//! was written is in the file.

#![expect(unsafe_code, reason = "kills a child")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;

use reapool::Job;

use crate::support::alone::alone;
use crate::support::child::{exit, fork, status_of};
use crate::support::{self, open_buffered, scratch};

const BLOCK: usize = 4096;

/// How many callbacks have told of their writes before the process is killed.
const TOLD: usize = 200;

/// Writes block after block, and has each callback tell of its own.
fn write_on(path: &std::path::Path, told: &File) {
    let file = open_buffered(path);
    let dispatcher = support::builder().depth(32).workers(2).build().unwrap();
    for number in 0_u64.. {
        let buffer = vec![1 + (number % 250) as u8; BLOCK];
        let told = File::from(told.as_fd().try_clone_to_owned().unwrap());
        let job = Job::write(&file, buffer, number * BLOCK as u64, move |done| {
            assert_eq!(done.result.unwrap(), BLOCK);
            // In one piece, as it is short: pipe(7).
            let _ = (&told).write_all(format!("{number}\n").as_bytes());
        });
        dispatcher.submit(job).unwrap();
    }
}

#[test]
fn what_callbacks_heard_was_written_is_in_the_file() {
    let _alone = alone();
    let directory = scratch();
    let path = directory.path().join("file");
    let (reader, writer) = std::io::pipe().unwrap();
    let writer = File::from(std::os::fd::OwnedFd::from(writer));
    let child = fork();
    if child == 0 {
        write_on(&path, &writer);
        exit(1);
    }
    drop(writer);
    let mut lines = BufReader::new(reader).lines();
    let mut told: Vec<usize> =
        lines.by_ref().take(TOLD).map(|line| line.unwrap().parse().unwrap()).collect();
    // SAFETY: a system call without pointers, on a child that has not been waited for.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
    assert_eq!(status_of(child), None, "it was killed");
    // Until the last owner of the other end is gone, which the child was.
    told.extend(lines.map_while(Result::ok).filter_map(|line| line.parse::<usize>().ok()));
    assert!(told.len() >= TOLD);
    let contents = fs::read(&path).unwrap();
    for number in told {
        let block = &contents[number * BLOCK..][..BLOCK];
        assert!(block.iter().all(|&byte| byte == 1 + (number % 250) as u8), "block {number}");
    }
}
