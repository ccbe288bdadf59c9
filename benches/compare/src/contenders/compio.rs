//! The runtime compio, on its io_uring driver.

#![expect(unsafe_code, reason = "a buffer type that compio doesn't know")]

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;

use compio::buf::{IoBuf, IoBufMut, SetLen};
use compio::driver::DriverType;
use compio::fs::{File, OpenOptions};
use compio::io::AsyncReadAt;
use compio::runtime::Runtime;
use reapool::AlignedBuf;

use super::contract::{Contender, because};
use super::crew::{Crew, Member};
use super::raw::shares;
use crate::load::{Load, Numbers};
use crate::memory;

/// An aligned buffer, for compio.
struct Aligned {
    memory: AlignedBuf,
    /// The number of bytes that a read has filled.
    len: usize,
}

impl IoBuf for Aligned {
    fn as_init(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl IoBufMut for Aligned {
    fn as_uninit(&mut self) -> &mut [MaybeUninit<u8>] {
        let all: &mut [u8] = &mut self.memory;
        // SAFETY: the memory and its length are the same. compio and the kernel write only
        // initialised bytes there, and nothing else reads it while the borrow lasts.
        unsafe { &mut *(std::ptr::from_mut(all) as *mut [MaybeUninit<u8>]) }
    }
}

impl SetLen for Aligned {
    unsafe fn set_len(&mut self, len: usize) {
        self.len = len;
    }
}

/// A runtime for each worker, each with its share of requests and depth. When callbacks compute, a
/// single runtime would keep one core busy and leave the others idle.
pub(super) struct Compio(Crew);

impl Compio {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let (load, depth) = (Arc::clone(load), load.task.depth);
        let threads = load.task.workers.min(depth);
        Crew::new(threads, move |index| member(&load, (depth + index) / threads)).map(Self)
    }
}

/// One thread's runtime, with `depth` tasks a run.
fn member(load: &Arc<Load>, depth: usize) -> Result<Member, String> {
    let runtime = Runtime::new().map_err(because("runtime"))?;
    if runtime.driver_type() != DriverType::IoUring {
        return Err("no io_uring".into());
    }
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(load.open_flags());
    let file = runtime.block_on(options.open(&load.task.place.path)).map_err(because("open"))?;
    let mut buffers = memory::buffers(&load.task, depth)?;
    let load = Arc::clone(load);
    Ok(Box::new(move |numbers: &Arc<Numbers>| {
        let tasks: Vec<_> = buffers
            .drain(..)
            .map(|buffer| {
                let (load, file) = (Arc::clone(&load), file.clone());
                runtime.spawn(chain(load, file, Arc::clone(numbers), buffer))
            })
            .collect();
        for task in tasks {
            buffers.push(runtime.block_on(task).expect("the task doesn't panic"));
        }
    }))
}

/// One task: read after read.
async fn chain(
    load: Arc<Load>,
    file: File,
    numbers: Arc<Numbers>,
    memory: AlignedBuf,
) -> AlignedBuf {
    let mut buffer = Aligned { memory, len: 0 };
    while let Some(number) = numbers.take() {
        let stamp = load.stamp(number);
        buffer.len = 0;
        let done = file.read_at(buffer, load.offset(number)).await;
        buffer = done.1;
        load.callback(number, stamp, &buffer.memory[..done.0.expect("the read succeeds")]);
    }
    buffer.memory
}

impl Contender for Compio {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        self.0.run(shares(range, self.0.len()))
    }
}
