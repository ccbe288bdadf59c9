//! Jobs can be submitted while a thread ends, by values of its thread-local variables.

use std::cell::RefCell;
use std::sync::mpsc;
use std::thread;

use reapool::{Dispatcher, Job, Submitter};

use crate::support::{self, HANG, null, watched};

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

/// Runs an event loop in a callback of another. Returns whether that works, and of how many later
/// callbacks of the outer one the submissions are those of a callback: beyond its bounds, they
/// wait.
fn nested() -> (bool, usize) {
    let mut outer = Dispatcher::builder().depth(4).backlog(0).build_loop().unwrap();
    let submitter = outer.submitter();
    let nest = Job::nop(|| {
        let mut inner = Dispatcher::builder().depth(2).build_loop().unwrap();
        inner.try_submit(Job::nop(|| ())).unwrap();
        inner.drain().is_ok()
    });
    let first = outer.try_spawn(nest).unwrap();
    let many = move || (0..20).filter(|_| submitter.submit(Job::nop(|| ())).is_ok()).count();
    let second = outer.try_spawn(Job::nop(many)).unwrap();
    outer.drain().unwrap();
    (first.join().is_ok_and(|drained| drained), second.join().unwrap())
}

/// Runs its function when it is dropped.
struct AtEnd(Box<dyn FnMut()>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

#[test]
fn event_loops_nest_while_a_thread_ends() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let dying = thread::spawn(move || {
            // Set before the first callback, so that it is dropped after what that keeps.
            AT_END.set(Some(AtEnd(Box::new(move || tell.send(nested()).unwrap()))));
            nested()
        });
        assert_eq!(dying.join().unwrap(), (true, 20));
        assert_eq!(told.recv_timeout(HANG), Ok((true, 20)), "when other values are gone");
    });
}
