//! Pipes and sockets are never waited for inside a submission: who would wait is told `EAGAIN`, and
//! polls first.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

use reapool::{Completion, FileHandle, Job, PollEvents};

use crate::support::{self, HANG, watched};

/// Errors of a stream that has nothing: that it would block, or, from kernels that can't tell for
/// this kind of file, that it isn't supported.
fn would_wait(result: &io::Result<usize>) -> bool {
    let errno = result.as_ref().err().and_then(io::Error::raw_os_error);
    matches!(errno, Some(libc::EAGAIN | libc::EOPNOTSUPP))
}

fn pipe() -> (FileHandle, io::PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    (FileHandle::from(OwnedFd::from(reader)), writer)
}

#[test]
fn nobody_waits_for_a_pipe_or_socket_that_has_nothing() {
    watched(|| {
        let dispatcher = support::builder().workers(1).build().unwrap();
        let (socket, _other_end) = UnixStream::pair().unwrap();
        let (pipe, _writer) = pipe();
        for file in [pipe, FileHandle::from(OwnedFd::from(socket))] {
            let read = dispatcher.spawn(Job::read(&file, vec![0; 10], 0, |done| done.result));
            assert!(would_wait(&read.unwrap().join_timeout(HANG).unwrap()));
        }
    });
}

#[test]
fn what_a_poll_announced_is_read() {
    watched(|| {
        let dispatcher = support::builder().workers(1).build().unwrap();
        let (file, mut writer) = pipe();
        let (submitter, (sender, receiver)) = (dispatcher.submitter(), mpsc::channel());
        let read = move |done: Completion<()>| {
            let events = PollEvents::from_result(done.result.unwrap());
            assert!(events.contains(PollEvents::READABLE));
            let tell = move |done: Completion<Vec<u8>>| sender.send(done.buffer).unwrap();
            submitter.submit(Job::read(done.file, vec![0; 10], 0, tell)).unwrap();
        };
        dispatcher.submit(Job::poll(&file, PollEvents::READABLE, read)).unwrap();
        writer.write_all(b"news").unwrap();
        assert_eq!(receiver.recv_timeout(HANG).unwrap(), b"news");
        assert_eq!(dispatcher.shutdown().unwrap().panics, 0);
    });
}

#[test]
fn a_reader_does_not_hold_up_its_writer() {
    watched(|| {
        let dispatcher = support::builder().depth(4).workers(1).build().unwrap();
        let (file, writer) = pipe();
        let writer = FileHandle::from(OwnedFd::from(writer));
        // Both from one callback, so that they go to the kernel together, the reader first.
        let submitter = dispatcher.submitter();
        let both = move |_: Completion<Vec<u8>>| {
            let read = Job::read(&file, vec![0; 10], 0, |_| ());
            let write =
                Job::write(&writer, vec![1; 10], 0, |done| assert_eq!(done.result.unwrap(), 10));
            submitter.submit_batch([read, write]).unwrap();
        };
        dispatcher.submit(Job::read(support::null(), Vec::new(), 0, both)).unwrap();
        dispatcher.drain_timeout(HANG).unwrap();
        assert_eq!(dispatcher.shutdown().unwrap().jobs, 3);
    });
}

#[test]
fn a_stream_that_never_waits_is_read_and_written() {
    watched(|| {
        let dispatcher = support::builder().workers(1).build().unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        there.set_nonblocking(true).unwrap();
        let ends = [here, there].map(|end| FileHandle::from(OwnedFd::from(end)));
        for _ in 0..2 {
            let write = Job::write(&ends[0], b"news".to_vec(), 0, |done| done.result);
            let written = dispatcher.spawn(write).unwrap().join_timeout(HANG).unwrap();
            assert_eq!(written.unwrap(), 4);
            let read = Job::read(&ends[1], vec![0; 10], 0, |done| (done.result, done.buffer));
            let (count, buffer) = dispatcher.spawn(read).unwrap().join_timeout(HANG).unwrap();
            assert_eq!((count.unwrap(), buffer.as_slice()), (4, &b"news"[..]));
            let read = Job::read(&ends[1], vec![0; 10], 0, |done| done.result);
            assert!(would_wait(&dispatcher.spawn(read).unwrap().join_timeout(HANG).unwrap()));
        }
    });
}
