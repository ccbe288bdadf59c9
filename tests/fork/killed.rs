//! A process that is killed in the middle of its writes: it ends, and what its callbacks have heard
//! was written is in the file.

#![expect(unsafe_code, reason = "kills a child")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use reapool::{Durability, FileWriter, IoWay, Job};

use crate::support::alone::alone;
use crate::support::child::{exit, fork, status_of};
use crate::support::{self, effort, open_buffered, scratch};

const BLOCK: usize = 4096;

/// How many callbacks have told of their writes before the process is killed.
const TOLD: usize = 200;

/// Writes block after block, and has each callback tell of its own.
fn write_on(path: &Path, told: &File) {
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
    let writer = File::from(OwnedFd::from(writer));
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

/// The contents of a file in its versions, which tell their number.
fn version(number: u64) -> Vec<u8> {
    let len = 8 + (number * 7919 % 200_000) as usize;
    let mut bytes = vec![number as u8; len];
    bytes[..8].copy_from_slice(&number.to_ne_bytes());
    bytes
}

/// Replaces a file by one version after the other, and tells of each piece that it has given.
fn replace_on(path: &Path, mut told: &File) {
    let jobs = support::builder().depth(4).workers(1).build().unwrap();
    for number in 2_u64.. {
        let way = [IoWay::Buffered, IoWay::DirectOrBuffered][number as usize % 2];
        let is_synced = number.is_multiple_of(8);
        let durability = if is_synced { Durability::Synced } else { Durability::Cached };
        let builder = FileWriter::builder(&jobs).way(way).chunk(8192).durability(durability);
        let mut writer = builder.replace(path).unwrap();
        for piece in version(number).chunks(5000) {
            writer.write_all(piece).unwrap();
            told.write_all(&[0]).unwrap();
        }
        writer.finish().unwrap();
        told.write_all(&[0]).unwrap();
    }
}

#[test]
fn a_file_that_is_being_replaced_is_the_old_one_or_the_new_one() {
    let _alone = alone();
    let directory = scratch();
    let path = directory.path().join("file");
    fs::write(&path, version(1)).unwrap();
    for round in 0..40 * effort() as u64 {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let writer = File::from(OwnedFd::from(writer));
        let child = fork();
        if child == 0 {
            replace_on(&path, &writer);
            exit(1);
        }
        drop(writer);
        let pieces = 1 + (round * 7907 % 97) as usize;
        reader.read_exact(&mut vec![0; pieces]).unwrap();
        // SAFETY: a system call without pointers, on a child that has not been waited for.
        assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
        assert_eq!(status_of(child), None, "it was killed");
        let found = fs::read(&path).unwrap();
        let number = u64::from_ne_bytes(found[..8].try_into().unwrap());
        assert!(found == version(number), "{} bytes of version {number}", found.len());
    }
    // What is left of those that were not complete has another name.
    for entry in fs::read_dir(directory.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "file" || name.starts_with(".file.") && name.ends_with(".tmp"), "{name}");
    }
}
