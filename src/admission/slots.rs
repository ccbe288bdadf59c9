//! The slots: which are free, and the jobs that are with the kernel or with a blocking thread, or
//! about to be.
//!
//! A token names a slot and the generation of its use. The token of an event is looked up here and
//! never dereferenced: an event that comes twice, or for a use that is over, finds nothing.
//!
//! Guarded by the lock of the books.

use crate::engine::{first_token, index_of, next_token};
use crate::job::Job;

#[derive(Default)]
pub(crate) struct Slots {
    uses: Box<[SlotUse]>,
    /// The tokens of the next use of each free slot. Taken from the end: low indices first, and
    /// then the slot that was freed last, which is still in the cache.
    free: Vec<u64>,
    /// Slots that are not to be used again as long as they are here, for the poll that is in them.
    /// A slot may be here several times.
    pinned: Vec<usize>,
    /// The tokens of the next use of pinned slots whose jobs have left them.
    held_back: Vec<u64>,
}

struct SlotUse {
    /// Of the request that the slot is or was last used for.
    token: u64,
    /// The job, from before its submission until its event has been looked up.
    job: Option<Job>,
}

impl Slots {
    pub(crate) fn new(depth: u32) -> Self {
        Self {
            uses: (0..depth)
                .map(|index| SlotUse { token: first_token(index), job: None })
                .collect(),
            free: (0..depth).rev().map(first_token).collect(),
            ..Self::default()
        }
    }

    /// How many slots have a job that is in the kernel, with a blocking thread, on the channel or
    /// in its callback.
    pub(crate) fn occupied(&self) -> usize {
        self.uses.len() - self.free.len() - self.held_back.len()
    }

    #[inline]
    pub(crate) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes a free slot, and returns the token of its next use.
    #[inline]
    pub(crate) fn take_free(&mut self) -> Option<u64> {
        self.free.pop()
    }

    /// Puts a job into the slot that was taken with this token.
    #[inline]
    pub(crate) fn put(&mut self, token: u64, job: Job) {
        let slot = &mut self.uses[index_of(token)];
        assert!(slot.job.is_none(), "a free slot holds no job");
        *slot = SlotUse { token, job: Some(job) };
    }

    /// Finds the token, among these, of the job in its slot that is `wanted`.
    pub(crate) fn find(&self, tokens: &[u64], wanted: impl Fn(&Job) -> bool) -> Option<u64> {
        tokens.iter().copied().find(|&token| {
            let slot = &self.uses[index_of(token)];
            slot.token == token && slot.job.as_ref().is_some_and(&wanted)
        })
    }

    /// Takes the job out whose request had this token. `None` if no request in flight has it.
    #[inline]
    pub(crate) fn take(&mut self, token: u64) -> Option<Job> {
        let slot = self.uses.get_mut(index_of(token))?;
        if slot.token == token { slot.job.take() } else { None }
    }

    /// Takes back the slot that this token named. Its job has left it.
    #[inline]
    pub(crate) fn free(&mut self, token: u64) {
        if self.pinned.is_empty() || !self.pinned.contains(&index_of(token)) {
            self.free.push(next_token(token));
        } else {
            self.held_back.push(next_token(token));
        }
    }

    /// Pins the slot with this index, if there is a poll in it that `wanted` picks: until
    /// [`unpin`](Self::unpin), its token is not followed by another. Returns token and poll.
    pub(crate) fn pin_poll(
        &mut self,
        index: u32,
        wanted: impl FnOnce(&Job) -> bool,
    ) -> Option<(u64, &mut Job)> {
        let slot = &mut self.uses[index as usize];
        let poll = slot.job.as_mut().filter(|job| job.is_poll() && wanted(job))?;
        self.pinned.push(index as usize);
        Some((slot.token, poll))
    }

    /// Undoes `pin_poll`. True if this frees the slot.
    pub(crate) fn unpin(&mut self, token: u64) -> bool {
        let index = index_of(token);
        let pin = self.pinned.iter().position(|&pinned| pinned == index);
        self.pinned.swap_remove(pin.expect("it was pinned"));
        let held_back = self.held_back.iter().position(|&next| index_of(next) == index);
        let Some(held_back) = held_back.filter(|_| !self.pinned.contains(&index)) else {
            return false;
        };
        self.free.push(self.held_back.swap_remove(held_back));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;
    use crate::engine::{first_token, next_token};
    use crate::file::FileHandle;
    use crate::job::Job;
    use crate::job::poll_events::PollEvents;

    fn file() -> FileHandle {
        FileHandle::from(std::fs::File::open("/dev/null").unwrap())
    }

    fn read(offset: u64) -> Job {
        Job::read(file(), Vec::new(), offset, |_| ())
    }

    #[test]
    fn a_token_finds_its_job_once() {
        let mut slots = Slots::new(2);
        let first = slots.take_free().unwrap();
        slots.put(first, read(7));
        assert_eq!(slots.occupied(), 1);
        assert_eq!(slots.take(first).unwrap().offset(), 7);
        assert!(slots.take(first).is_none(), "a doubled event finds nothing");
        slots.free(first);
        assert_eq!(slots.occupied(), 0);

        let second = slots.take_free().unwrap();
        assert_eq!(second, next_token(first), "the slot that was freed last");
        slots.put(second, read(8));
        assert!(slots.take(first).is_none(), "a stale event doesn't take the next job");
        assert_eq!(slots.find(&[first, second], |_| true), Some(second));
        assert_eq!(slots.find(&[second], |job| job.offset() == 7), None);
        assert_eq!(slots.take(second).unwrap().offset(), 8);
    }

    #[test]
    fn nonsense_finds_nothing() {
        let mut slots = Slots::new(2);
        for token in [0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 32, 5] {
            assert!(slots.take(token).is_none(), "token {token:#x}");
        }
    }

    #[test]
    fn a_pinned_slot_is_not_used_again() {
        let mut slots = Slots::new(1);
        let token = slots.take_free().unwrap();
        assert_eq!(token, first_token(0));
        slots.put(token, read(0));
        assert!(slots.pin_poll(0, |_| true).is_none(), "a read is no poll");
        slots.take(token);
        slots.put(token, Job::poll(file(), PollEvents::READABLE, |_| ()));
        assert!(slots.pin_poll(0, |_| false).is_none());
        for _ in 0..2 {
            let (pinned, poll) = slots.pin_poll(0, |_| true).unwrap();
            assert!(pinned == token && poll.is_poll());
        }
        slots.take(token);
        slots.free(token);
        assert!(slots.take_free().is_none() && slots.occupied() == 0);
        assert!(!slots.unpin(token), "another pins it");
        assert!(slots.take_free().is_none());
        assert!(slots.unpin(token));
        assert_eq!(slots.take_free(), Some(next_token(token)));
    }

    #[test]
    fn a_slot_that_is_still_in_use_is_unpinned() {
        let mut slots = Slots::new(1);
        let token = slots.take_free().unwrap();
        slots.put(token, Job::poll(file(), PollEvents::READABLE, |_| ()));
        assert!(slots.pin_poll(0, |_| true).is_some());
        assert!(!slots.unpin(token), "its job has not left it");
        slots.take(token);
        slots.free(token);
        assert!(slots.has_free());
    }
}
