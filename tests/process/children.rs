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

fn run(child: impl FnOnce() -> Command + Send + 'static) -> ExitStatus {
    let dispatcher = support::builder().depth(1).workers(1).build().unwrap();
    let job = Job::nop(move || child().status().unwrap());
    dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap()
}

#[test]
fn they_ignore_signals_unless_they_unblock_them() {
    let _alone = alone();
    watched(|| {
        let status = run(program);
        assert_eq!((status.code(), status.signal()), (Some(7), None), "as the documentation says");
        let status = run(|| {
            let mut child = program();
            // SAFETY: the child only makes a system call here, which is allowed after a fork.
            unsafe { child.pre_exec(|| Ok(SigSet::empty().thread_set_mask()?)) };
            child
        });
        assert_eq!(status.signal(), Some(libc::SIGTERM));
    });
}
