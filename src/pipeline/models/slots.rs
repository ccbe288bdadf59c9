//! Slots: a submitter puts a job in, the reaper takes it out by the event's token, and a thread
//! that cancels a poll looks at it in between.
//!
//! The table is the crate's own. Around it is the least that the others are for it: a kernel that
//! gives each request's token back, and one more that is stale.

use std::fs::File;
use std::sync::Arc;

use crate::admission::slots::Slots;
use crate::engine::{first_token, index_of, next_token};
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::poll_events::PollEvents;
use crate::job::stopped::CancelReason;
use crate::sync::{Mutex, thread};

/// The part of a table that the models use.
trait Table: Send + Sync + 'static {
    fn put(&self, token: u64, job: Job);
    fn take(&self, token: u64) -> Option<Job>;
    /// Has the job of this name ended, if it is there, and returns the answer of `cancel`.
    fn end_poll(&self, index: u32, name: u64, cancel: &dyn Fn(u64) -> bool) -> Option<bool>;
}

impl Table for Slots {
    fn put(&self, token: u64, job: Job) {
        self.put(token, job);
    }

    fn take(&self, token: u64) -> Option<Job> {
        self.take(token)
    }

    fn end_poll(&self, index: u32, name: u64, cancel: &dyn Fn(u64) -> bool) -> Option<bool> {
        let wanted = |job: &Job| name_of(job) == name;
        let mut poll = self.lock_poll(index, wanted)?;
        assert!(poll.mark(CancelReason::Cancelled));
        Some(cancel(poll.token()))
    }
}

/// A table with a mistake: a token is the number of a slot, whichever job is in it.
struct WithoutGenerations(Mutex<Option<Job>>);

impl Table for WithoutGenerations {
    fn put(&self, _token: u64, job: Job) {
        *self.0.lock().unwrap() = Some(job);
    }

    fn take(&self, _token: u64) -> Option<Job> {
        self.0.lock().unwrap().take()
    }

    fn end_poll(&self, _index: u32, _name: u64, _cancel: &dyn Fn(u64) -> bool) -> Option<bool> {
        unreachable!("not of this one")
    }
}

/// A table with another mistake: it asks the kernel to end a poll when it has given up the lock of
/// the slot.
struct CancelsLater(Mutex<(u64, Option<Job>)>);

impl Table for CancelsLater {
    fn put(&self, token: u64, job: Job) {
        *self.0.lock().unwrap() = (token, Some(job));
    }

    fn take(&self, token: u64) -> Option<Job> {
        let mut entry = self.0.lock().unwrap();
        if entry.0 == token { entry.1.take() } else { None }
    }

    fn end_poll(&self, _index: u32, name: u64, cancel: &dyn Fn(u64) -> bool) -> Option<bool> {
        let mut entry = self.0.lock().unwrap();
        let token = entry.0;
        let job = entry.1.as_mut().filter(|job| name_of(job) == name)?;
        job.meta_mut().set_cancel_reason(CancelReason::Cancelled);
        drop(entry);
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
        let held = self.0.lock().unwrap();
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
        let first = first_token(0);
        table.put(first, job(1));
        let (late, taken) = (Arc::clone(&table), Arc::new(Mutex::new(Vec::new())));
        let names = Arc::clone(&taken);
        let stale = thread::spawn(move || {
            names.lock().unwrap().extend(late.take(first).map(|job| (1, name_of(&job))));
        });
        // The event comes, the callback runs, and the slot is filled again.
        let done = table.take(first);
        taken.lock().unwrap().extend(done.map(|job| (1, name_of(&job))));
        if !taken.lock().unwrap().is_empty() {
            let second = next_token(first);
            table.put(second, job(2));
            let done = table.take(second);
            taken.lock().unwrap().extend(done.map(|job| (2, name_of(&job))));
        }
        stale.join().unwrap();
        let taken = taken.lock().unwrap();
        assert!(matches!(taken[..], [(1, 1)] | [(1, 1), (2, 2)]), "{taken:?}");
    });
}

#[test]
fn an_event_finds_the_job_of_its_own_use_once() {
    a_stale_event_comes(|| Slots::new(1));
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
        let first = first_token(0);
        table.put(first, job(1));
        kernel.0.lock().unwrap().push(first);
        let (other, asked) = (Arc::clone(&table), Arc::clone(&kernel));
        let cancels = thread::spawn(move || {
            other.end_poll(0, 1, &|token| {
                let found = asked.cancel(token);
                assert!(found.is_none_or(|found| found == token), "another's poll is ended");
                found.is_some()
            })
        });
        // The event comes, the callback runs, and the next poll is submitted.
        kernel.0.lock().unwrap().clear();
        let done = table.take(first).expect("nobody else takes it");
        let second = next_token(first);
        table.put(second, job(2));
        kernel.0.lock().unwrap().push(second);
        let ended = cancels.join().unwrap();
        assert_eq!(
            done.meta().cancel_reason().is_some(),
            ended.is_some(),
            "it is marked if it was found"
        );
        assert_eq!(table.take(second).map(|job| job.meta().cancel_reason()), Some(None));
    });
}

#[test]
fn no_other_poll_is_ended_than_the_one_that_is_wanted() {
    a_poll_is_withdrawn(|| Slots::new(1));
}

#[test]
#[should_panic(expected = "another's poll is ended")]
fn the_model_finds_a_slot_that_is_used_while_its_poll_is_ended() {
    a_poll_is_withdrawn(|| CancelsLater(Mutex::new((0, None))));
}
