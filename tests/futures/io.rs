//! Reads and writes for tasks: the result and the buffer come back, whatever happens; a future that
//! is dropped leaves the buffer to the kernel.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reapool::{AlignedBuf, FileHandle, IoFuture, PollEvents, Refusal};

use crate::support::tasks::{Task, on_each_executor};
use crate::support::{
    self, Drops, Gate, HANG, bad_file, contents, eventfd, known_file, make_readable, null,
    null_read, open_buffered, open_direct, scratch, watched,
};

const BLOCK: u64 = 4096;

/// The kinds of file that a transfer may be of.
fn files(path: &std::path::Path) -> Vec<FileHandle> {
    [Some(open_buffered(path)), open_direct(path)].into_iter().flatten().collect()
}

#[test]
fn what_is_written_is_read_in_every_executor() {
    watched(|| {
        let directory = scratch();
        let dispatcher =
            Arc::new(support::builder().depth(4).backlog(2).workers(2).build().unwrap());
        for file in files(&directory.path().join("file")) {
            on_each_executor(|| {
                let (dispatcher, file) = (Arc::clone(&dispatcher), file.clone());
                async move {
                    for block in 0..20 {
                        let mut buffer = AlignedBuf::zeroed(BLOCK as usize);
                        let begin = block * BLOCK;
                        buffer.copy_from_slice(&contents(begin..begin + BLOCK));
                        let (written, buffer) =
                            dispatcher.submitter().write(&file, buffer, begin).await;
                        assert_eq!((written.unwrap() as u64, buffer.len() as u64), (BLOCK, BLOCK));
                    }
                    dispatcher.submitter().sync_data(&file).await.0.unwrap();
                    dispatcher.submitter().sync_all(&file).await.0.unwrap();
                    // More at once than there is room for.
                    let mut reads: Vec<_> = (0..20)
                        .map(|block| {
                            let buffer = AlignedBuf::zeroed(BLOCK as usize);
                            dispatcher.submitter().read(&file, buffer, block * BLOCK)
                        })
                        .collect();
                    for (block, read) in reads.drain(..).enumerate().rev() {
                        let (count, buffer) = read.await;
                        let begin = block as u64 * BLOCK;
                        assert_eq!(count.unwrap() as u64, BLOCK);
                        assert!(*buffer == contents(begin..begin + BLOCK), "block {block}");
                    }
                }
            });
        }
    });
}

#[test]
fn every_operation_has_its_form() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "file", 10 * BLOCK);
        let dispatcher = support::builder().depth(4).workers(1).build().unwrap();
        let (eventfd, block) = (eventfd(), || AlignedBuf::zeroed(BLOCK as usize));
        for file in files(&path) {
            futures::executor::block_on(async {
                let range =
                    dispatcher.submitter().read_range(&file, AlignedBuf::zeroed(1 << 14), 4090, 20);
                let (count, bytes) = range.exact().await;
                assert_eq!((count.unwrap(), &*bytes), (20, &contents(4090..4110)[..]));

                let limited = dispatcher.submitter().read(&file, AlignedBuf::zeroed(1 << 14), 0);
                assert_eq!(limited.limit(BLOCK as usize).await.0.unwrap() as u64, BLOCK);
                let (count, buffer) =
                    dispatcher.submitter().read(&file, block(), 9 * BLOCK).exact().await;
                assert_eq!(count.unwrap() as u64, BLOCK);
                let (past, buffer) =
                    dispatcher.submitter().read(&file, buffer, 10 * BLOCK).exact().await;
                assert_eq!(past.unwrap_err().kind(), ErrorKind::UnexpectedEof);

                let buffers = vec![block(), buffer];
                let (count, buffers) =
                    dispatcher.submitter().read_vectored(&file, buffers, BLOCK).await;
                assert_eq!(count.unwrap() as u64, 2 * BLOCK);
                assert!(*buffers[1] == contents(2 * BLOCK..3 * BLOCK));
                let (count, buffers) =
                    dispatcher.submitter().write_vectored(&file, buffers, BLOCK).await;
                assert_eq!((count.unwrap() as u64, buffers.len()), (2 * BLOCK, 2));
            });
        }
        let (mut poll, task) =
            (dispatcher.submitter().poll(&eventfd, PollEvents::READABLE), Task::new());
        assert!(task.poll(&mut poll).is_pending());
        make_readable(&eventfd);
        let events = futures::executor::block_on(poll).0;
        assert_eq!(PollEvents::from_result(events.unwrap()), PollEvents::READABLE);
    });
}

#[test]
fn the_buffer_comes_back_with_every_error() {
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(0).workers(1).build().unwrap();
        let (result, buffer) =
            futures::executor::block_on(dispatcher.submitter().read(bad_file(), vec![7; 9], 0));
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert_eq!(buffer.len(), 9);

        // One that stands in the line, and others that were not polled before the end.
        let gate = Gate::default();
        let held = gate.clone();
        dispatcher.submit(null_read(&null(), move || held.pass())).unwrap();
        let (task, mut standing) =
            (Task::new(), dispatcher.submitter().write(null(), vec![7; 9], 0));
        assert!(task.poll(&mut standing).is_pending());
        let fresh = dispatcher.submitter().read(null(), vec![7; 9], 0);
        let range = dispatcher.submitter().read_range(null(), vec![7; 9], 1, 5);
        let vectored = dispatcher.submitter().write_vectored(null(), vec![vec![7; 9]], 0);
        let sync = dispatcher.submitter().sync_all(null());
        gate.open();
        dispatcher.shutdown().unwrap();
        assert_eq!(refused(standing), [7; 9]);
        assert_eq!(refused(fresh), [7; 9]);
        assert_eq!(refused(range).into_inner(), [7; 9]);
        assert_eq!(refused(vectored), [[7; 9]]);
        refused(sync);
    });
}

/// The buffer of an operation that is refused because the dispatcher has ended.
fn refused<B: Send + 'static>(operation: IoFuture<B>) -> B {
    let (result, buffer): (io::Result<usize>, B) = futures::executor::block_on(operation);
    let error = result.unwrap_err();
    let kind = error.get_ref().and_then(|source| source.downcast_ref());
    assert_eq!(kind, Some(&Refusal::ShutDown));
    buffer
}

#[test]
fn a_dropped_operation_keeps_its_buffer_until_it_has_ended() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "file", BLOCK);
        for file in files(&path) {
            let dispatcher = support::builder().depth(4).workers(1).build().unwrap();
            let (drops, gate, task) = (Drops::default(), Gate::default(), Task::new());
            let held = gate.clone();
            dispatcher.submit(null_read(&null(), move || held.pass())).unwrap();
            gate.wait_for(1);
            let buffer = || drops.buffer(AlignedBuf::zeroed(BLOCK as usize));
            let mut reads: Vec<_> =
                (0..3).map(|_| dispatcher.submitter().read(&file, buffer(), 0)).collect();
            for read in &mut reads[..2] {
                assert!(task.poll(read).is_pending());
            }
            let forgotten = reads.remove(0);
            std::mem::forget(forgotten);
            drop(reads);
            // The worker is busy: neither has ended, and one was not begun.
            assert_eq!(drops.count(), 1);
            gate.open();
            dispatcher.drain_timeout(HANG).unwrap();
            assert_eq!(drops.count(), 2, "what was forgotten is leaked with its value");
            assert_eq!(dispatcher.stats().finished, 3);
        }
    });
}

#[test]
fn it_is_ready_once() {
    watched(|| {
        let dispatcher = support::builder().depth(4).workers(1).build().unwrap();
        let (task, mut read) = (Task::new(), dispatcher.submitter().read(null(), vec![0; 9], 0));
        assert_eq!(futures::executor::block_on(&mut read).0.unwrap(), 0);
        let again = catch_unwind(AssertUnwindSafe(|| task.poll(&mut read).is_ready()));
        let message = again.unwrap_err();
        assert_eq!(message.downcast_ref(), Some(&"polled again after it was ready"));
    });
}

#[test]
fn operations_have_deadlines() {
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(4).workers(1).build().unwrap();
        let never = eventfd();
        let poll = || dispatcher.submitter().poll(&never, PollEvents::READABLE);
        let late = Instant::now();
        let kinds = futures::executor::block_on(async {
            let polled = poll().start_within(Duration::from_millis(1)).await.0;
            // The first has the one slot.
            let holds = poll().start_within(Duration::from_millis(20));
            let read = dispatcher.submitter().read(null(), vec![7; 16], 0).start_by(late);
            let (holds, (read, buffer)) = futures::future::join(holds, read).await;
            assert_eq!(buffer, [7; 16], "it comes back as it was");
            [polled, read, holds.0].map(|result| result.unwrap_err().kind())
        });
        assert_eq!(kinds, [ErrorKind::TimedOut; 3]);
        dispatcher.drain_timeout(HANG).unwrap();
        assert_eq!(dispatcher.stats().timed_out, 3);
    });
}

#[test]
fn a_poll_that_is_dropped_gives_its_slot_back() {
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(2).workers(1).build().unwrap();
        let (never, task) = (eventfd(), Task::new());
        // As if, of several things that a task waits for, another had come first.
        for _ in 0..10 {
            let mut poll = dispatcher.submitter().poll(&never, PollEvents::READABLE);
            assert!(task.poll(&mut poll).is_pending());
        }
        dispatcher.drain_timeout(HANG).unwrap();
        // Some may have stood in the line still.
        let stats = dispatcher.stats();
        assert!((1..=10).contains(&stats.accepted));
        assert_eq!(stats.cancelled, stats.accepted);
        assert_eq!(Arc::strong_count(&never), 1);
    });
}
