//! Ends: of a reader with reads under way, and of its dispatcher.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::thread;

use reapool::FileReader;

use crate::support::cache::forget;
use crate::support::{self, Drops, Tended, contents, known_file, scratch, watched};

const LEN: u64 = 3_000_000;

#[test]
fn a_dropped_reader_leaves_nothing() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(4)));
        let path = known_file(directory.path(), "known", LEN);
        for taken in [0, 1, 100_000, 2_000_000] {
            forget(&path);
            let closed = Drops::default();
            let file = closed.file(File::open(&path).unwrap());
            let mut reader = FileReader::builder(&*jobs).over(file).unwrap();
            let mut some = vec![0; taken];
            reader.read_exact(&mut some).unwrap();
            assert!(some == contents(0..taken as u64));
            drop(reader);
            jobs.quiesce();
            assert_eq!(closed.count(), 1, "the file is closed");
        }
    });
}

#[test]
fn after_a_shutdown_a_reader_says_so() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "known", LEN);
        // Nothing of it is read through the page cache, without a job.
        let Some(file) = support::open_direct(&path) else { return };
        let jobs = Tended::new(support::builder());
        let mut reader = FileReader::builder(&*jobs).chunk(4096).read_ahead(0).over(file).unwrap();
        reader.fill_buf().unwrap();
        drop(jobs);
        // What is there can be read; then there is nobody who would read.
        let mut found = Vec::new();
        let error = reader.read_to_end(&mut found).unwrap_err();
        assert!(error.to_string().contains("shut down"), "{error}");
        assert!(found == contents(0..found.len() as u64));
        assert!(reader.read(&mut [0]).is_err());
    });
}

#[test]
fn a_shutdown_does_not_wait_until_readers_are_at_the_end() {
    watched(|| {
        let directory = scratch();
        let path = directory.path().join("endless");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        // As above: a hole is soon in the page cache.
        let Some(file) = support::open_direct(&path) else { return };
        let jobs = Tended::new(support::builder().depth(1).workers(1));
        // More than one, so that reads are outstanding all the time.
        let read = |_| {
            let mut reader = FileReader::builder(&*jobs).over(file.clone()).unwrap();
            thread::spawn(move || io::copy(&mut reader, &mut io::sink()).unwrap_err())
        };
        let readers: Vec<_> = (0..8).map(read).collect();
        support::eventually("they read", || jobs.stats().finished > 20);
        drop(jobs);
        for reader in readers {
            let error = reader.join().unwrap();
            assert!(error.to_string().contains("shut down"), "{error}");
        }
    });
}

#[test]
fn after_a_shutdown_what_has_come_and_what_is_cached_can_be_read() {
    if support::is_memcheck() {
        // It knows no call that reads without waiting.
        return;
    }
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "known", LEN);
        if !support::cache::reads_without_waiting(&path) {
            return;
        }
        forget(&path);
        let jobs = Tended::new(support::builder());
        let mut reader = FileReader::builder(&*jobs).chunk(65_536).open(&path).unwrap();
        let mut found = vec![0; 500_000];
        reader.read_exact(&mut found).unwrap();
        jobs.quiesce();
        let at_hand = 65_536;
        drop(jobs);
        let outcome = reader.read_to_end(&mut found);
        assert!(found.len() > 500_000 + at_hand, "what was read ahead is given: {outcome:?}");
        std::fs::read(&path).unwrap();
        // Now and then the kernel says of cached data that it would have to wait.
        assert!((0..50).any(|_| reader.read_to_end(&mut found).is_ok()));
        assert!(found == contents(0..LEN));
    });
}
