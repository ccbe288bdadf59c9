//! Readiness as a job, next to jobs on files: of whatever can be polled, once for each job, and
//! never missed.

#![expect(unsafe_code, reason = "makes a timer and sends urgent data")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use reapool::{Completion, DrainError, FileHandle, Job, JobHandle, PollEvents, Refusal, Submitter};

use crate::support::readiness::{Epoll, Trigger};
use crate::support::{
    self, HANG, Tended, bad_file, byte_at, completion_of, contents, eventfd, known_file,
    make_readable, null, null_read, open_buffered, scale, scratch, watched,
};

fn dispatcher(depth: usize) -> Tended {
    Tended::new(support::builder().depth(depth).backlog(depth).workers(2))
}

fn poll(dispatcher: &Submitter, file: &FileHandle, events: PollEvents) -> JobHandle<PollEvents> {
    let events_of = |done: Completion<()>| PollEvents::from_result(done.result.unwrap());
    dispatcher.spawn(Job::poll(file, events, events_of)).unwrap()
}

fn end(poll: JobHandle<PollEvents>) -> PollEvents {
    poll.join_timeout(HANG).unwrap()
}

/// Whether a poll has not ended after jobs have that were submitted later.
fn is_pending<T>(dispatcher: &Submitter, poll: &JobHandle<T>) -> bool {
    dispatcher.spawn(null_read(&null(), || ())).unwrap().join_timeout(HANG).unwrap();
    !poll.is_finished()
}

fn handle(fd: impl Into<OwnedFd>) -> FileHandle {
    FileHandle::from(fd.into())
}

#[test]
fn a_pipe_is_readable_when_there_is_something_and_writable_when_there_is_room() {
    watched(|| {
        let dispatcher = dispatcher(8);
        let (mut reader, mut writer) = io::pipe().unwrap();
        let (read_end, write_end) =
            (handle(reader.try_clone().unwrap()), handle(writer.try_clone().unwrap()));
        let readable = poll(&dispatcher.submitter(), &read_end, PollEvents::READABLE);
        assert!(is_pending(&dispatcher.submitter(), &readable));
        assert_eq!(
            end(poll(&dispatcher.submitter(), &write_end, PollEvents::WRITABLE)),
            PollEvents::WRITABLE
        );
        writer.write_all(b"news").unwrap();
        assert_eq!(end(readable), PollEvents::READABLE);
        // It is the state that ends a poll, not the change.
        assert_eq!(
            end(poll(&dispatcher.submitter(), &read_end, PollEvents::READABLE)),
            PollEvents::READABLE
        );

        // SAFETY: a system call without pointers.
        let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETPIPE_SZ) } as usize;
        writer.write_all(&vec![0; size - 4096]).unwrap();
        let writable = poll(&dispatcher.submitter(), &write_end, PollEvents::WRITABLE);
        assert!(is_pending(&dispatcher.submitter(), &writable));
        reader.read_exact(&mut vec![0; size - 4092]).unwrap();
        assert_eq!(end(writable), PollEvents::WRITABLE);
    });
}

#[test]
fn errors_and_hang_ups_end_polls_that_did_not_ask_for_them() {
    watched(|| {
        let dispatcher = dispatcher(8);
        // Before the poll is submitted, and while it waits.
        for early in [true, false] {
            let (reader, writer) = io::pipe().unwrap();
            let mut writer = Some(writer);
            if early {
                writer = None;
            }
            let hang_up = poll(&dispatcher.submitter(), &handle(reader), PollEvents::READABLE);
            assert!(early || is_pending(&dispatcher.submitter(), &hang_up));
            drop(writer);
            assert_eq!(end(hang_up), PollEvents::HANG_UP, "early: {early}");

            let (reader, writer) = io::pipe().unwrap();
            let mut reader = Some(reader);
            if early {
                reader = None;
            }
            let error = poll(&dispatcher.submitter(), &handle(writer), PollEvents::PRIORITY);
            assert!(early || is_pending(&dispatcher.submitter(), &error));
            drop(reader);
            assert_eq!(end(error), PollEvents::ERROR, "early: {early}");
        }
    });
}

#[test]
fn a_socket_tells_apart_who_has_gone_and_who_only_says_no_more() {
    watched(|| {
        let dispatcher = dispatcher(8);
        let (here, there) = UnixStream::pair().unwrap();
        let file = handle(here);
        let half = poll(&dispatcher.submitter(), &file, PollEvents::READ_HANG_UP);
        assert!(is_pending(&dispatcher.submitter(), &half));
        there.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(end(half), PollEvents::READ_HANG_UP);
        let all = PollEvents::READABLE | PollEvents::WRITABLE | PollEvents::READ_HANG_UP;
        assert_eq!(end(poll(&dispatcher.submitter(), &file, all)), all);
        drop(there);
        assert_eq!(end(poll(&dispatcher.submitter(), &file, all)), all | PollEvents::HANG_UP);
    });
}

#[test]
fn a_listener_is_readable_when_somebody_comes_and_a_stream_has_priority_data() {
    watched(|| {
        let dispatcher = dispatcher(8);
        let Ok(listener) = TcpListener::bind("127.0.0.1:0") else {
            return support::skipped("polls of TCP sockets: there is no loopback interface");
        };
        let arrival = handle(listener.try_clone().unwrap());
        let arrival = poll(&dispatcher.submitter(), &arrival, PollEvents::READABLE);
        assert!(is_pending(&dispatcher.submitter(), &arrival));
        let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(end(arrival), PollEvents::READABLE);

        let here = handle(listener.accept().unwrap().0);
        let urgent = poll(&dispatcher.submitter(), &here, PollEvents::PRIORITY);
        assert!(is_pending(&dispatcher.submitter(), &urgent));
        // SAFETY: the kernel reads one byte through the pointer, which is to a static one.
        let sent = unsafe { libc::send(there.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
        assert_eq!(sent, 1);
        assert_eq!(end(urgent), PollEvents::PRIORITY);
    });
}

#[test]
fn a_timer_is_a_job_too() {
    watched(|| {
        let dispatcher = dispatcher(8);
        // SAFETY: no pointers are passed; the result is checked.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
        assert!(fd >= 0);
        // SAFETY: fresh from the kernel, and nobody else's.
        let mut timer = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        let file = handle(timer.try_clone().unwrap());
        let expiry = poll(&dispatcher.submitter(), &file, PollEvents::READABLE);
        assert!(is_pending(&dispatcher.submitter(), &expiry), "it has not been set");
        let once = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let time = libc::itimerspec { it_interval: never, it_value: once };
        // SAFETY: the kernel reads the time through the pointer, which is to a live local.
        let set = unsafe {
            libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const time, std::ptr::null_mut())
        };
        assert_eq!(set, 0);
        assert_eq!(end(expiry), PollEvents::READABLE);
        let mut expirations = [0; 8];
        timer.read_exact(&mut expirations).unwrap();
        assert_eq!(u64::from_ne_bytes(expirations), 1);
    });
}

#[test]
fn what_is_never_waited_for_is_ready_at_once() {
    let dispatcher = dispatcher(8);
    let directory = scratch();
    let file = open_buffered(&known_file(directory.path(), "file", 10));
    let both = PollEvents::READABLE | PollEvents::WRITABLE;
    for file in [file, null()] {
        assert_eq!(end(poll(&dispatcher.submitter(), &file, both)), both);
        assert_eq!(
            end(poll(&dispatcher.submitter(), &file, PollEvents::READABLE)),
            PollEvents::READABLE
        );
    }
}

#[test]
fn what_only_names_a_file_is_refused_in_the_callback() {
    let dispatcher = dispatcher(8);
    let done = completion_of(&dispatcher.submitter(), |callback| {
        Job::poll(bad_file(), PollEvents::READABLE, callback)
    });
    assert_eq!(done.result.unwrap_err().raw_os_error(), Some(libc::EBADF));
}

#[test]
fn a_poll_keeps_its_file_open() {
    watched(|| {
        let dispatcher = dispatcher(8);
        let (reader, mut writer) = io::pipe().unwrap();
        // The job's is the only handle on it.
        let readable = poll(&dispatcher.submitter(), &handle(reader), PollEvents::READABLE);
        assert!(is_pending(&dispatcher.submitter(), &readable));
        writer.write_all(b"news").unwrap();
        assert_eq!(end(readable), PollEvents::READABLE);
        // With its callback the last handle has gone, and the other end hears of it.
        let error = poll(&dispatcher.submitter(), &handle(writer), PollEvents::PRIORITY);
        assert_eq!(end(error), PollEvents::ERROR);
    });
}

#[test]
fn one_poll_is_enough_for_all_that_an_epoll_instance_watches() {
    watched(|| {
        let dispatcher = dispatcher(2);
        let eventfds: Vec<_> = (0..10).map(|_| eventfd()).collect();
        let epoll = Arc::new(Epoll::of(eventfds[0].as_fd(), Trigger::Level));
        for (number, eventfd) in (1..).zip(&eventfds[1..]) {
            epoll.add(eventfd.as_fd(), Trigger::Level, number);
        }
        let file = FileHandle::from(&epoll);
        for number in [3, 9, 0] {
            let readable = poll(&dispatcher.submitter(), &file, PollEvents::READABLE);
            assert!(is_pending(&dispatcher.submitter(), &readable));
            make_readable(&eventfds[number]);
            assert_eq!(end(readable), PollEvents::READABLE);
            assert_eq!(epoll.wait(), number as u64);
            (&*eventfds[number]).read_exact(&mut [0; 8]).unwrap();
        }
    });
}

#[test]
fn all_who_poll_the_same_are_told() {
    watched(|| {
        let dispatcher = dispatcher(32);
        let eventfd = eventfd();
        let file = FileHandle::from(&eventfd);
        let polls: Vec<_> =
            (0..20).map(|_| poll(&dispatcher.submitter(), &file, PollEvents::READABLE)).collect();
        assert!(polls.iter().all(|poll| is_pending(&dispatcher.submitter(), poll)));
        make_readable(&eventfd);
        assert!(polls.into_iter().all(|poll| end(poll) == PollEvents::READABLE));
    });
}

#[test]
fn an_event_is_not_missed_whenever_it_comes() {
    let rounds = 5_000 / scale();
    watched(move || {
        let dispatcher = dispatcher(8);
        for _ in 0..rounds {
            let eventfd = eventfd();
            let other = Arc::clone(&eventfd);
            let writer = thread::spawn(move || make_readable(&other));
            // Before, while or after it is submitted.
            assert_eq!(
                end(poll(
                    &dispatcher.submitter(),
                    &FileHandle::from(eventfd),
                    PollEvents::READABLE
                )),
                PollEvents::READABLE
            );
            writer.join().unwrap();
        }
    });
}

#[test]
fn waiting_for_the_dispatcher_includes_polls() {
    watched(|| {
        let dispatcher = dispatcher(8);
        let eventfd = eventfd();
        let pending =
            poll(&dispatcher.submitter(), &FileHandle::from(&eventfd), PollEvents::READABLE);
        let limit = Duration::from_millis(1);
        assert_eq!(dispatcher.drain_timeout(limit), Err(DrainError::TimedOut));
        assert!(!pending.is_finished());
        make_readable(&eventfd);
        dispatcher.quiesce();
        assert!(pending.is_finished());
    });
}

#[test]
fn polls_take_slots_and_leave_the_others_to_files() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(4).backlog(1).workers(2));
        let directory = scratch();
        let file = open_buffered(&known_file(directory.path(), "file", 1 << 16));
        let eventfd = eventfd();
        let ready = FileHandle::from(&eventfd);
        let mut polls: Vec<_> =
            (0..3).map(|_| poll(&dispatcher.submitter(), &ready, PollEvents::READABLE)).collect();
        for block in 0..100 {
            let job = Job::read(&file, vec![0; 512], block * 512, |done| done.buffer);
            let buffer = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
            assert_eq!(buffer, contents(block * 512..(block + 1) * 512));
        }
        // With a poll in every slot, a file has to wait.
        polls.push(poll(&dispatcher.submitter(), &ready, PollEvents::READABLE));
        let read = Job::read(&file, vec![0; 1], 7, |done| done.buffer[0]);
        let read = dispatcher.spawn(read).unwrap();
        let refused = dispatcher.try_submit(null_read(&null(), || ())).unwrap_err();
        assert_eq!(refused.kind(), Refusal::Full);
        assert!(!read.is_finished());
        make_readable(&eventfd);
        assert_eq!(read.join_timeout(HANG).unwrap(), byte_at(7));
        assert!(polls.into_iter().all(|poll| end(poll) == PollEvents::READABLE));
    });
}

/// Goes through a pipe: polls, reads what there is, and polls again, until its end.
fn follow(submitter: Submitter, pipe: FileHandle, mut all: Vec<u8>, tell: mpsc::Sender<Vec<u8>>) {
    let other = submitter.clone();
    let read = move |done: Completion<()>| {
        let events = PollEvents::from_result(done.result.unwrap());
        assert!(events.contains(PollEvents::READABLE) || events.contains(PollEvents::HANG_UP));
        // Not through the kernel's AIO, as some kernels can't do that without waiting.
        let mut pipe = File::from(done.file.as_fd().try_clone_to_owned().unwrap());
        let mut piece = [0; 1000];
        match pipe.read(&mut piece).unwrap() {
            0 => tell.send(all).unwrap(),
            count => {
                all.extend_from_slice(&piece[..count]);
                follow(submitter, done.file, all, tell);
            }
        }
    };
    other.submit(Job::poll(&pipe, PollEvents::READABLE, read)).unwrap();
}

#[test]
fn a_stream_is_followed_to_its_end_while_files_are_read() {
    let len = 200_000 / scale() as u64;
    watched(move || {
        let dispatcher = dispatcher(16);
        let (reader, mut writer) = io::pipe().unwrap();
        let (sender, receiver) = mpsc::channel();
        follow(dispatcher.submitter(), handle(reader), Vec::new(), sender);
        let bytes = contents(0..len);
        let other = thread::spawn(move || {
            // In pieces of all sizes.
            let (mut rest, mut size) = (bytes.as_slice(), 1);
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(size.min(rest.len()));
                writer.write_all(piece).unwrap();
                (rest, size) = (others, size % 3000 + 17);
            }
        });
        let null = null();
        for _ in 0..1000 {
            dispatcher.spawn(null_read(&null, || ())).unwrap().join_timeout(HANG).unwrap();
        }
        other.join().unwrap();
        assert_eq!(receiver.recv_timeout(HANG).unwrap(), contents(0..len));
    });
}
