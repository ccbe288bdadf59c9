//! Processes that callbacks start: they inherit that signals are blocked, until they change it.

#![expect(unsafe_code, reason = "runs code in a child before its program")]

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use nix::sys::signal::SigSet;
use reapool::Job;

use crate::support::alone::alone;
use crate::support::{self, HANG, watched};

/// A program that sends itself a signal, which ends it unless the signal is blocked.
fn program() -> Command {
    let mut child = Command::new("sh");
    child.args(["-c", "kill -TERM $$; exit 7"]);
    child
}

/// How it ends if a worker starts it, and if a blocking thread does.
fn run(child: fn() -> Command) -> [ExitStatus; 2] {
    let dispatcher = support::builder().depth(1).workers(1).build().unwrap();
    let run = move || child().status().unwrap();
    let jobs = [Job::nop(run), Job::blocking(run, |status| status)];
    jobs.map(|job| dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap())
}

#[test]
fn they_ignore_signals_unless_they_unblock_them() {
    let _alone = alone();
    watched(|| {
        for status in run(program) {
            let end = (status.code(), status.signal());
            assert_eq!(end, (Some(7), None), "as the documentation says");
        }
        let ended = run(|| {
            let mut child = program();
            // SAFETY: the child only makes a system call here, which is allowed after a fork.
            unsafe { child.pre_exec(|| Ok(SigSet::empty().thread_set_mask()?)) };
            child
        });
        assert_eq!(ended.map(|status| status.signal()), [Some(libc::SIGTERM); 2]);
    });
}
