//! What a process may have is used up: descriptors, addresses, threads. What can't be had is an
//! error that says so, nothing is left behind or lost, and all works again when there is enough.

#![expect(unsafe_code, reason = "becomes another user in a child")]

use std::error::Error;
use std::fs::File;
use std::io;

use reapool::{
    Backend, BuildError, BuildErrorKind, Builder, Dispatcher, FileErrorKind, FileHandle, Job,
    PollEvents,
};

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child, limit};
use crate::support::files::{POLICIES, copied, files_of, modest};
use crate::support::proc::mapped;
use crate::support::{
    self, HANG, Tended, contents, eventfd, eventually, known_file, make_readable, open_buffered,
    proc, scratch, skipped,
};

const MIB: u64 = 1 << 20;

fn errno(error: &BuildError) -> Option<i32> {
    error.source()?.downcast_ref::<io::Error>()?.raw_os_error()
}

/// Whether nothing of a dispatcher is there any more, or will soon be.
fn nothing_is_left() -> bool {
    eventually("it is gone", || proc::contexts() == 0 && proc::threads().is_empty());
    true
}

/// Whether a dispatcher that is built now does what it is asked to.
fn works_now() -> bool {
    let dispatcher = Tended::new(support::builder().depth(8).workers(2));
    let sum = dispatcher.spawn(Job::nop(|| 2 + 2)).unwrap();
    sum.join_timeout(HANG).unwrap() == 4
}

#[test]
fn without_descriptors_nothing_is_built() {
    let _alone = alone();
    let builds: [fn() -> Result<(), BuildError>; 4] = [
        || Dispatcher::builder().build().map(drop),
        || Dispatcher::builder().backend(Backend::Automatic).build().map(drop),
        || Dispatcher::builder().backend(Backend::BlockingThreads).build().map(drop),
        || Dispatcher::builder().build_loop().map(drop),
    ];
    for (number, build) in builds.into_iter().enumerate() {
        let code = in_child(&mut || {
            let limited = limit(libc::RLIMIT_NOFILE, 64);
            let mut taken = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                taken.push(file);
            }
            let error = build().unwrap_err();
            let told = (error.kind(), errno(&error));
            drop(taken);
            let expected = (BuildErrorKind::Other, Some(libc::EMFILE));
            first_failure(&[limited, told == expected, nothing_is_left(), works_now()])
        });
        assert_eq!(code, Some(0), "number {number}");
    }
}

/// Builds with so many bytes of addresses to spare: what kind of failure it is, if it is one.
fn build_within(bytes: u64, builder: Builder) -> Option<BuildErrorKind> {
    assert!(limit(libc::RLIMIT_AS, mapped() + bytes));
    let built = builder.build();
    assert!(limit(libc::RLIMIT_AS, libc::RLIM_INFINITY));
    built.err().map(|error| error.kind())
}

#[test]
fn a_depth_for_which_there_is_no_memory_is_refused_or_shrunk() {
    let _alone = alone();
    let code = in_child(&mut || {
        let builder = || Dispatcher::builder().backend(Backend::BlockingThreads).depth(1 << 20);
        let refused = [0, 16, 64, 100, 120].map(|mib| {
            build_within(mib * MIB, builder().workers(1)) == Some(BuildErrorKind::TooLarge)
        });
        let refused = refused.iter().all(|&refused| refused) && nothing_is_left();
        assert!(limit(libc::RLIMIT_AS, mapped() + 64 * MIB));
        let dispatcher = builder().workers(1).shrink_depth(true).build().unwrap();
        let depth = dispatcher.depth();
        let value = dispatcher.spawn(Job::nop(|| 5)).unwrap().join_timeout(HANG).unwrap();
        first_failure(&[refused, (1 << 10..1 << 20).contains(&depth), value == 5])
    });
    assert_eq!(code, Some(0));
}

#[test]
fn threads_need_nothing_more_once_a_dispatcher_is_built() {
    let _alone = alone();
    let code = in_child(&mut || {
        let all = (0..50).all(|_| {
            let dispatcher = Tended::new(support::builder().depth(8).workers(8));
            // One that comes now finds no room for the stack of its signal handlers: Rust aborts.
            let limited = limit(libc::RLIMIT_AS, mapped());
            let asleep = || proc::threads().iter().all(|(task, _)| proc::is_asleep(task));
            eventually("all threads run and wait", || proc::threads().len() == 9 && asleep());
            let allowed = limit(libc::RLIMIT_AS, libc::RLIM_INFINITY);
            drop(dispatcher);
            limited && allowed && nothing_is_left()
        });
        first_failure(&[all])
    });
    assert_eq!(code, Some(0));
}

/// Makes this process another user's, of whom it is the only one: root may have threads in spite of
/// every limit.
fn become_another() -> bool {
    // SAFETY: takes a number from nowhere.
    let user = 1_000_000 + unsafe { libc::getpid() }.cast_unsigned();
    // SAFETY: takes three numbers.
    unsafe { libc::setresuid(user, user, user) == 0 }
}

/// Whether another user can be become.
fn is_root() -> bool {
    // SAFETY: takes nothing.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        skipped("a limit on threads: it takes root to become somebody who has none");
    }
    root
}

#[test]
fn where_no_more_threads_are_allowed_nothing_is_built() {
    let _alone = alone();
    if !is_root() {
        return;
    }
    let others = ["aio-reaper", "aio-worker-0", "aio-worker-1", "aio-worker-2"];
    for (threads, name) in (1..).zip(others) {
        let code = in_child(&mut || {
            let limited = become_another() && limit(libc::RLIMIT_NPROC, threads);
            let error = support::builder().depth(8).workers(3).build().unwrap_err();
            let told = (error.kind(), errno(&error));
            let named = error.to_string().contains(name);
            let gone = nothing_is_left();
            let allowed = limit(libc::RLIMIT_NPROC, u64::MAX);
            let expected = (BuildErrorKind::Thread, Some(libc::EAGAIN));
            first_failure(&[limited, told == expected, named, gone, allowed, works_now()])
        });
        assert_eq!(code, Some(0), "room for {threads} threads");
    }
}

/// Submits reads and writes of a buffered file and blocking work at once, and returns how many of
/// these were done, of 30.
fn mixed(dispatcher: &Dispatcher, file: &FileHandle) -> usize {
    let known = contents(0..4096);
    let handles: Vec<_> = (0..30)
        .map(|number| match number % 3 {
            0 => Job::write(file, known.clone(), 0, |done| done.result.map(|_| ())),
            1 => Job::read(file, vec![0; 4096], 0, |done| {
                assert!(done.result.is_err() || done.data() == contents(0..4096));
                done.result.map(|_| ())
            }),
            _ => Job::blocking(|| (), Ok),
        })
        .map(|job| dispatcher.spawn(job).unwrap())
        .collect();
    let results = handles.into_iter().map(|handle| handle.join_timeout(HANG).unwrap());
    results.filter(Result::is_ok).count()
}

#[test]
fn where_no_more_threads_are_allowed_jobs_end_nevertheless() {
    let (_alone, directory) = (alone(), scratch());
    let path = known_file(directory.path(), "known", 4096);
    let file = open_buffered(&path);
    if !is_root() {
        return;
    }
    let code = in_child(&mut || {
        let dispatcher = Tended::new(support::builder().depth(8).backlog(64).workers(1));
        let forbidden = become_another() && limit(libc::RLIMIT_NPROC, 0);
        // A worker does the work, and the thread that submits waits for the transfers.
        let all_done = mixed(&dispatcher, &file) == 30;
        let none = dispatcher.stats().blocking_threads == 0;
        let allowed = limit(libc::RLIMIT_NPROC, u64::MAX);
        let after = mixed(&dispatcher, &file);
        first_failure(&[forbidden, all_done, none, allowed, after == 30])
    });
    assert_eq!(code, Some(0));
}

#[test]
fn what_needs_a_thread_goes_on_without_one_beside_a_poll() {
    let (_alone, directory) = (alone(), scratch());
    let file = open_buffered(&known_file(directory.path(), "known", 4096));
    if !is_root() {
        return;
    }
    let code = in_child(&mut || {
        let dispatcher = Tended::new(support::builder().depth(8).workers(1));
        let (event, readable) = (eventfd(), PollEvents::READABLE);
        let poll = dispatcher.spawn(Job::poll(&event, readable, |done| done.result)).unwrap();
        let forbidden = become_another() && limit(libc::RLIMIT_NPROC, 0);
        let write = Job::write(&file, contents(0..4096), 0, |done| done.result);
        let write = dispatcher.spawn(write).unwrap();
        let written = write.join_timeout(HANG).unwrap().is_ok_and(|count| count == 4096);
        let allowed = limit(libc::RLIMIT_NPROC, u64::MAX);
        make_readable(&event);
        let polled = poll.join_timeout(HANG).unwrap().is_ok();
        first_failure(&[forbidden, written, allowed, polled])
    });
    assert_eq!(code, Some(0));
}

#[test]
fn polls_are_waited_for_when_fewer_descriptors_are_allowed_than_there_are() {
    let _alone = alone();
    let code = in_child(&mut || {
        let builder = Dispatcher::builder().backend(Backend::BlockingThreads);
        let dispatcher = Tended::new(builder.depth(64).workers(1));
        let eventfds: Vec<_> = (0..40).map(|_| eventfd()).collect();
        let poll = |event| {
            let job = Job::poll(event, PollEvents::READABLE, |done| done.result.is_ok());
            dispatcher.spawn(job).unwrap()
        };
        let polls: Vec<_> = eventfds.iter().map(poll).collect();
        let limited = limit(libc::RLIMIT_NOFILE, 10);
        // The last first: they are in other parts of the list.
        let polls = eventfds.iter().zip(polls).rev();
        let all = polls.map(|(event, poll)| {
            make_readable(event);
            poll.join_timeout(HANG).unwrap()
        });
        let all = all.filter(|&ready| ready).count() == 40;
        first_failure(&[limited, all, dispatcher.stats().reap_errors == 0])
    });
    assert_eq!(code, Some(0));
}

#[test]
fn files_for_which_there_is_no_memory_have_an_error_each() {
    let (_alone, directory) = (alone(), scratch());
    let paths = files_of(directory.path(), &[100, 5000, 70_000, 300_000].repeat(10));
    for policy in POLICIES {
        let code = in_child(&mut || {
            let dispatcher = Tended::new(support::builder().depth(32).workers(2));
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            // Enough for what Rust would abort without, and too little for buffers and for threads.
            let limited = limit(libc::RLIMIT_AS, mapped() + MIB);
            let outcomes: Vec<_> = copied(&files, paths.clone()).collect();
            let allowed = limit(libc::RLIMIT_AS, libc::RLIM_INFINITY);
            let told = outcomes.iter().all(|outcome| {
                outcome.as_ref().is_err_and(|error| {
                    let source = error.source.kind();
                    (error.kind(), source) == (FileErrorKind::Io, io::ErrorKind::OutOfMemory)
                })
            });
            let after = copied(&files, paths.clone()).filter(Result::is_ok).count();
            first_failure(&[limited, allowed, outcomes.len() == 40, told, after == 40])
        });
        assert_eq!(code, Some(0), "{policy:?}");
    }
}
