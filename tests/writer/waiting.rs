//! Waits for the thread that waits: they are refused where nobody else is left, and lose nothing.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use reapool::{Dispatcher, Durability, FileWriter, Job};

use crate::support::event_loop::TendedLoop;
use crate::support::{self, Tended, contents, scratch, watched};

const LEN: u64 = 1 << 20;

fn give_all(writer: &mut FileWriter) -> Result<u64, ErrorKind> {
    let from = writer.position();
    let given = writer.write_all(&contents(from..LEN));
    given.and_then(|()| writer.finish()).map_err(|error| error.kind())
}

#[test]
fn the_only_worker_is_refused_and_another_thread_goes_on() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().workers(1)));
        let path = directory.path().join("file");
        let builder = FileWriter::builder(&*jobs).chunk(4096).write_behind(8192);
        let mut writer = builder.create(&path).unwrap();
        let work = move || (give_all(&mut writer), writer);
        let (given, mut writer) = jobs.spawn(Job::nop(work)).unwrap().join().unwrap();
        assert_eq!(given, Err(ErrorKind::Deadlock));
        assert_eq!(give_all(&mut writer), Ok(LEN));
        assert!(fs::read(&path).unwrap() == contents(0..LEN));
    });
}

#[test]
fn a_worker_beside_others_may_wait() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().workers(2)));
        let path = directory.path().join("file");
        let mut writer = FileWriter::builder(&*jobs).chunk(4096).create(&path).unwrap();
        let given = jobs.spawn(Job::nop(move || give_all(&mut writer))).unwrap().join().unwrap();
        assert_eq!(given, Ok(LEN));
        assert!(fs::read(&path).unwrap() == contents(0..LEN));
    });
}

#[test]
fn blocking_work_may_wait_as_long_as_a_blocking_thread_is_left() {
    watched(|| {
        for threads in [1, 2] {
            let builder = support::builder().workers(1).blocking_threads(threads);
            let (directory, jobs) = (scratch(), Tended::new(builder));
            let path = directory.path().join("file");
            let mut writer = FileWriter::builder(&*jobs).chunk(4096).create(&path).unwrap();
            let work = Job::blocking(move || give_all(&mut writer), |given| given);
            let given = jobs.spawn(work).unwrap().join().unwrap();
            assert_eq!(given, if threads > 1 { Ok(LEN) } else { Err(ErrorKind::Deadlock) });
        }
    });
}

#[test]
fn the_owner_of_an_event_loop_is_refused_and_others_write() {
    watched(|| {
        let (directory, mut jobs) = (scratch(), TendedLoop::new(Dispatcher::builder().depth(8)));
        let path = directory.path().join("file");
        jobs.run(1).unwrap();
        let mut writer = FileWriter::builder(&*jobs).create(&path).unwrap();
        writer.write_all(b"").unwrap();
        writer.write_all(&contents(0..10)).unwrap();
        assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Deadlock);
        let other = std::thread::spawn(move || writer.finish().unwrap());
        while !other.is_finished() {
            jobs.run(100).unwrap();
        }
        assert_eq!(other.join().unwrap(), 10);
        assert!(fs::read(&path).unwrap() == contents(0..10));
    });
}

#[test]
fn those_that_wait_leave_a_slot() {
    watched(|| {
        let directory = scratch();
        for (depth, workers, blocking_threads) in [(1, 2, 2), (2, 1, 4)] {
            let builder = support::builder().depth(depth).workers(workers);
            let jobs = Tended::new(builder.blocking_threads(blocking_threads));
            let give = |number: usize| {
                let path = directory.path().join(format!("{depth}-{number}"));
                let mut writer = FileWriter::builder(&*jobs).chunk(4096).create(path).unwrap();
                move || give_all(&mut writer)
            };
            let handles: Vec<_> = if depth == 1 {
                vec![jobs.spawn(Job::nop(give(0))).unwrap()]
            } else {
                let work = |number| Job::blocking(give(number), |given| given);
                (0..2).map(|number| jobs.spawn(work(number)).unwrap()).collect()
            };
            for given in handles.into_iter().map(|handle| handle.join().unwrap()) {
                assert!(matches!(given, Ok(LEN) | Err(ErrorKind::Deadlock)), "{given:?}");
            }
        }
    });
}

/// Through the page cache, a thread writes what is left at the end, and completes the file. It
/// would only wait for another to do so.
#[test]
fn a_small_file_takes_no_job_and_no_other_thread() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().workers(1)));
        let path = directory.path().join("file");
        for durability in [Durability::Cached, Durability::Synced] {
            for replaces in [false, true] {
                let before = jobs.stats().accepted;
                let builder = FileWriter::builder(&*jobs).durability(durability);
                let begin = |path: &Path| match replaces {
                    true => builder.replace(path),
                    false => builder.create(path),
                };
                let mut writer = begin(&path).unwrap();
                writer.write_all(&contents(0..10_000)).unwrap();
                assert_eq!(writer.finish().unwrap(), 10_000);
                assert_eq!(writer.finish().unwrap(), 10_000, "told again");
                assert!(fs::read(&path).unwrap() == contents(0..10_000));
                assert_eq!(jobs.stats().accepted, before, "{durability:?}, {replaces}");
            }
        }
        // So the only worker can do it, too.
        let mut writer = FileWriter::builder(&*jobs).create(&path).unwrap();
        let work = move || writer.write_all(b"by a worker").and_then(|()| writer.finish());
        assert_eq!(jobs.run(Job::nop(work)).unwrap().unwrap(), 11);
        assert_eq!(fs::read(&path).unwrap(), b"by a worker");
    });
}
