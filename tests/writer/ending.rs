//! Ends: of a writer with writes under way, and of its dispatcher.

use std::fs::{self, File};
use std::io::Write;

use reapool::FileWriter;

use crate::support::{self, Drops, Tended, contents, scratch, watched};

#[test]
fn a_dropped_writer_leaves_the_file_as_far_as_it_got() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(4)));
        for given in [0, 10, 100_000, 2_000_000_u64] {
            let path = directory.path().join(given.to_string());
            let closed = Drops::default();
            let file = closed.file(File::create(&path).unwrap());
            let mut writer = FileWriter::builder(&*jobs).chunk(4096).over(file).unwrap();
            writer.write_all(&contents(0..given)).unwrap();
            drop(writer);
            jobs.quiesce();
            assert_eq!(closed.count(), 1, "the file is closed");
            let found = fs::read(&path).unwrap();
            assert!(found == contents(0..found.len() as u64) && found.len() as u64 <= given);
        }
    });
}

#[test]
fn after_a_shutdown_a_writer_says_so() {
    watched(|| {
        let directory = scratch();
        let jobs = Tended::new(support::builder());
        let mut writer = FileWriter::builder(&*jobs).create(directory.path().join("file")).unwrap();
        writer.write_all(&[1; 10]).unwrap();
        drop(jobs);
        for _ in 0..2 {
            let error = writer.finish().unwrap_err();
            assert!(error.to_string().contains("shut down"), "{error}");
        }
    });
}
