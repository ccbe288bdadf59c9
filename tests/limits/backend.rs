//! Where there is no AIO, threads do the same, if they are asked for or allowed; and which it is,
//! is told.

#![expect(unsafe_code, reason = "forbids a child system calls")]

use std::sync::mpsc;

use reapool::{Backend, BuildErrorKind, Dispatcher, Job, PollEvents};

use crate::support::alone::alone;
use crate::support::child::{in_child, limit};
use crate::support::{
    self, HANG, bad_file, contents, eventfd, known_file, make_readable, null, null_read,
    open_buffered, open_direct, scratch, watched,
};

/// Makes io_setup(2) answer with an error in this process, as policies of containers do.
fn forbid_aio(errno: i32) {
    const ERRNO: u32 = libc::SECCOMP_RET_ERRNO;
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        // The number of the system call: the first field of `seccomp_data`.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ, 0, 1, libc::SYS_io_setup as u32),
        instruction(libc::BPF_RET, 0, 0, ERRNO | errno.cast_unsigned()),
        instruction(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a system call without pointers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the kernel reads the program behind the pointer, and its instructions, all live.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!(set, 0);
}

/// Has operations of all kinds performed.
fn works(dispatcher: &Dispatcher) {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 8192);
    let files = [Some(open_buffered(&path)), open_direct(&path)];
    for file in files.into_iter().flatten() {
        let read =
            Job::read(&file, reapool::AlignedBuf::zeroed(4096), 4096, |done| done.data().to_vec());
        let read = dispatcher.spawn(read).unwrap().join_timeout(HANG).unwrap();
        assert!(read == contents(4096..8192));
        let sync = Job::sync_data(&file, |done| done.result);
        dispatcher.spawn(sync).unwrap().join_timeout(HANG).unwrap().unwrap();
    }
    let eventfd = eventfd();
    let poll = dispatcher.spawn(Job::poll(&eventfd, PollEvents::READABLE, |done| done.result));
    make_readable(&eventfd);
    let events = poll.unwrap().join_timeout(HANG).unwrap().unwrap();
    assert_eq!(PollEvents::from_result(events), PollEvents::READABLE);
    // What only names a file can't be polled.
    let poll = Job::poll(bad_file(), PollEvents::READABLE, |done| done.result);
    let refused = dispatcher.spawn(poll).unwrap().join_timeout(HANG).unwrap();
    assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EBADF));
    dispatcher.spawn(null_read(&null(), || ())).unwrap().join_timeout(HANG).unwrap();
}

#[test]
fn where_aio_is_forbidden_threads_do_if_allowed() {
    let _alone = alone();
    watched(|| {
        for errno in [libc::EPERM, libc::ENOSYS] {
            let mut body = || {
                forbid_aio(errno);
                let error = Dispatcher::builder().build().unwrap_err();
                assert_eq!(error.kind(), BuildErrorKind::Unavailable);
                let text = error.to_string();
                assert!(text.contains("Backend::Automatic"), "{text}");
                for backend in [Backend::Automatic, Backend::BlockingThreads] {
                    let builder = Dispatcher::builder().backend(backend).depth(8).workers(2);
                    let dispatcher = builder.build().unwrap();
                    assert_eq!(dispatcher.backend(), Backend::BlockingThreads);
                    works(&dispatcher);
                    assert_eq!(dispatcher.shutdown().unwrap().panics, 0);
                }
                7
            };
            assert_eq!(in_child(&mut body), Some(7));
        }
    });
}

#[test]
fn where_there_is_aio_it_is_used() {
    let _alone = alone();
    watched(|| {
        for backend in [Backend::Aio, Backend::Automatic] {
            let builder = Dispatcher::builder().backend(backend).depth(8).workers(2);
            let dispatcher = builder.build().unwrap();
            assert_eq!(dispatcher.backend(), Backend::Aio);
            works(&dispatcher);
        }
        assert_eq!(Dispatcher::builder().depth(1).build().unwrap().backend(), Backend::Aio);
    });
}

#[test]
fn a_limit_that_is_used_up_is_not_got_round() {
    let _alone = alone();
    let limit = std::fs::read_to_string("/proc/sys/fs/aio-max-nr").unwrap();
    if limit.trim().parse::<u64>().unwrap() > 1 << 20 {
        return support::skipped("fs.aio-max-nr, which is more than can be asked for");
    }
    let builder = Dispatcher::builder().backend(Backend::Automatic).depth(1 << 20);
    assert_eq!(builder.build().unwrap_err().kind(), BuildErrorKind::AioLimit);
}

fn on_threads(depth: usize) -> Dispatcher {
    let builder = Dispatcher::builder().backend(Backend::BlockingThreads).blocking_threads(1);
    builder.depth(depth).workers(1).build().unwrap()
}

#[test]
fn polls_take_no_threads_and_end_in_any_order() {
    let _alone = alone();
    const POLLS: usize = 50;
    watched(|| {
        let dispatcher = on_threads(64);
        let (sender, receiver) = mpsc::channel();
        let eventfds: Vec<_> = (0..POLLS).map(|_| eventfd()).collect();
        for (number, eventfd) in eventfds.iter().enumerate() {
            let sender = sender.clone();
            let tell = move |_| sender.send(number).unwrap();
            dispatcher.submit(Job::poll(eventfd, PollEvents::READABLE, tell)).unwrap();
        }
        dispatcher.spawn(null_read(&null(), || ())).unwrap().join_timeout(HANG).unwrap();
        let mut order: Vec<_> = (0..POLLS).map(|number| number * 17 % POLLS).collect();
        for &number in &order[..POLLS / 2] {
            make_readable(&eventfds[number]);
            assert_eq!(receiver.recv_timeout(HANG).unwrap(), number);
        }
        for &number in &order[POLLS / 2..] {
            make_readable(&eventfds[number]);
        }
        let mut rest: Vec<_> = receiver.iter().take(POLLS / 2).collect();
        rest.sort_unstable();
        order.drain(..POLLS / 2);
        order.sort_unstable();
        assert_eq!(rest, order);
        assert_eq!(dispatcher.shutdown().unwrap().jobs, POLLS as u64 + 1);
    });
}

#[test]
fn more_polls_than_can_be_waited_for_at_once_take_turns() {
    let _alone = alone();
    watched(|| {
        let mut body = || {
            assert!(limit(libc::RLIMIT_NOFILE, 100));
            let (dispatcher, eventfd) = (on_threads(256), eventfd());
            let poll = |_| Job::poll(&eventfd, PollEvents::READABLE, |_| ());
            dispatcher.submit_batch((0..250).map(poll)).unwrap();
            assert_eq!(dispatcher.stats().in_flight, 99);
            make_readable(&eventfd);
            let report = dispatcher.shutdown().unwrap();
            i32::from((report.jobs, report.failed) == (250, 0))
        };
        assert_eq!(in_child(&mut body), Some(1));
    });
}

#[test]
fn a_shutdown_reaches_a_waiter_that_sleeps() {
    let _alone = alone();
    watched(|| {
        for _ in 0..100 {
            drop(on_threads(4));
            let dispatcher = on_threads(4);
            dispatcher.spawn(null_read(&null(), || ())).unwrap().join_timeout(HANG).unwrap();
            assert_eq!(dispatcher.shutdown().unwrap().jobs, 1);
        }
    });
}
