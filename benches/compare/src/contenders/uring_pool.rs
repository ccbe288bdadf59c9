//! io_uring with the same threads as the crate: one that submits, one that reaps, and a pool that
//! runs the callbacks.

#![expect(unsafe_code, reason = "shares a ring between two threads")]

use std::fs::File;
use std::io;
use std::mem;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use io_uring::IoUring;
use reapool::AlignedBuf;

use super::contract::{Contender, because};
use super::recycled::Recycled;
use super::uring::{read_into, transferred};
use crate::load::{Load, Stamp};
use crate::memory;

/// `IORING_ENTER_GETEVENTS`.
const GETEVENTS: u32 = 1;

/// A read in the kernel, or on its way to a callback.
struct Request {
    number: u64,
    stamp: Stamp,
    buffer: AlignedBuf,
}

/// The state that submitter and reaper share. The reaper finds the request of a completion by its
/// slot, as the crate does.
struct Ring {
    ring: IoUring,
    slots: Vec<Mutex<Option<Request>>>,
    free: Sender<usize>,
}

/// The depth bounds the buffers, and so the requests in the kernel, on the channel and in
/// callbacks.
pub(super) struct UringPool {
    load: Arc<Load>,
    file: File,
    ring: Arc<Ring>,
    free: Receiver<usize>,
    recycled: Arc<Recycled<AlignedBuf>>,
}

impl UringPool {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let depth = load.task.depth;
        let file = load.open().map_err(because("open"))?;
        let recycled = Recycled::new(memory::buffers(&load.task, depth)?, depth);
        let (home, free) = unbounded();
        for slot in 0..depth {
            home.send(slot).map_err(because("slots"))?;
        }
        let ring = IoUring::new(depth as u32).map_err(because("io_uring"))?;
        let slots = (0..depth).map(|_| Mutex::default()).collect();
        let ring = Arc::new(Ring { ring, slots, free: home });
        let (done, to_call) = unbounded();
        let reaped = Arc::clone(&ring);
        thread::spawn(move || reap(&reaped, &done));
        for _ in 0..load.task.workers {
            let (load, to_call, home) = (Arc::clone(load), to_call.clone(), Arc::clone(&recycled));
            thread::spawn(move || {
                for (Request { number, stamp, buffer }, count) in to_call {
                    load.callback(number, stamp, &buffer[..count]);
                    home.give(buffer);
                }
            });
        }
        Ok(Self { load: Arc::clone(load), file, ring, free, recycled })
    }

    /// Submits reads into these buffers with one call.
    fn submit(&self, requests: impl Iterator<Item = (AlignedBuf, u64)>) -> Result<(), String> {
        // SAFETY: only this thread submits, and it holds one such queue at a time.
        let mut queue = unsafe { self.ring.ring.submission_shared() };
        for (mut buffer, number) in requests {
            let slot = self.free.recv().map_err(because("slots"))?;
            let stamp = self.load.stamp(number);
            let entry = read_into(&self.file, &mut buffer, self.load.offset(number));
            *self.ring.slots[slot].lock().unwrap() = Some(Request { number, stamp, buffer });
            // SAFETY: the buffer stays in the slot, and its memory where it is, until the
            // completion. The file is open as long as `self`, which waits for all completions.
            let pushed = unsafe { queue.push(&entry.user_data(slot as u64)) };
            pushed.map_err(because("submission queue"))?;
        }
        drop(queue);
        loop {
            match self.ring.ring.submit() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(drop).map_err(because("io_uring_enter")),
            }
        }
    }
}

/// The reaper.
fn reap(ring: &Ring, done: &Sender<(Request, usize)>) {
    loop {
        // SAFETY: the call submits nothing and passes no argument that would have to be valid.
        let entered =
            unsafe { ring.ring.submitter().enter::<libc::sigset_t>(0, 1, GETEVENTS, None) };
        match entered {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.expect("waiting for completions"),
        };
        // SAFETY: only this thread reaps, and it holds one such queue at a time.
        let queue = unsafe { ring.ring.completion_shared() };
        for event in queue {
            let slot = event.user_data() as usize;
            let request = mem::take(&mut *ring.slots[slot].lock().unwrap());
            let request = request.expect("the slot is taken");
            let _ = ring.free.send(slot);
            let _ = done.send((request, transferred(event.result())));
        }
    }
}

impl Contender for UringPool {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        let (mut at_hand, mut numbers) = (Vec::new(), range);
        while !numbers.is_empty() {
            self.recycled.take(&mut at_hand);
            let count = at_hand.len().min((numbers.end - numbers.start) as usize);
            let rest = at_hand.len() - count;
            self.submit(at_hand.drain(rest..).zip(numbers.by_ref()))?;
            at_hand.drain(..).for_each(|buffer| self.recycled.give(buffer));
        }
        drop(self.recycled.wait(self.load.task.depth));
        Ok(())
    }
}
