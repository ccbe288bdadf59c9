//! What is kept of a file from chunk to chunk, in bounded memory: a line whose end has not come
//! yet, and the lines before it that may have to be printed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The memory that several files share for such lines.
pub(crate) struct Room {
    /// In bytes.
    free: AtomicUsize,
    /// For a room that one line has at a time: the buffer of the last line, to be used again. An
    /// allocator keeps much of what each thread gives back, so that new ones would add up.
    used: Option<Mutex<Vec<u8>>>,
}

impl Room {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { free: AtomicUsize::new(bytes), used: None })
    }

    /// A room that only one line has at a time.
    pub(crate) fn for_one(bytes: usize) -> Arc<Self> {
        Arc::new(Self { free: AtomicUsize::new(bytes), used: Some(Mutex::default()) })
    }

    /// An empty buffer.
    fn buffer(&self) -> Vec<u8> {
        self.change_used(std::mem::take).unwrap_or_default()
    }

    /// Takes a buffer back, if there is use for it.
    fn keep(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.change_used(|used| *used = buffer);
    }

    fn change_used<R>(&self, change: impl FnOnce(&mut Vec<u8>) -> R) -> Option<R> {
        let used = self.used.as_ref()?;
        Some(change(&mut used.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Takes as many bytes as are free, from `least` to `most`. `None` if there are fewer.
    fn take(&self, least: usize, most: usize) -> Option<usize> {
        let left = |free: usize| (free >= least).then(|| free - free.min(most));
        // Relaxed: the bytes themselves are the allocator's.
        let free = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).ok()?;
        Some(free.min(most))
    }

    fn give_back(&self, bytes: usize) {
        self.free.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What is kept of one file. Gives back its room when dropped.
pub(crate) struct Carry {
    bytes: Vec<u8>,
    /// How much of the room this has, in bytes.
    taken: usize,
    room: Arc<Room>,
    /// How much may be kept, in bytes.
    max: usize,
}

/// Why there is no place for more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotCarried {
    /// Other files have the room.
    NoRoom,
    /// It would be more than may be kept of any file.
    TooLong,
}

impl Carry {
    pub(crate) fn new(room: &Arc<Room>, max: usize) -> Self {
        Self { bytes: Vec::new(), taken: 0, room: Arc::clone(room), max }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) -> Result<(), NotCarried> {
        let len = self.bytes.len() + bytes.len();
        if len > self.max {
            return Err(NotCarried::TooLong);
        }
        if len > self.taken {
            // Twice as much, if there is, so that a line which grows is not moved for each piece.
            let (least, most) = (len - self.taken, len.max(2 * self.taken) - self.taken);
            if self.taken == 0 {
                self.bytes = self.room.buffer();
            }
            self.taken += self.room.take(least, most).ok_or(NotCarried::NoRoom)?;
            self.bytes.reserve_exact(self.taken - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// All of it with its room. An empty one takes its place.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self::new(&self.room, self.max);
        std::mem::replace(self, empty)
    }

    /// Removes bytes from the beginning, whose room is for those that come.
    pub(crate) fn remove(&mut self, count: usize) {
        self.bytes.drain(..count);
    }
}

impl Drop for Carry {
    fn drop(&mut self) {
        if self.taken > 0 {
            self.room.keep(std::mem::take(&mut self.bytes));
            self.room.give_back(self.taken);
        }
    }
}
