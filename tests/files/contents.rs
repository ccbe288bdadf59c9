//! Every path yields one result, and what a file's functions get are exactly its bytes: of all
//! sizes, by every policy, on several file systems, in the page cache or not.

use std::fs;
use std::path::{Path, PathBuf};

use reapool::{Dispatcher, Files, Processed};

use crate::support::cache::forget;
use crate::support::device::Loop;
use crate::support::files::{
    CHUNK, POLICIES, assert_same, copied, dispatcher, files_of, gathered, in_memory, modest, only,
    pattern, patterned, sparse, successes,
};
use crate::support::scratch;

/// Around everything at which something changes: blocks, chunks, what is read ahead.
fn sizes() -> Vec<usize> {
    let edges = [512, 4096, 16 << 10, CHUNK, 2 * CHUNK, 3 * CHUNK, 4 * CHUNK, 5 * CHUNK];
    let around = edges.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1]);
    [0, 1].into_iter().chain(around).chain([7 * CHUNK + 4096, 9 * CHUNK + 513]).collect()
}

fn assert_all_right(what: &str, done: &[Processed<Vec<u8>>], paths: &[PathBuf], sizes: &[usize]) {
    assert_eq!(done.len(), paths.len(), "{what}");
    for (place, (done, size)) in done.iter().zip(sizes).enumerate() {
        let what = format!("{what}, {size} bytes");
        assert_eq!((done.index, &done.path), (place as u64, &paths[place]), "{what}");
        assert_same(&what, &done.value, &pattern(place, *size));
        assert_eq!((done.bytes, done.size), (*size as u64, *size as u64), "{what}");
    }
}

/// Reads files of all sizes in a directory, every way there is.
fn reads_exactly(directory: &Path) {
    let (dispatcher, sizes) = (dispatcher(2), sizes());
    let paths = files_of(directory, &sizes);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        for cold in [true, false, false] {
            if cold {
                paths.iter().for_each(|path| forget(path));
            }
            let what = format!("{policy:?}, cold: {cold}, {}", directory.display());
            let done = successes(gathered(&files, paths.clone()));
            assert_all_right(&format!("streamed, {what}"), &done, &paths, &sizes);
            if cold {
                paths.iter().for_each(|path| forget(path));
            }
            let done = successes(copied(&files, paths.clone()));
            assert_all_right(&format!("whole, {what}"), &done, &paths, &sizes);
        }
    }
}

#[test]
fn all_sizes_on_disk() {
    reads_exactly(scratch().path());
}

#[test]
fn all_sizes_in_memory() {
    if let Some(directory) = in_memory() {
        reads_exactly(directory.path());
    }
}

#[test]
fn all_sizes_with_blocks_of_1024_bytes() {
    // What mkfs.ext4 takes for a device this small.
    let Some(device) = Loop::new(64 << 20, 512) else { return };
    if let Some(mount) = device.format("defaults") {
        reads_exactly(mount.path());
    }
}

#[test]
fn all_sizes_with_sectors_of_4096_bytes() {
    let Some(device) = Loop::new(64 << 20, 4096) else { return };
    if let Some(mount) = device.format("defaults") {
        reads_exactly(mount.path());
    }
}

#[test]
fn a_file_may_be_larger_than_the_memory() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let len = (9 << 20) + 777;
    let path = patterned(directory.path(), "large", 3, len);
    let expected = blake3::hash(&fs::read(&path).unwrap());
    for policy in POLICIES {
        for (memory, ahead) in [(2 << 20, 0), (2 << 20, 1 << 30), (4 << 20, 4 * CHUNK)] {
            let builder = modest(&dispatcher).policy(policy).memory(memory).read_ahead(ahead);
            let files = builder.build().unwrap();
            forget(&path);
            let done = successes(hashed(&files, vec![path.clone(), path.clone()]));
            for done in done {
                assert_eq!((done.value, done.bytes), (expected, len as u64), "{policy:?}");
            }
        }
    }
}

fn hashed(files: &Files, paths: Vec<PathBuf>) -> reapool::FilesRun<blake3::Hash> {
    let update = |hasher: &mut blake3::Hasher, chunk: reapool::Chunk| {
        hasher.update(&chunk);
    };
    files.stream(paths, |_| blake3::Hasher::new(), update, |hasher, _| hasher.finalize())
}

#[test]
fn chunks_of_odd_lengths_are_rounded_up() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let len = 100_001;
    let path = patterned(directory.path(), "odd", 1, len);
    for policy in POLICIES {
        for chunk in [1, 4095, 4097, 5000, 12_288, 99_999] {
            let files = modest(&dispatcher).policy(policy).chunk(chunk).build().unwrap();
            forget(&path);
            let done = only(gathered(&files, [path.clone()])).unwrap();
            assert_same(&format!("{policy:?}, {chunk}"), &done.value, &pattern(1, len));
        }
    }
}

#[test]
fn holes_are_zeros() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let len = 5 * CHUNK + 100;
    let path = sparse(directory.path(), "holes", len as u64);
    let mut expected = vec![0; len];
    expected[CHUNK + 10..2 * CHUNK].fill(7);
    fs::write(directory.path().join("whole"), &expected).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let (data, offset) = (&expected[CHUNK + 10..2 * CHUNK], CHUNK as u64 + 10);
    std::os::unix::fs::FileExt::write_all_at(&file, data, offset).unwrap();
    for policy in POLICIES {
        forget(&path);
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        assert_same("holes", &only(gathered(&files, [path.clone()])).unwrap().value, &expected);
    }
}

#[test]
fn a_block_device_is_a_file_with_contents() {
    let Some(device) = Loop::new(3 << 20, 512) else { return };
    let expected = pattern(11, 3 << 20);
    fs::write(device.path(), &expected).unwrap();
    let dispatcher = dispatcher(2);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).whole_limit(3 << 20).memory(8 << 20);
        let files = files.build().unwrap();
        forget(device.path());
        let done = only(gathered(&files, [device.path().to_owned()])).unwrap();
        assert_same(&format!("streamed, {policy:?}"), &done.value, &expected);
        assert_eq!(done.bytes, 3 << 20);
        let done = only(copied(&files, [device.path().to_owned()])).unwrap();
        assert_same(&format!("whole, {policy:?}"), &done.value, &expected);
    }
}

#[test]
fn the_default_settings_read_all_of_it() {
    let (directory, dispatcher) = (scratch(), Dispatcher::new().unwrap());
    let len = (5 << 20) + 1;
    let path = patterned(directory.path(), "file", 5, len);
    forget(&path);
    let files = Files::new(&dispatcher).unwrap();
    let done = only(gathered(&files, [path.clone()])).unwrap();
    assert_same("default", &done.value, &pattern(5, len));
}
