//! Tasks that read: they are woken for what they wait for, and block nobody.

use std::future::poll_fn;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use reapool::{FileReader, Submitter};

use crate::support::cache::{evict, forget, is_on_device};
use crate::support::tasks::{Task, on_each_executor};
use crate::support::{self, Tended, contents, known_file, scratch, skipped, watched};

const LEN: u64 = 3_000_000;

async fn read_to_end(reader: &mut FileReader) -> std::io::Result<Vec<u8>> {
    let mut found = Vec::new();
    loop {
        let bytes = poll_fn(|context| reader.poll_fill_buf(context).map_ok(<[u8]>::to_vec)).await?;
        if bytes.is_empty() {
            return Ok(found);
        }
        reader.consume(bytes.len());
        found.extend(bytes);
    }
}

#[test]
fn any_executor_reads_files() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "known", LEN);
        let read = |jobs: Submitter, path: PathBuf| async move {
            forget(&path);
            for _ in 0..2 {
                let mut reader = FileReader::builder(&jobs).open(&path).unwrap();
                assert!(read_to_end(&mut reader).await.unwrap() == contents(0..LEN));
                std::fs::read(&path).unwrap();
            }
        };
        on_each_executor(|| read(jobs.submitter(), path.clone()));
    });
}

#[test]
fn the_task_that_polled_last_is_woken_once() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "known", LEN);
        if !is_on_device(directory.path()) {
            return;
        }
        if !evict(&path) {
            return skipped("eviction: the file's pages stay in the page cache");
        }
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        let (first, second) = (Task::new(), Task::new());
        let poll = |reader: &mut FileReader, task: &Arc<Task>| {
            let waker = Waker::from(Arc::clone(task));
            reader.poll_fill_buf(&mut Context::from_waker(&waker)).map_ok(<[u8]>::len)
        };
        let begun = poll(&mut reader, &first);
        if let Poll::Pending = begun
            && let Poll::Pending = poll(&mut reader, &second)
        {
            second.wait_for(1);
            assert!(first.wakings() <= 1);
        }
        jobs.quiesce();
        assert!(matches!(poll(&mut reader, &second), Poll::Ready(Ok(1..))));
        assert!(second.wakings() <= 1, "once for each wait");
        drop(reader);
        jobs.quiesce();
        assert_eq!((first.wakers(), second.wakers()), (0, 0), "no waker is kept");
    });
}

#[test]
fn a_reader_is_dropped_while_a_task_waits() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(2)));
        let path = known_file(directory.path(), "known", LEN);
        for _ in 0..100 {
            forget(&path);
            let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
            let task = Task::new();
            let waker = Waker::from(Arc::clone(&task));
            let _ = reader.poll_fill_buf(&mut Context::from_waker(&waker));
            drop((reader, waker));
            jobs.quiesce();
            assert_eq!(task.wakers(), 0);
        }
    });
}
