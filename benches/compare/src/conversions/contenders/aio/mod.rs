//! The floor: native AIO by hand. Threads open files. There is a loop for each core, which reads,
//! writes and renames.

#![expect(unsafe_code, reason = "requests whose buffers the kernel uses")]

mod conversion;

use std::fs::{self, File};
use std::io::{self, Write};
use std::mem;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use io_engine_aio_bindings::{io_event, iocb};
use reapool::PoolBuf;

use super::super::transform::transform;
use super::super::workload::Workload;
use super::{PIECE, Work};
use crate::aio::Aio;
use crate::load::Numbers;
use crate::memory::Buffer;
use crate::stop::{Trouble, failed};
use conversion::{BLOCK, Conversion, writes_directly};

/// The pieces of each loop that are read or written at a time.
const DEPTH: usize = 32;
/// The threads that open files.
const OPENERS: usize = 8;

/// `IOCB_CMD_*` of `linux/aio_abi.h`.
const PREAD: u16 = 0;
const PWRITE: u16 = 1;
const FSYNC: u16 = 2;

type Opened<'a> = Receiver<Result<Conversion<'a>, Trouble>>;

pub(super) fn convert(work: &Work) -> Result<(), Trouble> {
    let numbers = Numbers::new(0..work.pairs.len() as u64);
    let (send, opened) = bounded(2 * DEPTH);
    thread::scope(|scope| {
        for _ in 0..OPENERS {
            let (send, numbers) = (send.clone(), &numbers);
            scope.spawn(move || {
                while let Some(number) = numbers.take() {
                    let pair = &work.pairs[number as usize];
                    // Loops that have failed receive nothing.
                    let _ = send.send(Conversion::begin(pair, work.workload));
                }
            });
        }
        drop(send);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let member = |opened| move || Loop::new(work, opened)?.run();
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(member(opened.clone()))).collect();
        drop(opened);
        threads.into_iter().try_for_each(|thread| thread.join().expect("panics abort"))
    })
}

/// What a slot is busy with.
enum Step {
    Read,
    Write,
    Sync,
    SyncDirectory(File),
}

struct Slot<'a> {
    file: Rc<Conversion<'a>>,
    offset: u64,
    len: u64,
    step: Step,
}

struct Loop<'a> {
    work: &'a Work,
    opened: Opened<'a>,
    /// Dropped before the buffers.
    aio: Aio,
    iocbs: Vec<iocb>,
    pointers: Vec<*mut iocb>,
    buffers: Vec<PoolBuf>,
    slots: Vec<Option<Slot<'a>>>,
    free: Vec<usize>,
    /// The file whose pieces are to be read next, from this offset on.
    next: Option<(Rc<Conversion<'a>>, u64)>,
}

impl<'a> Loop<'a> {
    fn new(work: &'a Work, opened: Opened<'a>) -> Result<Self, Trouble> {
        let mut buffers = PoolBuf::make(PIECE, DEPTH).map_err(failed("buffers"))?;
        buffers.iter_mut().for_each(|buffer| buffer.resize(PIECE));
        Ok(Self {
            work,
            opened,
            aio: Aio::new(DEPTH).map_err(failed("io_setup"))?,
            iocbs: vec![iocb::default(); DEPTH],
            pointers: Vec::with_capacity(DEPTH),
            buffers,
            slots: (0..DEPTH).map(|_| None).collect(),
            free: (0..DEPTH).collect(),
            next: None,
        })
    }

    fn run(&mut self) -> Result<(), Trouble> {
        let mut events = vec![io_event::default(); DEPTH];
        loop {
            self.fill()?;
            if self.free.len() == DEPTH {
                return Ok(());
            }
            // SAFETY: a slot's buffer is touched again only after its event, and the context is
            // dropped before the buffers.
            unsafe { self.aio.submit(&mut self.pointers) };
            for event in self.aio.wait(&mut events) {
                let slot = event.data as usize;
                let busy = self.slots[slot].take().expect("it has an event");
                let path = busy.file.pair.source.display();
                self.go_on(slot, &busy, event.res).map_err(failed(path))?;
            }
        }
    }

    /// Has a piece read into each slot that is free.
    fn fill(&mut self) -> Result<(), Trouble> {
        while let Some(&slot) = self.free.last() {
            let (file, offset) = match self.next.take() {
                Some(next) => next,
                None => {
                    let Some(opened) = self.next_opened() else { return Ok(()) };
                    (Rc::new(opened?), 0)
                }
            };
            self.free.pop();
            let len = (file.size - offset).min(PIECE as u64);
            if offset + len < file.size {
                self.next = Some((Rc::clone(&file), offset + len));
            }
            if len > 0 {
                self.start(slot, Slot { file, offset, len, step: Step::Read });
            } else {
                let path = file.pair.source.display();
                self.all_read(slot, &file).map_err(failed(path))?;
            }
        }
        Ok(())
    }

    /// Waits if there is nothing else to wait for. `None` if there is no file now, or no more.
    fn next_opened(&self) -> Option<Result<Conversion<'a>, Trouble>> {
        let idle = self.free.len() == DEPTH;
        if idle { self.opened.recv().ok() } else { self.opened.try_recv().ok() }
    }

    fn start(&mut self, slot: usize, busy: Slot<'a>) {
        let Slot { file, offset, len, step } = &busy;
        let (descriptor, opcode) = match step {
            Step::Read => (file.source.as_raw_fd(), PREAD),
            Step::Write => (file.target.as_raw_fd(), PWRITE),
            Step::Sync => (file.target.as_raw_fd(), FSYNC),
            Step::SyncDirectory(directory) => (directory.as_raw_fd(), FSYNC),
        };
        let mut iocb = iocb {
            aio_data: slot as u64,
            aio_lio_opcode: opcode,
            aio_fildes: descriptor.cast_unsigned(),
            ..iocb::default()
        };
        if opcode != FSYNC {
            let whole = opcode == PREAD || writes_directly(self.work.workload);
            let count = if whole { len.next_multiple_of(BLOCK) } else { *len };
            iocb.aio_buf = self.buffers[slot].as_mut_ptr().expose_provenance() as u64;
            iocb.aio_nbytes = count;
            iocb.aio_offset = offset.cast_signed();
        }
        self.iocbs[slot] = iocb;
        self.pointers.push(&raw mut self.iocbs[slot]);
        self.slots[slot] = Some(busy);
    }

    /// After a step of a slot.
    fn go_on(&mut self, slot: usize, busy: &Slot<'a>, result: i64) -> io::Result<()> {
        if result < 0 {
            return Err(io::Error::from_raw_os_error(-result as i32));
        }
        let (file, offset, len) = (Rc::clone(&busy.file), busy.offset, busy.len);
        let done = result.cast_unsigned();
        match busy.step {
            Step::Read if done != len => Err(io::Error::other("it has become shorter")),
            Step::Read if self.work.workload == Workload::Compress => {
                let bytes = &self.buffers[slot][..len as usize];
                file.contents.borrow_mut()[offset as usize..][..len as usize]
                    .copy_from_slice(bytes);
                if file.advance(len) { self.all_read(slot, &file) } else { self.free(slot) }
            }
            Step::Read => {
                self.start(slot, Slot { file, offset, len, step: Step::Write });
                Ok(())
            }
            Step::Write if done < len => Err(io::Error::other("a write was cut short")),
            Step::Write => {
                if file.advance(len) {
                    self.all_written(slot, file)
                } else {
                    self.free(slot)
                }
            }
            Step::Sync => self.rename(slot, file),
            Step::SyncDirectory(_) => self.free(slot),
        }
    }

    /// All that is to be compressed is there, or the file is empty.
    fn all_read(&mut self, slot: usize, file: &Rc<Conversion<'a>>) -> io::Result<()> {
        if self.work.workload == Workload::Compress {
            let (contents, mut compressed) = (mem::take(&mut *file.contents.borrow_mut()), vec![]);
            transform(Workload::Compress, &mut &contents[..], &mut compressed)?;
            (&file.target).write_all(&compressed)?;
        }
        self.all_written(slot, Rc::clone(file))
    }

    fn all_written(&mut self, slot: usize, file: Rc<Conversion<'a>>) -> io::Result<()> {
        if writes_directly(self.work.workload) {
            file.target.set_len(file.size)?;
        }
        if self.work.workload == Workload::Sync {
            self.start(slot, Slot { file, offset: 0, len: 0, step: Step::Sync });
            return Ok(());
        }
        self.rename(slot, file)
    }

    fn rename(&mut self, slot: usize, file: Rc<Conversion<'a>>) -> io::Result<()> {
        fs::rename(file.pair.temporary(), &file.pair.target)?;
        if self.work.workload == Workload::Sync {
            let step = Step::SyncDirectory(File::open(file.pair.directory())?);
            self.start(slot, Slot { file, offset: 0, len: 0, step });
            return Ok(());
        }
        self.free(slot)
    }

    #[expect(clippy::unnecessary_wraps, reason = "one of several ends of a step")]
    fn free(&mut self, slot: usize) -> io::Result<()> {
        self.free.push(slot);
        Ok(())
    }
}
