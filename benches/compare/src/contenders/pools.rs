//! Thread pools of other crates: rayon's, and tokio's for blocking work.

use std::cell::RefCell;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use reapool::AlignedBuf;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::contract::{Contender, because};
use crate::load::{Load, Stamp};
use crate::memory;

thread_local! {
    /// The buffer of one thread of a pool.
    static BUFFER: RefCell<Option<AlignedBuf>> = const { RefCell::new(None) };
}

/// Reads, and runs the callback, on a thread of a pool.
fn read(load: &Load, file: &File, number: u64, stamp: Stamp) {
    BUFFER.with_borrow_mut(|buffer| {
        let make = || memory::buffer(&load.task).expect("was possible before");
        let buffer = buffer.get_or_insert_with(make);
        let count = file.read_at(buffer, load.offset(number)).expect("the read succeeds");
        load.callback(number, stamp, &buffer[..count]);
    });
}

/// A parallel iterator over the numbers, in a pool of as many threads as the depth.
pub(super) struct Rayon {
    load: Arc<Load>,
    file: File,
    pool: rayon::ThreadPool,
}

impl Rayon {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        memory::buffer(&load.task)?;
        let file = load.open().map_err(because("open"))?;
        let builder = rayon::ThreadPoolBuilder::new().num_threads(load.task.depth);
        let pool = builder.build().map_err(because("thread pool"))?;
        Ok(Self { load: Arc::clone(load), file, pool })
    }
}

impl Contender for Rayon {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        let (load, file) = (&self.load, &self.file);
        let one = |number| read(load, file, number, load.stamp(number));
        self.pool.install(|| range.into_par_iter().for_each(one));
        Ok(())
    }
}

/// `spawn_blocking` for each read, with a semaphore of the depth.
pub(super) struct Tokio {
    load: Arc<Load>,
    file: Arc<File>,
    runtime: Runtime,
}

impl Tokio {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        memory::buffer(&load.task)?;
        let file = Arc::new(load.open().map_err(because("open"))?);
        // A single task starts all the blocking work, so one thread for tasks is enough.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(load.task.depth)
            .build()
            .map_err(because("runtime"))?;
        Ok(Self { load: Arc::clone(load), file, runtime })
    }
}

impl Contender for Tokio {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        let depth = self.load.task.depth;
        self.runtime.block_on(async {
            let places = Arc::new(Semaphore::new(depth));
            for number in range {
                let place = Arc::clone(&places).acquire_owned().await.map_err(because("place"))?;
                let (load, file) = (Arc::clone(&self.load), Arc::clone(&self.file));
                let stamp = load.stamp(number);
                tokio::task::spawn_blocking(move || {
                    read(&load, &file, number, stamp);
                    drop(place);
                });
            }
            let all = places.acquire_many(depth as u32).await.map_err(because("places"))?;
            drop(all);
            Ok(())
        })
    }
}
