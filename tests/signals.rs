//! A storm of signals at the process and at each of its threads loses no job and doubles none.

#![expect(unsafe_code, reason = "installs a signal handler and sends signals")]

mod util;

use std::mem::MaybeUninit;
use std::process;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread;

use reapool::{Dispatcher, Submitter};
use util::{HANG, eventually, null, null_read, proc, watched};

const JOBS: usize = 100_000 / util::SCALE;

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handle(_signal: libc::c_int) {
    // An atomic addition is all that happens here, which a handler may do.
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

/// Handles SIGUSR1 such that it interrupts system calls.
fn install_handler() {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all of the structure's fields are integers, sets of bits and nullable pointers, for
    // which zero is a valid value; a zero mask is the empty set.
    let action = unsafe { action.assume_init_mut() };
    action.sa_sigaction = handle as *const () as libc::sighandler_t;
    action.sa_flags = 0;
    // SAFETY: the action is initialised, its handler is a function of the type that these flags ask
    // for and async-signal-safe, and the old action isn't asked for.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, action, ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Sends signals to the process, and to each thread of it, until told to stop.
fn storm(stop: &AtomicBool) {
    let process = process::id().cast_signed();
    while !stop.load(Ordering::SeqCst) {
        // SAFETY: a system call without pointers; the signal's handler is installed.
        assert_eq!(unsafe { libc::kill(process, libc::SIGUSR1) }, 0);
        for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
            let thread: libc::pid_t = task.file_name().to_str().unwrap().parse().unwrap();
            // The result is ignored: the thread may have ended.
            // SAFETY: as above.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
        }
    }
}

/// Submits jobs that count their runs, and waits for all of them in one way or another.
fn run(dispatcher: &Dispatcher, runs: &Arc<Vec<AtomicU8>>) {
    let file = null();
    let job = |number: usize| {
        let runs = Arc::clone(runs);
        null_read(&file, move || {
            runs[number].fetch_add(1, Ordering::SeqCst);
        })
    };
    let submitter: &Submitter = dispatcher;
    let mut next = 0;
    while next < JOBS {
        match next / 100 % 4 {
            0 => submitter.submit_batch((next..next + 100).map(job)).unwrap(),
            1 => (next..next + 100).for_each(|number| submitter.submit(job(number)).unwrap()),
            2 => (next..next + 100)
                .for_each(|number| submitter.submit_timeout(job(number), HANG).unwrap()),
            _ => {
                let spawned =
                    (next..next + 100).map(|number| submitter.spawn(job(number)).unwrap());
                let handles: Vec<_> = spawned.collect();
                handles.into_iter().for_each(|handle| handle.join().unwrap());
            }
        }
        next += 100;
        if next % 2000 == 0 {
            dispatcher.drain().unwrap();
        }
    }
    dispatcher.drain_timeout(HANG).unwrap();
}

#[test]
fn all_jobs_run_once_in_a_storm_of_signals() {
    install_handler();
    watched(|| {
        let dispatcher = util::builder().depth(16).workers(2).build().unwrap();
        eventually("the threads are named", || proc::threads().len() == 3);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let sender = thread::spawn(move || storm(&stopped));
        eventually("signals arrive", || HANDLED.load(Ordering::SeqCst) > 0);
        let runs: Arc<Vec<_>> = Arc::new((0..JOBS).map(|_| AtomicU8::new(0)).collect());
        run(&dispatcher, &runs);
        let report = dispatcher.shutdown().unwrap();
        stop.store(true, Ordering::SeqCst);
        sender.join().unwrap();
        assert_eq!((report.jobs, report.failed, report.panics), (JOBS as u64, 0, 0));
        assert!(runs.iter().all(|runs| runs.load(Ordering::SeqCst) == 1), "each once");
    });
}
