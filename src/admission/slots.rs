//! The slots: a fixed table of jobs that are with the kernel, with a blocking thread, or about to
//! be.
//!
//! A token names a slot and the generation of its use. The token of an event is looked up here and
//! never dereferenced: an event that comes twice, or for a use that is over, finds nothing.
//!
//! Each slot has a lock of its own. It is hardly ever contended: the submitter puts a job in, the
//! reaper or a blocking thread takes it out.

use crate::engine::index_of;
use crate::job::Job;
use crate::job::stopped::CancelReason;
use crate::sync::{Mutex, MutexGuard, lock};

pub(crate) struct Slots {
    slots: Box<[Slot]>,
}

/// On a cache line of its own: neighbours are used by different threads at the same time.
#[repr(align(64))]
struct Slot(Mutex<SlotUse>);

struct SlotUse {
    /// Of the request that the slot is or was last used for.
    token: u64,
    /// The job, from before its submission until its event has been looked up.
    job: Option<Job>,
}

impl Slots {
    pub(crate) fn new(depth: u32) -> Self {
        let empty = || Slot(Mutex::new(SlotUse { token: 0, job: None }));
        Self { slots: (0..depth).map(|_| empty()).collect() }
    }

    /// Puts a job into the empty slot that this token names. The caller has the token from the
    /// books.
    #[inline]
    pub(crate) fn put(&self, token: u64, job: Job) {
        let mut slot = lock(&self.slots[index_of(token)].0);
        assert!(slot.job.is_none(), "a free slot holds no job");
        *slot = SlotUse { token, job: Some(job) };
    }

    /// Calls `call` with the job whose request has this token, if it is in its slot. The job may be
    /// changed as long as nobody performs the request.
    pub(crate) fn with_job<T>(&self, token: u64, call: impl FnOnce(&mut Job) -> T) -> Option<T> {
        let mut slot = lock(&self.slots.get(index_of(token))?.0);
        let is_there = slot.token == token;
        slot.job.as_mut().filter(|_| is_there).map(call)
    }

    /// Locks the slot, if there is a poll in it that `wanted` picks.
    pub(crate) fn lock_poll(
        &self,
        index: u32,
        wanted: impl FnOnce(&Job) -> bool,
    ) -> Option<LockedPoll<'_>> {
        let slot = lock(&self.slots[index as usize].0);
        let is_wanted = slot.job.as_ref().is_some_and(|job| job.is_poll() && wanted(job));
        is_wanted.then_some(LockedPoll { slot })
    }

    /// Takes the job out whose request had this token. `None` if no request in flight has it.
    #[inline]
    pub(crate) fn take(&self, token: u64) -> Option<Job> {
        let mut slot = lock(&self.slots.get(index_of(token))?.0);
        if slot.token == token { slot.job.take() } else { None }
    }
}

/// A poll whose slot is locked: its token is not used for another request meanwhile.
pub(crate) struct LockedPoll<'a> {
    slot: MutexGuard<'a, SlotUse>,
}

impl LockedPoll<'_> {
    pub(crate) fn token(&self) -> u64 {
        self.slot.token
    }

    /// Marks the poll: it ends for this reason, whatever its event says. True the first time.
    pub(crate) fn mark(&mut self, reason: CancelReason) -> bool {
        let job = self.slot.job.as_mut().expect("it was there when the slot was locked");
        let is_first = job.meta().cancel_reason().is_none();
        job.meta_mut().set_cancel_reason(reason);
        is_first
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;
    use crate::engine::{first_token, next_token};
    use crate::job::Job;

    fn put(slots: &Slots, token: u64, offset: u64) {
        let file = std::fs::File::open("/dev/null").unwrap();
        slots.put(token, Job::read(file, Vec::new(), offset, |_| ()));
    }

    #[test]
    fn a_token_finds_its_job_once() {
        let slots = Slots::new(2);
        let first = first_token(1);
        put(&slots, first, 7);
        assert_eq!(slots.take(first).unwrap().offset(), 7);
        assert!(slots.take(first).is_none(), "a doubled event finds nothing");

        let second = next_token(first);
        put(&slots, second, 8);
        assert!(slots.take(first).is_none(), "a stale event doesn't take the next job");
        assert_eq!(slots.take(second).unwrap().offset(), 8);
    }

    #[test]
    fn nonsense_finds_nothing() {
        let slots = Slots::new(2);
        for token in [0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 32, 5] {
            assert!(slots.take(token).is_none(), "token {token:#x}");
        }
    }
}
