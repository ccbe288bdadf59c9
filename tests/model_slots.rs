//! A model of slots: who submits puts a job in, the reaper takes it out by the event's token, and who
//! withdraws a poll looks at it in between. Loom tries every schedule of them.
//!
//! The table is the crate's own (`src/slots.rs`). Around it is the least that the others are for it: a
//! kernel that gives each request's token back, and one more that is stale. What loom would find is
//! shown by tables with mistakes in them.

#![allow(dead_code, reason = "a model uses a part")]

mod model;
#[path = "../src/slots.rs"]
mod slots;
mod wait {
    pub(crate) use crate::model::sync;
}

/// What a table has to know of jobs.
mod job {
    use crate::early::Reason;

    #[derive(Debug)]
    pub(crate) struct Job {
        pub(crate) name: u32,
        pub(crate) stopped: Option<Reason>,
    }

    impl Job {
        /// All of them: what else is there can't be ended.
        pub(crate) fn is_poll(&self) -> bool {
            self.name > 0
        }
    }
}

mod early {
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) enum Reason {
        Withdrawn,
    }
}

use std::sync::Arc;

use early::Reason;
use job::Job;
use loom::sync::Mutex;
use loom::thread;
use slots::{Slots, index_of};

/// What the models need of a table.
trait Table: Send + Sync + 'static {
    fn put(&self, index: u32, job: Job) -> u64;
    fn take(&self, token: u64) -> Option<Job>;
    /// Has the job of this name ended, if it is there. What `cancel` answers, then.
    fn end_poll(&self, index: u32, name: u32, cancel: &dyn Fn(u64) -> bool) -> Option<bool>;
}

impl Table for Slots {
    fn put(&self, index: u32, job: Job) -> u64 {
        self.put(index, job)
    }

    fn take(&self, token: u64) -> Option<Job> {
        self.take(token)
    }

    fn end_poll(&self, index: u32, name: u32, cancel: &dyn Fn(u64) -> bool) -> Option<bool> {
        let wanted = |job: &Job| job.name == name;
        self.end_poll(index, wanted, Reason::Withdrawn, |token, first| {
            assert!(first);
            cancel(token)
        })
    }
}

/// With a mistake: a token is a slot's number, whoever is in it.
struct WithoutGenerations(Mutex<Option<Job>>);

impl Table for WithoutGenerations {
    fn put(&self, index: u32, job: Job) -> u64 {
        *self.0.lock().unwrap() = Some(job);
        index.into()
    }

    fn take(&self, _token: u64) -> Option<Job> {
        self.0.lock().unwrap().take()
    }

    fn end_poll(&self, _index: u32, _name: u32, _cancel: &dyn Fn(u64) -> bool) -> Option<bool> {
        unreachable!("not of this one")
    }
}

/// With another: the kernel is asked to end a poll when the slot is not locked any more.
struct CancelsLater(Mutex<(u64, Option<Job>)>);

impl Table for CancelsLater {
    fn put(&self, index: u32, job: Job) -> u64 {
        let mut entry = self.0.lock().unwrap();
        entry.0 += 1 << 32;
        entry.1 = Some(job);
        entry.0 | u64::from(index)
    }

    fn take(&self, token: u64) -> Option<Job> {
        let mut entry = self.0.lock().unwrap();
        if entry.0 == token { entry.1.take() } else { None }
    }

    fn end_poll(&self, _index: u32, name: u32, cancel: &dyn Fn(u64) -> bool) -> Option<bool> {
        let mut entry = self.0.lock().unwrap();
        let token = entry.0;
        let job = entry.1.as_mut().filter(|job| job.name == name)?;
        job.stopped = Some(Reason::Withdrawn);
        drop(entry);
        Some(cancel(token))
    }
}

/// The kernel: what it has been given and not given back, by the control block's place as it finds it.
#[derive(Default)]
struct Kernel(Mutex<Vec<u64>>);

impl Kernel {
    /// As `io_cancel`, by the address of the control block, which is that of the slot, whoever is in it.
    fn cancel(&self, token: u64) -> Option<u64> {
        let held = self.0.lock().unwrap();
        held.iter().copied().find(|&other| index_of(other) == index_of(token))
    }
}

fn job(name: u32) -> Job {
    Job { name, stopped: None }
}

/// Two jobs use the same slot one after the other. The first one's event comes once more, at any time.
fn a_stale_event_comes<T: Table>(table: impl Fn() -> T + Send + Sync + 'static) {
    loom::model(move || {
        let table = Arc::new(table());
        let first = table.put(0, job(1));
        let (late, taken) = (Arc::clone(&table), Arc::new(Mutex::new(Vec::new())));
        let names = Arc::clone(&taken);
        let stale = thread::spawn(move || {
            names.lock().unwrap().extend(late.take(first).map(|job| (1, job.name)));
        });
        // `reaper::pass_on`, `Pipeline::finish`, `Admission::fill_slots`.
        let done = table.take(first);
        taken.lock().unwrap().extend(done.map(|job| (1, job.name)));
        if !taken.lock().unwrap().is_empty() {
            let second = table.put(0, job(2));
            let done = table.take(second);
            taken.lock().unwrap().extend(done.map(|job| (2, job.name)));
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

/// A poll is withdrawn while its event comes and the slot is used for another.
fn a_poll_is_withdrawn<T: Table>(table: impl Fn() -> T + Send + Sync + 'static) {
    loom::model(move || {
        let (table, kernel) = (Arc::new(table()), Arc::new(Kernel::default()));
        let first = table.put(0, job(1));
        kernel.0.lock().unwrap().push(first);
        let (other, asked) = (Arc::clone(&table), Arc::clone(&kernel));
        // `Pipeline::end_poll`.
        let withdraws = thread::spawn(move || {
            other.end_poll(0, 1, &|token| {
                let found = asked.cancel(token);
                assert!(found.is_none_or(|found| found == token), "another's poll is ended");
                found.is_some()
            })
        });
        // The event comes; `reaper::pass_on`, `workers::end`, `Pipeline::launch`.
        kernel.0.lock().unwrap().clear();
        let done = table.take(first).expect("nobody else takes it");
        let second = table.put(0, job(2));
        kernel.0.lock().unwrap().push(second);
        let ended = withdraws.join().unwrap();
        assert_eq!(done.stopped.is_some(), ended.is_some(), "it is marked if it was found");
        assert_eq!(table.take(second).map(|job| job.stopped), Some(None));
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
