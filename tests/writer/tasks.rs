//! Tasks that write: they are woken for what they wait for, and block nobody.

use std::fs;
use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use reapool::{FileWriter, IoWay, Submitter};

use crate::support::tasks::{Task, on_each_executor};
use crate::support::{self, Tended, contents, scratch, watched};

const LEN: u64 = 3_000_001;

async fn write_all(writer: &mut FileWriter, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = poll_fn(|context| writer.poll_write(context, bytes)).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

#[test]
fn any_executor_writes_files() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let write = |jobs: Submitter, path: PathBuf| async move {
            for way in [IoWay::Buffered, IoWay::DirectOrBuffered] {
                let mut writer =
                    FileWriter::builder(&jobs).chunk(4096).way(way).create(&path).unwrap();
                write_all(&mut writer, &contents(0..1001)).await.unwrap();
                poll_fn(|context| writer.poll_flush(context)).await.unwrap();
                assert!(fs::read(&path).unwrap()[..1001] == contents(0..1001));
                write_all(&mut writer, &contents(1001..LEN)).await.unwrap();
                assert_eq!(poll_fn(|context| writer.poll_finish(context)).await.unwrap(), LEN);
                assert!(fs::read(&path).unwrap() == contents(0..LEN));
            }
        };
        on_each_executor(|| write(jobs.submitter(), directory.path().join("file")));
    });
}

#[test]
fn a_flush_that_is_given_up_is_no_obstacle() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = directory.path().join("file");
        let builder = FileWriter::builder(&*jobs).way(IoWay::DirectOrBuffered);
        let mut writer = builder.create(&path).unwrap();
        let task = Waker::from(Task::new());
        let mut context = Context::from_waker(&task);
        // Each begins to write a part of the block that the next ones write again.
        for at in 0..3000_u64 {
            let one = writer.poll_write(&mut context, &contents(at..at + 1));
            assert!(matches!(one, Poll::Ready(Ok(1))));
            let _ = writer.poll_flush(&mut context);
        }
        assert_eq!(writer.finish().unwrap(), 3000);
        assert!(fs::read(&path).unwrap() == contents(0..3000));
    });
}

#[test]
fn a_writer_is_dropped_while_a_task_waits() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(2)));
        let path = directory.path().join("file");
        let bytes = contents(0..LEN);
        for _ in 0..20 {
            let mut writer = FileWriter::builder(&*jobs).chunk(4096).create(&path).unwrap();
            let task = Task::new();
            let waker = Waker::from(Arc::clone(&task));
            let mut context = Context::from_waker(&waker);
            let mut at = 0;
            while let Poll::Ready(Ok(count @ 1..)) = writer.poll_write(&mut context, &bytes[at..]) {
                at += count;
            }
            drop((writer, waker));
            jobs.quiesce();
            assert_eq!(task.wakers(), 0);
        }
    });
}

#[cfg(feature = "tokio")]
#[test]
fn tokio_writes() {
    use tokio::io::AsyncWriteExt;
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = directory.path().join("file");
        let mut writer = FileWriter::builder(&*jobs).chunk(4096).replace(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            writer.write_all(&contents(0..1001)).await.unwrap();
            writer.flush().await.unwrap();
            writer.write_all(&contents(1001..LEN)).await.unwrap();
            assert!(!path.exists());
            writer.shutdown().await.unwrap();
        });
        assert!(fs::read(&path).unwrap() == contents(0..LEN));
    });
}

#[cfg(feature = "futures-io")]
#[test]
fn futures_write() {
    use futures::io::AsyncWriteExt;
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = directory.path().join("file");
        let mut writer = FileWriter::builder(&*jobs).chunk(4096).replace(&path).unwrap();
        futures::executor::block_on(async {
            writer.write_all(&contents(0..1001)).await.unwrap();
            writer.flush().await.unwrap();
            writer.write_all(&contents(1001..LEN)).await.unwrap();
            assert!(!path.exists());
            writer.close().await.unwrap();
        });
        assert!(fs::read(&path).unwrap() == contents(0..LEN));
    });
}
