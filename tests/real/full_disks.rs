//! Disks that are full: what fits is written, what doesn't is told, and so is how much of it is
//! there.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use reapool::{
    AlignedBuf, Completion, Dispatcher, Durability, FileHandle, FileOperation, Files, Job, Policy,
    Targets,
};

const MIB: usize = 1 << 20;
/// Beside what is full, there is room for so much.
const ROOM: u64 = 2 << 20;

/// What is written of something for which there is not room enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Portion {
    /// The front of it.
    Front,
    /// Nothing: the kernel reserves room for all of it, or reports an error in spite of what it
    /// wrote.
    Nothing,
}

use Portion::{Front, Nothing};

use crate::support::device::{FileSystem, Loop, Mount, fill, give_back};
use crate::support::{
    self, Tended, aligned, cache, completion_of, contents, errno, open_buffered, open_direct,
};

/// By file system, through the page cache and directly.
const TABLE: [(FileSystem, [Portion; 2]); 3] = [
    (FileSystem::Ext4, [Front, Nothing]),
    (FileSystem::Xfs, [Nothing, Nothing]),
    (FileSystem::Btrfs, [Front, Front]),
];

fn dispatcher() -> Tended {
    Tended::new(support::builder().depth(4).workers(1))
}

fn write(
    dispatcher: &Dispatcher,
    file: &FileHandle,
    offset: usize,
    len: usize,
    exact: bool,
) -> Completion<AlignedBuf> {
    let offset = offset as u64;
    completion_of(&dispatcher.submitter(), |callback| {
        let buffer = aligned(&contents(offset..offset + len as u64));
        let job = Job::write(file, buffer, offset, callback);
        if exact { job.exact() } else { job }
    })
}

/// A file of so many known bytes is on the disk.
fn check_contents(what: &str, path: &Path, len: usize) {
    assert!(cache::evict(path), "{what}: it can be read anew");
    let found = fs::read(path).unwrap();
    assert_eq!(found.len(), len, "{what}");
    assert!(found == contents(0..len as u64), "{what}: other bytes");
}

/// Writes what fits, what doesn't fit whole, and what doesn't fit at all.
fn overfill(what: &str, mount: &Mount, file: &FileHandle, path: &Path, exact: bool, some: Portion) {
    let (dispatcher, half) = (dispatcher(), MIB / 2);
    let done = write(&dispatcher, file, 0, half, exact);
    assert_eq!((done.result.unwrap(), done.transferred), (half, half), "{what}: it fits");

    let done = write(&dispatcher, file, half, 4 * MIB, exact);
    let there = done.transferred;
    assert_eq!(done.buffer.len(), 4 * MIB, "{what}: the buffer is back");
    match (some, exact) {
        (Front, false) => assert_eq!(done.result.unwrap(), there, "{what}: short"),
        (Front, true) | (Nothing, _) => assert_eq!(errno(&done), Some(libc::ENOSPC), "{what}"),
    }
    assert_eq!(there > 0, some == Front, "{what}: {there} bytes");
    assert!(there as u64 <= ROOM, "{what}: {there} bytes");

    let _rest = fill(mount.path(), 0);
    let done = write(&dispatcher, file, 16 * MIB, 64 << 10, exact);
    assert_eq!((errno(&done), done.transferred), (Some(libc::ENOSPC), 0), "{what}: full");
    let synced = completion_of(&dispatcher.submitter(), |callback| Job::sync_all(file, callback));
    assert_eq!(synced.result.unwrap(), 0, "{what}: what was accepted is safe");
    check_contents(what, path, half + there);
    dispatcher.quiesce();
    let stats = dispatcher.stats();
    assert_eq!((stats.accepted, stats.finished), (4, 4), "{what}");
}

#[test]
fn what_is_there_on_a_full_disk_is_what_is_told() {
    for (kind, portions) in TABLE {
        let Some(mount) = Mount::of(kind) else { return };
        let opens = [|path: &Path| Some(open_buffered(path)), open_direct];
        for (number, (open, some)) in opens.into_iter().zip(portions).enumerate() {
            for exact in [false, true] {
                let what = format!("{kind:?}, {}, exact: {exact}", ["buffered", "direct"][number]);
                let filler = fill(mount.path(), ROOM);
                let path = mount.path().join("file");
                let Some(file) = open(&path) else { continue };
                overfill(&what, &mount, &file, &path, exact, some);
                drop(file);
                give_back(&File::options().write(true).open(&path).unwrap());
                fs::remove_file(path).unwrap();
                drop(filler);
            }
        }
    }
}

/// An ext4 on a device that has less room than it says: nobody notices before it is written to.
fn promising() -> Option<Mount> {
    Mount::on(&Loop::promising(32 << 20, &Mount::tmpfs(12 << 20)?)?, FileSystem::Ext4)
}

#[test]
fn what_the_page_cache_took_is_refused_at_the_sync() {
    let Some(mount) = promising() else { return };
    let dispatcher = dispatcher();
    let path = mount.path().join("buffered");
    let (file, other) = (open_buffered(&path), open_buffered(&path));
    let done = write(&dispatcher, &file, 0, 20 * MIB, true);
    assert_eq!((done.result.unwrap(), done.transferred), (20 * MIB, 20 * MIB));
    let sync = |file: &FileHandle| {
        let done =
            completion_of(&dispatcher.submitter(), |callback| Job::sync_data(file, callback));
        done.result.map_err(|error| error.raw_os_error())
    };
    let lost = [Err(Some(libc::ENOSPC)), Err(Some(libc::EIO))];
    assert!(lost.contains(&sync(&file)), "the kernel could not keep what it had taken");
    // Once for each time that the file was opened: fsync(2), errors.
    assert!(lost.contains(&sync(&other)));
    assert_eq!((sync(&file), sync(&other)), (Ok(0), Ok(0)));
    assert_eq!(dispatcher.stats().failed, 2);
}

#[test]
fn a_direct_write_is_refused_itself() {
    let Some(mount) = promising() else { return };
    let (dispatcher, path) = (dispatcher(), mount.path().join("direct"));
    let Some(file) = open_direct(&path) else { return };
    let done = write(&dispatcher, &file, 0, 20 * MIB, true);
    let told = errno(&done);
    assert!([Some(libc::ENOSPC), Some(libc::EIO)].contains(&told), "{:?}", done.result);
    assert_eq!((done.transferred, done.buffer.len()), (0, 20 * MIB));
}

/// Writes more than there is room for to the file at `path`.
fn exceed(path: &Path, file: Option<FileHandle>) {
    let (dispatcher, Some(file)) = (dispatcher(), file) else { return };
    let done = write(&dispatcher, &file, 0, 4 * MIB, true);
    assert_eq!(errno(&done), Some(libc::ENOSPC), "{:?}", done.result);
    assert_eq!((done.transferred, done.buffer.len()), (MIB, 4 * MIB));
    assert!(fs::read(path).unwrap() == contents(0..MIB as u64));
    let text = done.into_success().unwrap_err().to_string();
    assert!(text.contains(" bytes: No space left on device"), "{text}");
    dispatcher.quiesce();
    let stats = dispatcher.stats();
    assert_eq!((stats.failed, stats.short, stats.finished), (1, 0, 1));
}

#[test]
fn what_is_full_is_told_with_what_was_written() {
    if let Some(mount) = Mount::tmpfs(MIB as u64) {
        let path = mount.path().join("large");
        exceed(&path, Some(open_buffered(&path)));
    }
    // Of a direct write to a full ext4 nothing counts; a device takes what there is room for.
    for sector in [512, 4096] {
        let Some(device) = Loop::new(MIB as u64, sector) else { return };
        exceed(device.path(), open_direct(device.path()));
    }
}

/// Some of the targets fit. The others are errors, and nothing is left of them.
#[test]
fn targets_for_which_there_is_no_room_are_errors_and_leave_nothing() {
    let sources = support::scratch();
    let pairs = |mount: &Mount| -> Vec<_> {
        let name = |number: usize| format!("file-{number}");
        let source = |number| support::known_file(sources.path(), &name(number), MIB as u64 / 2);
        (0..40).map(|number| (source(number), mount.path().join(name(number)))).collect()
    };
    for durability in [Durability::Cached, Durability::Synced] {
        for policy in [Policy::Buffered, Policy::Direct] {
            for is_ext4 in [false, true] {
                let mount = match is_ext4 {
                    true => Mount::of(FileSystem::Ext4),
                    false => Mount::tmpfs(8 << 20),
                };
                let Some(mount) = mount else { return };
                let _filler = is_ext4.then(|| fill(mount.path(), 8 << 20));
                let dispatcher = dispatcher();
                let settings = Targets::new().durability(durability);
                let files = Files::builder(&dispatcher).policy(policy).targets(settings);
                let run = files.build().unwrap().convert(pairs(&mount), io::copy);
                let what = format!("{durability:?} {policy:?} {is_ext4}");
                let (mut good, mut bad) = (0, 0);
                for result in run {
                    match result {
                        Ok(done) => {
                            good += 1;
                            let found = fs::read(done.value.target).unwrap();
                            assert!(found == contents(0..MIB as u64 / 2), "{what}");
                        }
                        Err(error) => {
                            bad += 1;
                            let kind = error.source.kind();
                            assert_eq!(kind, io::ErrorKind::StorageFull, "{what}: {error}");
                        }
                    }
                }
                assert!(good > 0 && bad > 0, "{what}: {good} and {bad}");
                let left = fs::read_dir(mount.path()).unwrap().filter(|entry| {
                    let name = entry.as_ref().unwrap().file_name();
                    name.to_str().unwrap().contains("file-")
                });
                assert_eq!(left.count(), good, "{what}");
            }
        }
    }
}

/// Small targets are written by the thread that ran the function, and large ones by jobs.
#[test]
fn the_error_of_a_target_says_that_its_disk_is_full() {
    let Some(mount) = Mount::tmpfs(2 << 20) else { return };
    let _filler = fill(mount.path(), 0);
    let (sources, dispatcher) = (support::scratch(), dispatcher());
    for durability in [Durability::Cached, Durability::Synced] {
        let files = Files::builder(&dispatcher).targets(Targets::new().durability(durability));
        let files = files.build().unwrap();
        for len in [100, 4 * MIB] {
            let source = support::known_file(sources.path(), "source", len as u64);
            let pairs = [(source, mount.path().join("target"))];
            let error = support::files::only(files.convert(pairs, io::copy)).unwrap_err();
            let what = format!("{durability:?}, {len}: {error}");
            assert_eq!(error.operation, FileOperation::Write, "{what}");
            assert!(what.contains("/target: No space left"), "{what}");
        }
    }
}
