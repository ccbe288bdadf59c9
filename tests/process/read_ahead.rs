//! A file whose functions are slow is read ahead as far as allowed, and no farther.

use std::fs;

use reapool::{Chunk, Policy};

use crate::support::alone::alone;
use crate::support::cache::{forget, is_on_device};
use crate::support::files::{CHUNK, all, dispatcher, modest, patterned, small_files};
use crate::support::{Gate, open_direct, scratch, skipped};

/// What this process has had read from devices, in bytes.
fn read_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("read_bytes: ")?.parse().ok())
}

#[test]
fn no_more_than_allowed_is_read_ahead() {
    let _alone = alone();
    const AHEAD: usize = 8;
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    if !is_on_device(directory.path()) || open_direct(&directory.path().join("probe")).is_none() {
        return;
    }
    let path = patterned(directory.path(), "large", 1, 128 * CHUNK);
    let small = small_files(directory.path(), 200);
    let builder = modest(&dispatcher).policy(Policy::Direct).memory(32 << 20);
    let files = builder.read_ahead(AHEAD * CHUNK).build().unwrap();
    forget(&path);
    let Some(before) = read_bytes() else {
        return skipped("what is read ahead: the kernel keeps no account of it");
    };
    let gate = Gate::default();
    let held = gate.clone();
    let chunk = move |bytes: &mut usize, chunk: Chunk| {
        held.pass();
        *bytes += chunk.len();
    };
    let run = files.stream([path], |_| 0, chunk, |bytes, _| bytes);
    gate.wait_for(1);
    // Others come and go meanwhile.
    let other = modest(&dispatcher).policy(Policy::Buffered).build().unwrap();
    assert_eq!(all(other.read(small, |file| file.contents().len())).len(), 200);
    let read = read_bytes().unwrap() - before;
    assert!(read <= ((AHEAD + 1) * CHUNK) as u64, "{read} bytes are read ahead");
    assert!(read >= 2 * CHUNK as u64, "{read} bytes: is it counted at all?");
    gate.open();
    assert_eq!(all(run).pop().unwrap().unwrap().value, 128 * CHUNK);
}
