//! A scope's wait: when its owner goes on, all that jobs borrowed is the owner's again.

use loom::cell::UnsafeCell;
use loom::sync::Arc;

use crate::sync::thread;
use crate::wait::headcount::Headcount;
use loom::sync::atomic::{AtomicUsize, Ordering};

/// How jobs are counted, and waited for.
trait Count: Send + Sync + 'static {
    fn begin() -> Self;
    fn enter(&self);
    fn leave(&self);
    fn wait(&self);
}

impl Count for Headcount {
    fn begin() -> Self {
        Self::new()
    }

    fn enter(&self) {
        self.enter();
    }

    fn leave(&self) {
        self.leave();
    }

    fn wait(&self) {
        self.wait_until_empty();
    }
}

/// A buffer on the owner's stack. Loom fails a model in which two threads can access it at the same
/// time.
struct Buffer(UnsafeCell<u32>);

#[expect(unsafe_code, reason = "the cell is what the model watches")]
// SAFETY: loom checks that accesses exclude each other, and panics before one that doesn't.
unsafe impl Sync for Buffer {}

#[expect(unsafe_code, reason = "the cell is what the model watches")]
impl Buffer {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }

    fn add(&self) {
        // SAFETY: as for `Sync`.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }

    fn get(&self) -> u32 {
        // SAFETY: as for `Sync`.
        self.0.with(|value| unsafe { *value })
    }
}

fn run<C: Count>(count: &Arc<C>, job: impl FnOnce(&C) + 'static) {
    count.enter();
    let count = Arc::clone(count);
    thread::spawn(move || {
        job(&count);
        count.leave();
    });
}

/// Two jobs on two workers, with a buffer each.
fn two_jobs<C: Count>() {
    loom::model(|| {
        let count = Arc::new(C::begin());
        let buffers = [Buffer::new(), Buffer::new()];
        for buffer in &buffers {
            let buffer = Arc::clone(buffer);
            run(&count, move |_: &C| buffer.add());
        }
        count.wait();
        assert_eq!(buffers.map(|buffer| buffer.get()), [1, 1]);
    });
}

/// A job whose callback submits another.
fn a_job_that_submits<C: Count>() {
    loom::model(|| {
        let count = Arc::new(C::begin());
        let buffer = Buffer::new();
        let next = Arc::clone(&buffer);
        let shared = Arc::clone(&count);
        run(&count, move |_: &C| {
            next.add();
            run(&shared, move |_: &C| next.add());
        });
        count.wait();
        assert_eq!(buffer.get(), 2);
    });
}

/// A job, and another thread that unparks the owner, as any thread may.
fn a_stranger_unparks<C: Count>() {
    loom::model(|| {
        let count = Arc::new(C::begin());
        let buffer = Buffer::new();
        let jobs = Arc::clone(&buffer);
        run(&count, move |_: &C| jobs.add());
        let owner = thread::current();
        thread::spawn(move || owner.unpark());
        count.wait();
        assert_eq!(buffer.get(), 1);
    });
}

#[test]
fn the_owner_goes_on_when_all_are_over() {
    two_jobs::<Headcount>();
}

#[test]
fn a_job_submitted_by_a_job_is_waited_for() {
    a_job_that_submits::<Headcount>();
}

#[test]
fn being_unparked_ends_no_wait() {
    a_stranger_unparks::<Headcount>();
}

#[test]
fn a_panic_is_seen_by_the_owner_unless_a_handle_took_it() {
    loom::model(|| {
        let count = Arc::new(Headcount::new());
        for is_taken in [true, false] {
            let shared = Arc::clone(&count);
            run(&count, move |_: &Headcount| {
                shared.panicked(Some(usize::from(is_taken)), None);
                if is_taken {
                    shared.taken(1);
                }
            });
        }
        count.wait();
        assert!(count.untaken_panic().is_some() && count.untaken_panic().is_none());
    });
}

/// A headcount with one of these mistakes.
struct Wrong<const MISTAKE: char> {
    present: AtomicUsize,
    owner: thread::Thread,
}

/// A job leaves without publishing what it did.
const UNPUBLISHED: char = 'u';
/// The owner doesn't look again when it is unparked.
const HASTY: char = 'h';
/// A job leaves in two steps.
const TORN: char = 't';

impl<const MISTAKE: char> Count for Wrong<MISTAKE> {
    fn begin() -> Self {
        Self { present: AtomicUsize::new(0), owner: thread::current() }
    }

    fn enter(&self) {
        self.present.fetch_add(1, Ordering::Relaxed);
    }

    fn leave(&self) {
        use Ordering::{Acquire, Relaxed, Release};
        let before = match MISTAKE {
            UNPUBLISHED => self.present.fetch_sub(1, Relaxed),
            TORN => {
                let before = self.present.load(Acquire);
                self.present.store(before - 1, Release);
                before
            }
            _ => self.present.fetch_sub(1, Release),
        };
        if before == 1 {
            self.owner.unpark();
        }
    }

    fn wait(&self) {
        while self.present.load(Ordering::Acquire) > 0 {
            thread::park();
            if MISTAKE == HASTY {
                break;
            }
        }
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn what_a_job_does_not_publish_is_found() {
    two_jobs::<Wrong<UNPUBLISHED>>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn an_owner_that_does_not_look_again_is_found() {
    a_stranger_unparks::<Wrong<HASTY>>();
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_job_that_is_counted_out_in_two_steps_is_found() {
    two_jobs::<Wrong<TORN>>();
}
