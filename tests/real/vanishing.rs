//! Devices and file systems that go away, or lose a part, while jobs are under way: each job ends,
//! with what there was or with an error.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};

use reapool::{AlignedBuf, Dispatcher, FileHandle, Job};

use crate::support::cache::forget;
use crate::support::device::{FileSystem, Loop, Mount};
use crate::support::{
    self, HANG, Tended, completion_of, contents, known_file, open_buffered, open_direct,
};

const BLOCK: u64 = 4096;
const MIB: u64 = 1 << 20;
/// So many jobs are under way at a time, and in all.
const DEPTH: usize = 16;
const JOBS: u64 = 400;

type Result = std::result::Result<usize, Option<i32>>;

fn dispatcher() -> Tended {
    Tended::new(support::builder().depth(DEPTH).backlog(2 * JOBS as usize).workers(2))
}

type Open = fn(&Path) -> Option<FileHandle>;

/// The ways to open a file, and their names.
fn opens() -> [(&'static str, Open); 2] {
    [("buffered", |path| Some(open_buffered(path))), ("direct", open_direct)]
}

/// Submits reads of a file's blocks, and writes beside them of what is there already; what is told
/// of each comes with its number.
fn traffic(on: &Dispatcher, file: &FileHandle, blocks: u64) -> Receiver<(u64, Result)> {
    let (sender, receiver) = mpsc::channel();
    let jobs = (0..JOBS).map(|number| {
        let (offset, sender) = (number % blocks * BLOCK, sender.clone());
        let known = contents(offset..offset + BLOCK);
        let mut buffer = AlignedBuf::zeroed(BLOCK as usize);
        if number % 4 == 3 {
            buffer.copy_from_slice(&known);
            Job::write(file, buffer, offset, move |done| {
                sender.send((number, done.result.map_err(|error| error.raw_os_error()))).unwrap();
            })
        } else {
            Job::read(file, buffer, offset, move |done| {
                assert!(done.result.is_err() || done.data() == known, "other bytes");
                sender.send((number, done.result.map_err(|error| error.raw_os_error()))).unwrap();
            })
        }
    });
    on.submit_batch(jobs.collect::<Vec<_>>()).unwrap();
    receiver
}

/// What was told of all of them, in order: each of them once.
fn all(on: &Dispatcher, receiver: &Receiver<(u64, Result)>) -> Vec<Result> {
    on.drain_timeout(HANG).unwrap();
    let mut told: Vec<_> = receiver.try_iter().collect();
    told.sort_unstable_by_key(|(number, _)| *number);
    assert!(told.iter().map(|(number, _)| *number).eq(0..JOBS), "each once");
    assert_eq!((on.stats().panics, on.stats().stray_events), (0, 0));
    told.into_iter().map(|(_, result)| result).collect()
}

fn whole(result: &Result) -> bool {
    *result == Ok(BLOCK as usize)
}

fn lost(result: &Result) -> bool {
    *result == Err(Some(libc::EIO))
}

fn read(on: &Dispatcher, file: &FileHandle, offset: u64) -> Result {
    let buffer = AlignedBuf::zeroed(BLOCK as usize);
    let done = completion_of(&on.submitter(), |callback| Job::read(file, buffer, offset, callback));
    assert!(done.result.is_ok() || done.data().is_empty());
    done.result.map_err(|error| error.raw_os_error())
}

/// A device of known bytes.
fn known_device(bytes: u64) -> Option<Loop> {
    let device = Loop::in_memory(bytes, 512)?;
    fs::write(device.path(), contents(0..bytes)).unwrap();
    // On the device, and nowhere else: to close it is not enough while another test's losetup,
    // which looks at all devices for one that is free, has it open too.
    forget(device.path());
    Some(device)
}

#[test]
fn a_device_that_is_to_be_detached_stays_as_long_as_it_is_open() {
    for (how, open) in opens() {
        let Some(device) = known_device(MIB) else { return };
        let (dispatcher, Some(file)) = (dispatcher(), open(device.path())) else { continue };
        let receiver = traffic(&dispatcher, &file, MIB / BLOCK);
        device.detach();
        assert!(all(&dispatcher, &receiver).iter().all(whole), "{how}");
        assert_eq!(read(&dispatcher, &file, 0), Ok(BLOCK as usize), "{how}: still there");
    }
}

#[test]
fn a_device_that_disappears_fails_what_comes_after() {
    let Some(device) = known_device(MIB) else { return };
    let (dispatcher, Some(file)) = (dispatcher(), open_direct(device.path())) else { return };
    let receiver = traffic(&dispatcher, &file, MIB / BLOCK);
    device.take_away(&file);
    let told = all(&dispatcher, &receiver);
    assert!(told.iter().all(|result| whole(result) || lost(result)), "{told:?}");
    assert_eq!(read(&dispatcher, &file, 0), Err(Some(libc::EIO)), "it is gone");
    let synced = completion_of(&dispatcher.submitter(), |callback| Job::sync_all(&file, callback));
    assert!(synced.result.is_err());
}

#[test]
fn what_a_device_has_lost_can_not_be_read() {
    const LEFT: u64 = MIB / 2;
    for (how, open) in opens() {
        let Some(device) = known_device(MIB) else { return };
        let (dispatcher, Some(file)) = (dispatcher(), open(device.path())) else { continue };
        device.cut(LEFT);
        for offset in (0..MIB).step_by(64 << 10) {
            let expected = if offset < LEFT { Ok(BLOCK as usize) } else { Err(Some(libc::EIO)) };
            assert_eq!(read(&dispatcher, &file, offset), expected, "{how}, at {offset}");
        }
        // Of one that ends in what is lost, a buffered read has what is there; a direct one fails.
        let buffer = AlignedBuf::zeroed(4 * BLOCK as usize);
        let straddle = |callback| Job::read(&file, buffer, LEFT - BLOCK, callback).exact();
        let done = completion_of(&dispatcher.submitter(), straddle);
        let error = done.result.as_ref().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EIO), "{how}");
        let there = if how == "direct" { 0 } else { BLOCK as usize };
        assert_eq!(done.transferred, there, "{how}");
        assert!(done.data() == &contents(LEFT - BLOCK..LEFT)[..there], "{how}");
    }
}

#[test]
fn a_file_system_that_is_unmounted_stays_as_long_as_its_files_are_open() {
    for kind in FileSystem::ALL {
        let Some(mount) = Mount::of(kind) else { return };
        // A file for each: direct and buffered writes of the same pages at a time may end as a
        // failed sync (`dio_warn_stale_pagecache` in the kernel's mm/filemap.c).
        let busy = opens().into_iter().filter_map(|(how, open)| {
            let path = known_file(mount.path(), how, MIB);
            let (dispatcher, file) = (dispatcher(), open(&path)?);
            let receiver = traffic(&dispatcher, &file, MIB / BLOCK);
            Some((how, path, dispatcher, file, receiver))
        });
        let busy: Vec<_> = busy.collect();
        mount.unmount();
        for (how, path, dispatcher, file, receiver) in busy {
            assert!(all(&dispatcher, &receiver).iter().all(whole), "{kind:?}, {how}");
            let synced =
                completion_of(&dispatcher.submitter(), |callback| Job::sync_all(&file, callback));
            assert_eq!(synced.result.unwrap(), 0, "{kind:?}, {how}");
            assert!(!path.exists(), "{kind:?}: out of the tree");
        }
    }
}
