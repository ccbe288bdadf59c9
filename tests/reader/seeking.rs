//! Seeks: what they cost, and those that are refused.

use std::fs::File;
use std::io::{BufRead, ErrorKind, Read, Seek, SeekFrom, Write};

use reapool::FileReader;

use crate::support::cache::{evict, is_on_device};
use crate::support::{self, Tended, contents, known_file, scratch, skipped, watched};

#[test]
fn a_seek_within_the_buffer_costs_nothing() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "known", 50_000);
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        assert_eq!(reader.fill_buf().unwrap().len(), 50_000);
        jobs.quiesce();
        let before = jobs.stats().accepted;
        for to in [40_000, 0, 50_000, 7, 49_999] {
            assert_eq!(reader.seek(SeekFrom::Start(to)).unwrap(), to);
            assert!(reader.fill_buf().unwrap() == contents(to..50_000));
        }
        assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), 49_997);
        assert!(reader.fill_buf().unwrap() == contents(49_997..50_000));
        assert_eq!(jobs.stats().accepted, before);
    });
}

#[test]
fn who_seeks_reads_little_in_vain() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "known", 8 << 20);
        if !is_on_device(directory.path()) {
            return;
        }
        if !evict(&path) {
            return skipped("eviction: the file's pages stay in the page cache");
        }
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        for place in (0..64_u64).rev() {
            let at = (place << 17) + 5;
            reader.seek(SeekFrom::Start(at)).unwrap();
            let mut few = [0; 8];
            reader.read_exact(&mut few).unwrap();
            assert_eq!(few[..], contents(at..at + 8));
        }
        jobs.quiesce();
        let accepted = jobs.stats().accepted;
        // For each place the read that was wanted and, of the same length, the next.
        assert!(accepted <= 2 * 64, "{accepted} reads");
        let file = reader.file();
        assert!(support::is_memcheck() || !file.is_automatic() || accepted >= 64, "is it cold?");
    });
}

#[test]
fn seeks_to_nowhere_are_refused_and_change_nothing() {
    let (directory, jobs) = (scratch(), Tended::new(support::builder()));
    let path = known_file(directory.path(), "known", 50_000);
    let mut reader = FileReader::builder(&*jobs).range(1000..).open(&path).unwrap();
    reader.seek(SeekFrom::Start(5)).unwrap();
    for to in [
        SeekFrom::Current(-6),
        SeekFrom::End(-49_001),
        SeekFrom::Start(u64::MAX),
        SeekFrom::Current(i64::MIN),
    ] {
        let error = reader.seek(to).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{to:?}");
    }
    assert_eq!(reader.stream_position().unwrap(), 5);
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    assert_eq!(byte[..], contents(1005..1006));
    // Behind the end there is nothing, and a way back.
    assert_eq!(reader.seek(SeekFrom::End(10)).unwrap(), 49_010);
    assert_eq!(reader.read(&mut byte).unwrap(), 0);
    assert_eq!(reader.seek(SeekFrom::Current(-11)).unwrap(), 48_999);
    assert_eq!(reader.read(&mut byte).unwrap(), 1);
    assert_eq!(byte[..], contents(49_999..50_000));
}

#[test]
fn behind_what_was_the_end_a_seek_finds_what_is_there_by_now() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "known", 100);
        let grow = |range: std::ops::Range<u64>| {
            File::options().append(true).open(&path).unwrap().write_all(&contents(range)).unwrap();
        };
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        let mut found = Vec::new();
        reader.read_to_end(&mut found).unwrap();
        grow(100..104);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "it is at the end");
        for (to, rest) in [(SeekFrom::Current(0), 100..104), (SeekFrom::Start(104), 104..104)] {
            reader.seek(to).unwrap();
            found.clear();
            reader.read_to_end(&mut found).unwrap();
            assert!(found == contents(rest));
        }
        // The buffer is still there, and is kept.
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        reader.read_exact(&mut [0; 104]).unwrap();
        grow(104..50_000);
        reader.seek(SeekFrom::Current(-1)).unwrap();
        found.clear();
        reader.read_to_end(&mut found).unwrap();
        assert!(found == contents(103..50_000), "{} bytes", found.len());
    });
}

#[test]
fn positions_that_offsets_cannot_say_are_behind_the_end() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "known", 50_000);
        let most = i64::MAX as u64;
        for at in [1 << 62, most - 100, most, most + 1, u64::MAX - 100_000, u64::MAX - 1] {
            let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
            assert_eq!(reader.seek(SeekFrom::Start(at)).unwrap(), at);
            assert_eq!(reader.read(&mut [0]).unwrap(), 0, "at {at}");
            let mut reader = FileReader::builder(&*jobs).range(at..).open(&path).unwrap();
            assert_eq!(reader.read(&mut [0]).unwrap(), 0, "from {at} on");
            reader.seek(SeekFrom::Start(0)).unwrap();
            assert_eq!(reader.read(&mut [0]).unwrap(), 0, "from {at} on");
        }
        assert_eq!(jobs.stats().panics, 0);
    });
}

#[test]
fn nothing_is_read_behind_a_range() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "known", 8 << 20);
        for range in [0..10, 4096..8192, 0..65_536, 1_000_000..1_065_536] {
            support::cache::forget(&path);
            let before = jobs.stats().accepted;
            let mut reader = FileReader::builder(&*jobs).range(range.clone()).open(&path).unwrap();
            let mut found = Vec::new();
            reader.read_to_end(&mut found).unwrap();
            assert!(found == contents(range.clone()));
            jobs.quiesce();
            let reads = jobs.stats().accepted - before;
            let most = if range.start.is_multiple_of(4096) { 1 } else { 2 };
            assert!(reads <= most, "{range:?}: {reads} reads");
        }
    });
}
