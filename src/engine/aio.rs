//! The engine on Linux native AIO: one context, one control block for each slot.
//!
//! Safety: the control blocks are written here, while their slot belongs to the submitting thread,
//! and by the kernel during the submission, before it performs anything. Buffers and files behind them are kept alive by the slot table,
//! which holds the job from before its submission until its event has been looked up.

#![expect(unsafe_code, reason = "control blocks are shared with the kernel")]

use std::cell::{Cell, UnsafeCell};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::context::{Context, Retired};
use super::ring::Ring;
use super::{Engine, Errno, Event, Request, STOP, Transfer};
use crate::engine::operation::Operation;
use crate::engine::token::index_of;
use crate::sys::aio::{self as sys, iocb};
use crate::sys::descriptor;

/// How often [`Aio::wake`] tries again before it reports that the kernel doesn't take its request.
const WAKE_TRIES: usize = 1000;

/// How many events are taken by one call.
const MOST: usize = 256;

thread_local! {
    /// The pointers of one batch, kept so that a submission allocates nothing.
    static POINTERS: Cell<Vec<*mut iocb>> = const { Cell::new(Vec::new()) };
}

pub(crate) struct Aio {
    id: sys::aio_context_t,
    /// Until `close`.
    context: Mutex<Option<Context>>,
    /// Looked at by the waiter only, which is also who ends the context.
    ring: Option<Ring>,
    /// One control block a slot, and one for the request that wakes the waiter.
    control_blocks: Box<[ControlBlock]>,
    /// An eventfd whose counter is 1, so that reading it completes at once.
    stop_file: File,
    /// Where that read puts the counter.
    stop_buffer: UnsafeCell<u64>,
    /// An eventfd on which the kernel counts completions.
    counter: Option<Arc<File>>,
}

/// At a stable address as long as its request is in flight: the kernel copies it, but tools such as
/// memcheck follow `io_event.obj` to it.
struct ControlBlock(UnsafeCell<iocb>);

// SAFETY: a control block is written by `Aio::submit` and `Aio::wake` alone. `submit` writes the
// one of a token that its caller has exclusively (no request with that token is in flight), and
// `wake` is called once. So no two threads access one at a time. `cancel` only names its address to
// the kernel, which may read one word of it meanwhile.
unsafe impl Sync for ControlBlock {}

// SAFETY: `stop_buffer` is never accessed by this program, only by the kernel, for the one read
// that `wake` submits. All other fields are `Sync`.
unsafe impl Sync for Aio {}

impl Aio {
    /// Makes a context for `depth` requests and the one that wakes the waiter. The kernel counts
    /// completions on the eventfd, if there is one, each when its event can be taken
    /// (`aio_complete` of its `fs/aio.c`).
    pub(crate) fn new(depth: u32, counter: Option<Arc<File>>) -> Result<Self, Errno> {
        let stop_file = File::from(descriptor::eventfd(1, 0).map_err(Errno::of)?);
        let control_blocks =
            (0..=depth).map(|_| ControlBlock(UnsafeCell::new(iocb::default()))).collect();
        let context = Context::new(depth + 1)?;
        let id = context.id();
        // SAFETY: the context is fresh. It is taken out by `close`, which the engine's contract has
        // the waiter call after its last use of the ring, or else dropped together with the ring.
        let ring = unsafe { Ring::of(id) };
        Ok(Self {
            id,
            context: Mutex::new(Some(context)),
            ring,
            control_blocks,
            stop_file,
            stop_buffer: UnsafeCell::new(0),
            counter,
        })
    }

    fn get_events(
        &self,
        events: &mut Vec<Event>,
        least: usize,
        most: usize,
        limit: Option<Duration>,
    ) -> Result<(), Errno> {
        let mut buffer = [sys::io_event::default(); MOST];
        let buffer = &mut buffer[..most.min(MOST)];
        let count = sys::io_getevents(self.id, least.min(buffer.len()), buffer, limit)?;
        events.extend(
            buffer[..count].iter().map(|event| Event { token: event.data, res: event.res }),
        );
        Ok(())
    }
}

fn control_block(token: u64, transfer: &Transfer) -> iocb {
    let opcode = match transfer.operation {
        Operation::Read => sys::IOCB_CMD_PREAD,
        Operation::Write => sys::IOCB_CMD_PWRITE,
        Operation::ReadVectored => sys::IOCB_CMD_PREADV,
        Operation::WriteVectored => sys::IOCB_CMD_PWRITEV,
        Operation::SyncAll => sys::IOCB_CMD_FSYNC,
        Operation::SyncData => sys::IOCB_CMD_FDSYNC,
        Operation::Poll => sys::IOCB_CMD_POLL,
        Operation::Nop | Operation::Blocking => unreachable!("the kernel has no part in these"),
    };
    iocb {
        aio_data: token,
        aio_lio_opcode: opcode,
        aio_fildes: transfer.fd.cast_unsigned(),
        aio_buf: transfer.address,
        aio_nbytes: transfer.length,
        // The kernel's offset is signed: one above `i64::MAX` arrives as negative, and the kernel
        // answers EINVAL, which reaches the callback like every answer of the kernel.
        aio_offset: transfer.offset.cast_signed(),
        aio_rw_flags: if transfer.nowait { libc::RWF_NOWAIT } else { 0 },
        ..iocb::default()
    }
}

impl Engine for Aio {
    unsafe fn submit(&self, batch: &[Request]) -> Result<usize, Errno> {
        // Values of other thread-locals may submit when they are dropped, after this one was.
        let mut pointers = POINTERS.try_with(Cell::take).unwrap_or_default();
        for request in batch {
            let block = self.control_blocks[index_of(request.token)].0.get();
            let mut written = control_block(request.token, &request.transfer);
            if let Some(counter) = &self.counter {
                written.aio_flags |= sys::IOCB_FLAG_RESFD;
                written.aio_resfd = counter.as_raw_fd().cast_unsigned();
            }
            // SAFETY: the pointer is to a live element of `control_blocks`. Nobody else accesses
            // it: the caller has the token to itself, and the kernel has finished with the slot's
            // earlier request, as its event was returned.
            unsafe { block.write(written) };
            pointers.push(block);
        }
        // SAFETY: the pointers are to control blocks just initialised, which nobody writes until
        // their tokens are free again; that what they describe stays valid until then is this
        // method's own contract.
        let answer = unsafe { sys::io_submit(self.id, &mut pointers) };
        pointers.clear();
        let _ = POINTERS.try_with(|kept| kept.set(pointers));
        answer
    }

    fn cancel(&self, token: u64) -> bool {
        // The kernel only compares the address, and reads a constant behind it; if this request is just
        // being written there, or has been replaced, it finds none.
        sys::io_cancel(self.id, self.control_blocks[index_of(token)].0.get())
    }

    fn wait(
        &self,
        events: &mut Vec<Event>,
        least: usize,
        limit: Option<Duration>,
    ) -> Result<(), Errno> {
        self.get_events(events, least, MOST, limit)
    }

    fn take(&self, events: &mut Vec<Event>, most: usize) -> Result<(), Errno> {
        self.get_events(events, 0, most, Some(Duration::ZERO))
    }

    fn ready(&self) -> Option<usize> {
        self.ring.as_ref().map(Ring::ready)
    }

    fn wake(&self) -> Result<(), Errno> {
        let transfer = Transfer {
            operation: Operation::Read,
            fd: self.stop_file.as_raw_fd(),
            address: self.stop_buffer.get().expose_provenance() as u64,
            length: size_of::<u64>() as u64,
            offset: 0,
            nowait: false,
        };
        let block = self.control_blocks[self.control_blocks.len() - 1].0.get();
        // SAFETY: the last control block belongs to no slot; this method alone uses it, once.
        unsafe { block.write(control_block(STOP, &transfer)) };
        let mut refusal = Errno(libc::EAGAIN);
        for _ in 0..WAKE_TRIES {
            // SAFETY: the control block is initialised and stays as it is. Its buffer is a field
            // of `self`, which the waiter holds until it has reaped this event, and that nobody
            // else accesses. One request of the context was set aside for it.
            match unsafe { sys::io_submit(self.id, &mut [block]) } {
                Ok(_) => return Ok(()),
                Err(errno) => refusal = errno,
            }
            thread::yield_now();
        }
        Err(refusal)
    }

    fn close(&self) -> Option<Retired> {
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner).take();
        context.map(Retired::new)
    }
}
