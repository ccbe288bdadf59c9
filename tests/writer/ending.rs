//! Ends: of a writer with writes under way, and of its dispatcher.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};

use reapool::{FileWriter, IoWay, Job};

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

#[test]
fn a_dropped_writer_takes_back_what_it_added_ahead_of_its_writes() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = directory.path().join("file");
        for given in [0, 10, 5000, 3_000_000_u64] {
            let builder = FileWriter::builder(&*jobs).way(IoWay::DirectOrBuffered);
            let mut writer = builder.expected_len(20_000_000).create(&path).unwrap();
            writer.write_all(&contents(0..given)).unwrap();
            if given == 5000 {
                writer.flush().unwrap();
            }
            drop(writer);
            jobs.quiesce();
            let found = fs::read(&path).unwrap();
            assert!(found == contents(0..found.len() as u64), "{} bytes", found.len());
            assert!(found.len() as u64 <= given && (given != 5000 || found.len() == 5000));
        }
    });
}

#[test]
fn nothing_is_written_once_the_end_was_asked_for() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().workers(1)));
        let path = directory.path().join("file");
        let builder = FileWriter::builder(&*jobs).way(IoWay::DirectOrBuffered);
        let mut writer = builder.create(&path).unwrap();
        // The only worker may not wait.
        let work = move || {
            writer.write_all(&contents(0..10)).unwrap();
            let flushed = writer.flush().unwrap_err().kind();
            writer.write_all(&contents(10..20)).unwrap();
            (flushed, writer.finish().unwrap_err().kind(), writer)
        };
        let (flushed, finished, mut writer) = jobs.spawn(Job::nop(work)).unwrap().join().unwrap();
        assert_eq!([flushed, finished], [ErrorKind::Deadlock; 2]);
        assert_eq!(writer.write(&[7]).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(writer.finish().unwrap(), 20);
        assert!(fs::read(&path).unwrap() == contents(0..20));
    });
}
