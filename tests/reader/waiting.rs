//! Reads that would wait for the thread that reads: they are refused where nobody else is left.

use std::io::{BufRead, ErrorKind, Read};
use std::path::{Path, PathBuf};

use reapool::{Dispatcher, FileReader, Job};

use crate::support::cache::{evict, is_on_device};
use crate::support::event_loop::TendedLoop;
use crate::support::{self, Tended, contents, known_file, scratch, skipped, watched};

const LEN: u64 = 1 << 20;

/// A file of which nothing is cached. `None`, said loudly, if that can't be had.
fn cold_file(directory: &Path, name: &str) -> Option<PathBuf> {
    if !is_on_device(directory) {
        return None;
    }
    let path = known_file(directory, name, LEN);
    if !evict(&path) {
        skipped("eviction: the file's pages stay in the page cache");
        return None;
    }
    Some(path)
}

#[test]
fn the_only_worker_is_refused_and_reads_what_is_cached() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().workers(1)));
        let Some(path) = cold_file(directory.path(), "known") else { return };
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        let refused =
            jobs.spawn(Job::nop(move || (reader.read(&mut [0]).map_err(|e| e.kind()), reader)));
        let (read, mut reader) = refused.unwrap().join().unwrap();
        assert_eq!(read, Err(ErrorKind::Deadlock));
        // Nothing is lost: another thread reads on, and the callback what is there by then.
        let first = reader.fill_buf().unwrap().to_vec();
        assert!(first == contents(0..first.len() as u64));
        let there =
            jobs.spawn(Job::nop(move || reader.fill_buf().map(<[u8]>::len).map_err(|e| e.kind())));
        assert_eq!(there.unwrap().join().unwrap(), Ok(first.len()));
    });
}

#[test]
fn a_worker_beside_others_may_wait() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().workers(2)));
        let Some(path) = cold_file(directory.path(), "known") else { return };
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        let all = move || {
            let mut found = Vec::new();
            reader.read_to_end(&mut found).map(|_| found).map_err(|error| error.kind())
        };
        let found = jobs.spawn(Job::nop(all)).unwrap().join().unwrap().unwrap();
        assert!(found == contents(0..LEN));
    });
}

#[test]
fn of_two_workers_that_wait_one_is_refused() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().workers(2)));
        let paths = ["one", "two"].map(|name| cold_file(directory.path(), name));
        let both =
            paths.map(|path| path.map(|path| FileReader::builder(&*jobs).open(path).unwrap()));
        let [Some(one), Some(two)] = both else { return };
        let read = |mut reader: FileReader| {
            move || {
                let mut found = Vec::new();
                reader.read_to_end(&mut found).map(|_| found).map_err(|error| error.kind())
            }
        };
        let both = [one, two].map(|reader| jobs.spawn(Job::nop(read(reader))).unwrap());
        for outcome in both.map(|job| job.join().unwrap()) {
            match outcome {
                Ok(found) => assert!(found == contents(0..LEN)),
                Err(kind) => assert_eq!(kind, ErrorKind::Deadlock),
            }
        }
    });
}

#[test]
fn blocking_work_may_wait_as_long_as_a_blocking_thread_is_left() {
    watched(|| {
        for threads in [1, 2] {
            let builder = support::builder().workers(1).blocking_threads(threads);
            let (directory, jobs) = (scratch(), Tended::new(builder));
            let Some(path) = cold_file(directory.path(), "known") else { return };
            let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
            let work = move || {
                let mut found = Vec::new();
                reader.read_to_end(&mut found).map(|_| found).map_err(|error| error.kind())
            };
            let outcome = jobs.spawn(Job::blocking(work, |outcome| outcome)).unwrap();
            match outcome.join().unwrap() {
                Ok(found) => assert!(threads > 1 && found == contents(0..LEN)),
                Err(kind) => assert!(threads == 1 && kind == ErrorKind::Deadlock, "{kind}"),
            }
        }
    });
}

#[test]
fn the_owner_of_an_event_loop_is_refused_and_others_read() {
    watched(|| {
        let (directory, mut jobs) = (scratch(), TendedLoop::new(Dispatcher::builder().depth(8)));
        let Some(path) = cold_file(directory.path(), "known") else { return };
        jobs.run(1).unwrap();
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), ErrorKind::Deadlock);
        let other = std::thread::spawn(move || {
            let mut found = Vec::new();
            reader.read_to_end(&mut found).unwrap();
            found
        });
        while !other.is_finished() {
            jobs.run(100).unwrap();
        }
        assert!(other.join().unwrap() == contents(0..LEN));
    });
}

#[test]
fn what_is_cached_is_read_to_its_end_without_a_wait() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().workers(1)));
        if support::is_memcheck() {
            // It knows no call that reads without waiting.
            return;
        }
        for len in [0, 4096, 65_535, 65_536, 65_537, 1 << 20] {
            let path = known_file(directory.path(), "known", len);
            if !support::cache::reads_without_waiting(&path) {
                return;
            }
            // Now and then the kernel says of cached data that it would have to wait.
            let is_read = |_| {
                let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
                let read = move || {
                    let mut found = Vec::new();
                    reader.read_to_end(&mut found).is_ok() && found == contents(0..len)
                };
                jobs.spawn(Job::nop(read)).unwrap().join().unwrap()
            };
            assert!((0..50).any(is_read), "{len} bytes");
        }
    });
}
