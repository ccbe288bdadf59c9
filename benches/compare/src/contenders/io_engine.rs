//! The crate io-engine: its AIO driver, and a pool behind a crossfire channel.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use crossfire::{MRx, MTx, mpmc, mpsc};
use io_buffer::Buffer;
use io_engine::{CbArgs, Driver, IOAction, IOEvent, setup};

use super::contract::{Contender, because};
use crate::load::{Load, Numbers, Stamp};

/// A callback gets this besides the result.
struct Request {
    number: u64,
    stamp: Stamp,
    run: Arc<Run>,
}

impl CbArgs for Request {}

type Event = Box<IOEvent<Request>>;

/// The state that the callbacks of a run share. Each callback submits the next read of its chain,
/// which saves io-engine the way back to an outside thread.
struct Run {
    load: Arc<Load>,
    file: Arc<File>,
    numbers: Numbers,
    submit: MTx<mpsc::Array<Event>>,
    ended: Sender<Buffer>,
}

/// Chains of reads through the engine.
pub(super) struct Engine {
    load: Arc<Load>,
    file: Arc<File>,
    submit: MTx<mpsc::Array<Event>>,
    home: Sender<Buffer>,
    ended: Receiver<Buffer>,
}

impl Engine {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let depth = load.task.depth;
        let (submit, to_submit) = mpsc::bounded_blocking(depth);
        let (done, to_call) = mpmc::bounded_blocking(depth);
        // io-engine's submitting thread spins while it has an event at hand and no free slot. With
        // twice the slots that never happens. The chains bound the requests in the kernel.
        setup::<Request, _, _>(2 * depth, to_submit, done, Driver::Aio)
            .map_err(because("setup"))?;
        for _ in 0..load.task.workers {
            let to_call: MRx<mpmc::Array<Event>> = to_call.clone();
            thread::spawn(move || {
                while let Ok(event) = to_call.recv() {
                    event.callback_unchecked(|request: Request, _offset, result| {
                        let data = result.expect("the read succeeds").expect("reads have buffers");
                        request.run.load.callback(request.number, request.stamp, &data);
                        go_on(&request.run, data);
                    });
                }
            });
        }
        let (home, ended) = bounded(depth);
        for _ in 0..depth {
            let mut buffer = Buffer::aligned(load.task.block as i32).map_err(because("buffer"))?;
            buffer.zero();
            home.send(buffer).map_err(because("buffers"))?;
        }
        let file = Arc::new(load.open().map_err(because("open"))?);
        Ok(Self { load: Arc::clone(load), file, submit, home, ended })
    }
}

/// Submits the next read of a chain, or ends it.
fn go_on(run: &Arc<Run>, mut buffer: Buffer) {
    let Some(number) = run.numbers.take() else {
        let _ = run.ended.send(buffer);
        return;
    };
    // The engine has shortened the buffer to the length that was read.
    buffer.set_len(run.load.task.block);
    let (offset, fd) = (run.load.offset(number).cast_signed(), run.file.as_raw_fd());
    let stamp = run.load.stamp(number);
    let mut event = Box::new(IOEvent::new(fd, buffer, IOAction::Read, offset));
    event.set_args(Request { number, stamp, run: Arc::clone(run) });
    assert!(run.submit.send(event).is_ok(), "the engine lives");
}

impl Contender for Engine {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        let run = Arc::new(Run {
            load: Arc::clone(&self.load),
            file: Arc::clone(&self.file),
            numbers: Numbers::new(range),
            submit: self.submit.clone(),
            ended: self.home.clone(),
        });
        let depth = self.load.task.depth;
        let take = || self.ended.recv().map_err(because("buffers"));
        let first: Vec<_> = (0..depth).map(|_| take()).collect::<Result<_, _>>()?;
        first.into_iter().for_each(|buffer| go_on(&run, buffer));
        // A chain gives its buffer back when it ends. When all buffers are here, all have ended.
        let all: Vec<_> = (0..depth).map(|_| take()).collect::<Result<_, _>>()?;
        all.into_iter().try_for_each(|buffer| self.home.send(buffer).map_err(because("buffers")))
    }
}
