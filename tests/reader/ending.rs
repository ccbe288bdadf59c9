//! Ends: of a reader with reads under way, and of its dispatcher.

use std::fs::File;
use std::io::{BufRead, Read};

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
            let mut reader = jobs.submitter().reader().read(file).unwrap();
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
        forget(&path);
        let jobs = Tended::new(support::builder());
        let mut reader = jobs.submitter().reader().chunk(4096).read_ahead(0).open(&path).unwrap();
        reader.fill_buf().unwrap();
        drop(jobs);
        forget(&path);
        // What is there can be read; then there is nobody who would read.
        let mut found = Vec::new();
        let error = reader.read_to_end(&mut found).unwrap_err();
        assert!(error.to_string().contains("shut down"), "{error}");
        assert!(found == contents(0..found.len() as u64));
        assert!(reader.read(&mut [0]).is_err());
    });
}
