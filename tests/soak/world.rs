//! What all realms have in common: the files, the memory, and the order to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reapool::{BufferPool, FileHandle};

use crate::dice::Dice;
use crate::shelf::{Purpose, Shelf, Span};
use crate::support::{eventfd, make_readable, null};
use crate::trouble::Troubles;

/// The most blocks of one job.
const BLOCKS_MOST: usize = 16;

pub(crate) struct World {
    pub(crate) shelves: Vec<Arc<Shelf>>,
    pub(crate) pool: BufferPool,
    pub(crate) null: FileHandle,
    /// Polls of this are over at once.
    pub(crate) ready: FileHandle,
    /// Polls of this wait until they are cancelled or late.
    pub(crate) never: FileHandle,
    pub(crate) troubles: Arc<Troubles>,
    is_over: AtomicBool,
}

impl World {
    pub(crate) fn new(shelves: Vec<Arc<Shelf>>, troubles: &Arc<Troubles>) -> Arc<Self> {
        let ready = eventfd();
        make_readable(&ready);
        // Little: it is to run out, and what is trimmed is to be needed again.
        let pool = BufferPool::builder().capacity(8 << 20).classes([4 << 10, 16 << 10, 64 << 10]);
        Arc::new(Self {
            shelves,
            pool: pool.build().unwrap(),
            null: null(),
            ready: ready.into(),
            never: eventfd().into(),
            troubles: Arc::clone(troubles),
            is_over: AtomicBool::new(false),
        })
    }

    /// Whether the actors are to come to an end. Orders nothing.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(crate) fn set_over(&self, is_over: bool) {
        self.is_over.store(is_over, Ordering::Relaxed);
    }

    /// Some blocks of some file.
    pub(crate) fn reserve(&self, dice: &mut Dice, purpose: Purpose) -> Option<Span> {
        let shelf = dice.pick(&self.shelves);
        let most = if dice.one_in(4) { BLOCKS_MOST } else { 2 };
        shelf.reserve(dice, purpose, most)
    }
}
