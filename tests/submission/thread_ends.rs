//! Jobs can be submitted while a thread ends, by values of its thread-local variables.

use std::cell::RefCell;
use std::thread;

use reapool::{Job, Submitter};

use crate::support::{self, HANG, null};

/// Submits when it is dropped.
struct Farewell(Submitter);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.submit(Job::read(null(), Vec::new(), 0, |_| ())).unwrap();
    }
}

thread_local! {
    static FAREWELL: RefCell<Option<Farewell>> = const { RefCell::new(None) };
}

#[test]
fn a_job_submitted_by_a_dying_thread_runs() {
    let dispatcher = support::builder().workers(1).build().unwrap();
    let submitter = dispatcher.submitter();
    let dying = thread::spawn(move || {
        // Set before the thread's first submission, so that it is dropped after what that keeps.
        FAREWELL.set(Some(Farewell(submitter.clone())));
        submitter.submit(Job::read(null(), Vec::new(), 0, |_| ())).unwrap();
    });
    dying.join().unwrap();
    dispatcher.drain_timeout(HANG).unwrap();
    assert_eq!(dispatcher.shutdown().unwrap().jobs, 2);
}
