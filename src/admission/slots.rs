//! The fixed table of jobs that are with the kernel, on the channel or in a callback.
//!
//! A token names a slot and the generation of its use. What the kernel reports is looked up by it
//! and never dereferenced: an event that comes twice, or for a use that is over, finds nothing.

use crate::engine::token::{generation_of, index_of, token_of};
use crate::job::Job;
use crate::job::stopped::CancelReason;
use crate::sync::{Mutex, lock};

pub(crate) struct Slots {
    slots: Box<[Slot]>,
}

/// On a cache line of its own: neighbours are used by different threads at the same time.
#[repr(align(64))]
struct Slot(Mutex<Entry>);

struct Entry {
    /// Counts the uses of this slot.
    generation: u32,
    /// The job, from before its submission until its event has been looked up.
    job: Option<Job>,
}

impl Slots {
    pub(crate) fn new(depth: u32) -> Self {
        let empty = || Slot(Mutex::new(Entry { generation: 0, job: None }));
        Self { slots: (0..depth).map(|_| empty()).collect() }
    }

    /// Puts a job into a slot that the caller has taken from the free list, and returns the token
    /// of this use.
    pub(crate) fn put(&self, index: u32, job: Job) -> u64 {
        let slot = &self.slots[index as usize];
        let mut entry = lock(&slot.0);
        assert!(entry.job.is_none(), "a free slot holds no job");
        entry.generation = entry.generation.wrapping_add(1);
        entry.job = Some(job);
        token_of(index, entry.generation)
    }

    /// Lets the job be looked at whose request has this token.
    pub(crate) fn look_at(&self, token: u64, look: impl FnOnce(&Job)) {
        let Some(slot) = self.slots.get(index_of(token)) else { return };
        let entry = lock(&slot.0);
        match &entry.job {
            Some(job) if entry.generation == generation_of(token) => look(job),
            _ => {}
        }
    }

    /// Whether there is a poll in this slot that `wanted` picks.
    pub(crate) fn has_poll(&self, index: u32, wanted: impl FnOnce(&Job) -> bool) -> bool {
        let slot = &self.slots[index as usize];
        let entry = lock(&slot.0);
        entry.job.as_ref().is_some_and(|job| job.is_poll() && wanted(job))
    }

    /// Has the engine end the poll in this slot, if there is one that `wanted` picks: it ends for this
    /// reason, whatever its event says. The slot is not used for another meanwhile.
    ///
    /// `cancel` gets its token, and whether this had not been asked for before; what it returns comes
    /// back: whether the event is coming.
    pub(crate) fn end_poll(
        &self,
        index: u32,
        wanted: impl FnOnce(&Job) -> bool,
        why: CancelReason,
        cancel: impl FnOnce(u64, bool) -> bool,
    ) -> Option<bool> {
        let slot = &self.slots[index as usize];
        let mut entry = lock(&slot.0);
        let token = token_of(index, entry.generation);
        let job = entry.job.as_mut().filter(|job| job.is_poll() && wanted(job))?;
        let first = job.cancel_reason().is_none();
        job.set_cancel_reason(why);
        Some(cancel(token, first))
    }

    /// Takes the job out whose request had this token. `None` if no request in flight has it.
    pub(crate) fn take(&self, token: u64) -> Option<Job> {
        let slot = self.slots.get(index_of(token))?;
        let mut entry = lock(&slot.0);
        if entry.generation == generation_of(token) { entry.job.take() } else { None }
    }
}
