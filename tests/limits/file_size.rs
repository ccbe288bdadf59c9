//! The limit on the size of files, `RLIMIT_FSIZE`: what is beyond it is told, and who gets the
//! signal that comes with it, `SIGXFSZ`, which ends a process that doesn't expect it.
//!
//! Only a write that begins beyond the limit raises it, in the thread that performs the write: with
//! AIO the thread that submits a direct write. The dispatcher's own threads have it blocked.

#![expect(unsafe_code, reason = "says what a signal does, in children")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc;

use reapool::{AlignedBuf, Completion, Dispatcher, FileHandle, Job};

use crate::support::alone::alone;
use crate::support::child::{exit, first_failure, fork, in_child, limit, signal_of};
use crate::support::{
    self, HANG, Tended, aligned, completion_of, contents, errno, on_threads, open_buffered,
    open_direct, scratch,
};

const BLOCK: u64 = 4096;

/// The thread that the last signal came to.
static TOLD: AtomicI32 = AtomicI32::new(0);

fn this_thread() -> i32 {
    // SAFETY: a system call without pointers.
    unsafe { libc::gettid() }
}

extern "C" fn take_note(_signal: libc::c_int) {
    TOLD.store(this_thread(), Ordering::SeqCst);
}

/// Takes note of the signal from now on.
fn listen() {
    let handler: extern "C" fn(libc::c_int) = take_note;
    // SAFETY: what the handler does may be done in one: a system call and a store.
    unsafe { libc::signal(libc::SIGXFSZ, handler as libc::sighandler_t) };
}

fn dispatcher() -> Tended {
    Tended::new(support::builder().depth(4).workers(1))
}

fn buffer(offset: u64, len: u64) -> AlignedBuf {
    aligned(&contents(offset..offset + len))
}

fn write(on: &Dispatcher, file: &FileHandle, offset: u64, exact: bool) -> Completion<AlignedBuf> {
    completion_of(&on.submitter(), |callback| {
        let job = Job::write(file, buffer(offset, 4 * BLOCK), offset, callback);
        if exact { job.exact() } else { job }
    })
}

fn told<B>(done: &Completion<B>) -> Result<usize, i32> {
    done.result.as_ref().copied().map_err(|error| error.raw_os_error().unwrap())
}

type Open = fn(&Path) -> Option<FileHandle>;
/// What is told of a write that isn't exact, and of one that is.
type Results = [Result<usize, i32>; 2];

/// Writes what straddles a limit and what is beyond it. Returns what was told of the former.
fn straddle(file: &FileHandle, most: u64, exact: bool) -> Option<(Result<usize, i32>, usize)> {
    listen();
    let limited = limit(libc::RLIMIT_FSIZE, most);
    let dispatcher = dispatcher();
    let done = write(&dispatcher, file, BLOCK, exact);
    let silent = exact || TOLD.load(Ordering::SeqCst) == 0;
    let beyond = write(&dispatcher, file, 4 * BLOCK, exact);
    let refused = told(&beyond) == Err(libc::EFBIG) && beyond.transferred == 0;
    dispatcher.quiesce();
    let ends = dispatcher.stats().finished == 2;
    (limited && silent && refused && ends).then(|| (told(&done), done.transferred))
}

#[test]
fn what_straddles_the_limit_is_written_up_to_it() {
    let (_alone, directory) = (alone(), scratch());
    const PART: usize = 10_000 - BLOCK as usize;
    let table: [(Open, u64, Results, usize); 4] = [
        (|path| Some(open_buffered(path)), 8192, [Ok(4096), Err(libc::EFBIG)], 4096),
        (|path| Some(open_buffered(path)), 10_000, [Ok(PART), Err(libc::EFBIG)], PART),
        (open_direct, 8192, [Ok(4096), Err(libc::EFBIG)], 4096),
        // What would be left of it isn't aligned any more.
        (open_direct, 10_000, [Err(libc::EINVAL); 2], 0),
    ];
    for (number, (open, most, results, transferred)) in table.into_iter().enumerate() {
        for (exact, result) in [false, true].into_iter().zip(results) {
            let path = directory.path().join(format!("{number} {exact}"));
            fs::write(&path, contents(0..BLOCK)).unwrap();
            let Some(file) = open(&path) else { continue };
            let expected = Some((result, transferred));
            let mut body = || i32::from(straddle(&file, most, exact) == expected);
            assert_eq!(in_child(&mut body), Some(1), "limit of {most}, {number}, exact: {exact}");
            let found = fs::read(&path).unwrap();
            assert!(found == contents(0..BLOCK + transferred as u64), "{number}, exact: {exact}");
        }
    }
}

#[test]
fn a_limit_on_file_sizes_is_told_with_what_was_written() {
    let (_alone, directory) = (alone(), scratch());
    let path = directory.path().join("limited");
    let mut limited = || {
        // SAFETY: to ignore a signal runs nothing.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        let ready = limit(libc::RLIMIT_FSIZE, 10_000);
        let (dispatcher, file) = (dispatcher(), open_buffered(&path));
        let done = completion_of(&dispatcher.submitter(), |callback| {
            Job::write(&file, contents(0..30_000), 0, callback).exact()
        });
        let told = errno(&done) == Some(libc::EFBIG);
        first_failure(&[ready, told, done.transferred == 10_000])
    };
    assert_eq!(in_child(&mut limited), Some(0));
    assert!(fs::read(&path).unwrap() == contents(0..10_000));
}

#[test]
fn a_caller_that_submits_a_direct_write_gets_the_signal() {
    let (_alone, directory) = (alone(), scratch());
    let Some(file) = open_direct(&directory.path().join("direct")) else { return };
    let code = in_child(&mut || {
        listen();
        let limited = limit(libc::RLIMIT_FSIZE, BLOCK);
        let dispatcher = dispatcher();
        let done = write(&dispatcher, &file, BLOCK, false);
        let who = if on_threads() { 0 } else { this_thread() };
        let checks = [limited, told(&done) == Err(libc::EFBIG), TOLD.load(Ordering::SeqCst) == who];
        first_failure(&checks)
    });
    assert_eq!(code, Some(0));
}

#[test]
fn the_dispatchers_own_threads_get_none() {
    let (_alone, directory) = (alone(), scratch());
    let path = directory.path().join("file");
    let direct = open_direct(&path);
    let code = in_child(&mut || {
        listen();
        let limited = limit(libc::RLIMIT_FSIZE, BLOCK);
        let dispatcher = dispatcher();
        // By a blocking thread.
        let done = write(&dispatcher, &open_buffered(&path), BLOCK, false);
        let mut checks = vec![limited, told(&done) == Err(libc::EFBIG)];
        let Some(direct) = &direct else { return first_failure(&checks) };
        // By a worker.
        let (submitter, file) = (dispatcher.submitter(), direct.clone());
        let (sender, receiver) = mpsc::channel();
        let carry_on = move || {
            let job = Job::write(file, buffer(BLOCK, BLOCK), BLOCK, move |done| {
                sender.send(told(&done)).unwrap();
            });
            submitter.submit(job).unwrap();
        };
        dispatcher.submit(Job::nop(carry_on)).unwrap();
        checks.push(receiver.recv_timeout(HANG) == Ok(Err(libc::EFBIG)));
        // The rest of what the caller submitted is the worker's.
        let done = write(&dispatcher, direct, 0, true);
        checks.extend([told(&done) == Err(libc::EFBIG), done.transferred == BLOCK as usize]);
        // It waits for them, and is gone with them.
        dispatcher.quiesce();
        drop(dispatcher);
        checks.push(TOLD.load(Ordering::SeqCst) == 0);
        first_failure(&checks)
    });
    assert_eq!(code, Some(0));
}

/// Writes beyond the limit in a child that says nothing of the signal. By which it ended, if by
/// one.
fn unprepared(file: &FileHandle) -> Option<i32> {
    let child = fork();
    if child == 0 {
        limit(libc::RLIMIT_FSIZE, BLOCK);
        let core = limit(libc::RLIMIT_CORE, 0);
        let done = write(&dispatcher(), file, BLOCK, false);
        exit(i32::from(!core || told(&done) != Err(libc::EFBIG)));
    }
    signal_of(child)
}

#[test]
fn who_does_not_expect_the_signal_ends_by_it() {
    let (_alone, directory) = (alone(), scratch());
    let path = directory.path().join("file");
    assert_eq!(unprepared(&open_buffered(&path)), None, "a thread performs it");
    let Some(direct) = open_direct(&path) else { return };
    let expected = (!on_threads()).then_some(libc::SIGXFSZ);
    assert_eq!(unprepared(&direct), expected);
}
