//! Slots: a submitter puts a job in, the reaper takes it out by the event's token, and a thread
//! that cancels a poll looks at it in between.
//!
//! The table is the crate's own. Around it is the least that the others are for it: a kernel that
//! gives each request's token back, and one more that is stale.

use std::fs::File;
use std::sync::Arc;

use crate::admission::slots::Slots;
use crate::engine::index_of;
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::poll_events::PollEvents;
use crate::job::stopped::CancelReason;
use crate::sync::{Mutex, lock, thread};

/// The part of a table that the models use.
trait Table: Send + Sync + 'static {
    /// Puts a job into the one slot, if it is free. Returns the token.
    fn put(&self, job: Job) -> Option<u64>;
    fn take(&self, token: u64) -> Option<Job>;
    /// The callback of the job that was taken with this token has returned.
    fn free(&self, token: u64);
    /// Has the job of this name ended, if it is there, and returns the answer of `cancel`.
    fn end_poll(&self, name: u64, cancel: &dyn Fn(u64) -> bool) -> Option<bool>;
}

impl Table for Mutex<Slots> {
    fn put(&self, job: Job) -> Option<u64> {
        let mut slots = lock(self);
        let token = slots.take_free()?;
        slots.put(token, job);
        Some(token)
    }

    fn take(&self, token: u64) -> Option<Job> {
        lock(self).take(token)
    }

    fn free(&self, token: u64) {
        lock(self).free(token);
    }

    fn end_poll(&self, name: u64, cancel: &dyn Fn(u64) -> bool) -> Option<bool> {
        let mut slots = lock(self);
        let (token, poll) = slots.pin_poll(0, |job| name_of(job) == name)?;
        assert!(poll.meta_mut().set_cancel_reason(CancelReason::Cancelled));
        drop(slots);
        let answer = cancel(token);
        lock(self).unpin(token);
        Some(answer)
    }
}

/// A table with a mistake: a token is the number of a slot, whichever job is in it.
struct WithoutGenerations(Mutex<Option<Job>>);

impl Table for WithoutGenerations {
    fn put(&self, job: Job) -> Option<u64> {
        *lock(&self.0) = Some(job);
        Some(0)
    }

    fn take(&self, _token: u64) -> Option<Job> {
        lock(&self.0).take()
    }

    fn free(&self, _token: u64) {}

    fn end_poll(&self, _name: u64, _cancel: &dyn Fn(u64) -> bool) -> Option<bool> {
        unreachable!("not of this one")
    }
}

/// A table with another mistake: it asks the kernel to end a poll, and does not pin the slot.
struct Unpinned(Mutex<Slots>);

impl Table for Unpinned {
    fn put(&self, job: Job) -> Option<u64> {
        self.0.put(job)
    }

    fn take(&self, token: u64) -> Option<Job> {
        Table::take(&self.0, token)
    }

    fn free(&self, token: u64) {
        Table::free(&self.0, token);
    }

    fn end_poll(&self, name: u64, cancel: &dyn Fn(u64) -> bool) -> Option<bool> {
        let mut slots = lock(&self.0);
        let (token, poll) = slots.pin_poll(0, |job| name_of(job) == name)?;
        poll.meta_mut().set_cancel_reason(CancelReason::Cancelled);
        slots.unpin(token);
        drop(slots);
        Some(cancel(token))
    }
}

/// The kernel: the requests that it has been given and has not given back.
#[derive(Default)]
struct Kernel(Mutex<Vec<u64>>);

impl Kernel {
    /// As `io_cancel`, by the address of the control block, which belongs to the slot, whichever
    /// job is in it.
    fn cancel(&self, token: u64) -> Option<u64> {
        let held = lock(&self.0);
        held.iter().copied().find(|&other| index_of(other) == index_of(token))
    }
}

/// A poll for this mask of events, which is its name: 1 or 2.
fn job(name: u64) -> Job {
    let events = [PollEvents::READABLE, PollEvents::PRIORITY];
    let named = events.into_iter().find(|events| u64::from(events.bits()) == name).unwrap();
    Job::poll(FileHandle::from(File::open("/dev/null").unwrap()), named, |_| ())
}

fn name_of(job: &Job) -> u64 {
    job.head().transfer.address
}

/// Two jobs use the same slot one after the other. The event of the first comes once more, at any
/// time.
fn a_stale_event_comes<T: Table>(table: impl Fn() -> T + Send + Sync + 'static) {
    loom::model(move || {
        let table = Arc::new(table());
        let first = table.put(job(1)).expect("nobody has used it");
        let (late, taken) = (Arc::clone(&table), Arc::new(Mutex::new(Vec::new())));
        let names = Arc::clone(&taken);
        let stale = thread::spawn(move || {
            lock(&names).extend(late.take(first).map(|job| (1, name_of(&job))));
        });
        // The event comes, the callback runs, and the slot is filled again.
        let done = table.take(first);
        let is_over = done.is_some();
        lock(&taken).extend(done.map(|job| (1, name_of(&job))));
        if is_over {
            table.free(first);
            let second = table.put(job(2)).expect("it is free");
            lock(&taken).extend(table.take(second).map(|job| (2, name_of(&job))));
        }
        stale.join().unwrap();
        let taken = lock(&taken);
        assert!(matches!(taken[..], [(1, 1)] | [(1, 1), (2, 2)]), "{taken:?}");
    });
}

#[test]
fn an_event_finds_the_job_of_its_own_use_once() {
    a_stale_event_comes(|| Mutex::new(Slots::new(1)));
}

#[test]
#[should_panic(expected = "(1, 2)")]
fn the_model_finds_a_job_taken_for_an_earlier_one() {
    a_stale_event_comes(|| WithoutGenerations(Mutex::new(None)));
}

/// A poll is cancelled while its event comes and the slot is used for another.
fn a_poll_is_withdrawn<T: Table>(table: impl Fn() -> T + Send + Sync + 'static) {
    loom::model(move || {
        let (table, kernel) = (Arc::new(table()), Arc::new(Kernel::default()));
        let first = table.put(job(1)).expect("nobody has used it");
        lock(&kernel.0).push(first);
        let (other, asked) = (Arc::clone(&table), Arc::clone(&kernel));
        let cancels = thread::spawn(move || {
            other.end_poll(1, &|token| {
                let found = asked.cancel(token);
                assert!(found.is_none_or(|found| found == token), "another's poll is ended");
                found.is_some()
            })
        });
        // The event comes, the callback runs, and the next poll is submitted if there is a slot.
        lock(&kernel.0).clear();
        let done = table.take(first).expect("nobody else takes it");
        table.free(first);
        let second = table.put(job(2));
        lock(&kernel.0).extend(second);
        let ended = cancels.join().unwrap();
        assert_eq!(done.meta().cancel_reason().is_some(), ended.is_some(), "marked if found");
        let second = second.or_else(|| table.put(job(2))).expect("it is free again");
        assert_eq!(table.take(second).map(|job| job.meta().cancel_reason()), Some(None));
    });
}

#[test]
fn no_other_poll_is_ended_than_the_one_that_is_wanted() {
    a_poll_is_withdrawn(|| Mutex::new(Slots::new(1)));
}

#[test]
#[should_panic(expected = "another's poll is ended")]
fn the_model_finds_a_slot_that_is_used_while_its_poll_is_ended() {
    a_poll_is_withdrawn(|| Unpinned(Mutex::new(Slots::new(1))));
}
