//! The engine on Linux native AIO: one context, and one control block for each slot.
//!
//! Safety: this file writes a control block while its slot belongs to the submitting thread. The
//! kernel writes it during the submission, before it performs anything. The slot table keeps buffer
//! and file alive: it holds the job from before its submission until its event has been looked up.

#![expect(unsafe_code, reason = "control blocks are shared with the kernel")]

use std::cell::{Cell, UnsafeCell};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::thread;
use std::time::Duration;

use super::context::{Context, Retired};
use super::ring::Ring;
use super::{Engine, Errno, Event, Request, STOP, Transfer};
use crate::engine::index_of;
use crate::engine::operation::Operation;
use crate::sync::{Arc, Mutex, lock};
use crate::sys::aio::{self as sys, iocb};
use crate::sys::{descriptor, signals};

/// How often [`Aio::wake`] tries again before it reports that the kernel doesn't take its request.
const WAKE_TRIES: usize = 1000;

/// The most events that one call of io_getevents(2) takes.
const EVENTS_MAX: usize = 256;

thread_local! {
    /// The pointers of one batch. The list is kept so that a submission allocates nothing.
    static POINTERS: Cell<Vec<*mut iocb>> = const { Cell::new(Vec::new()) };
}

pub(crate) struct Aio {
    id: sys::aio_context_t,
    /// The context, until `close`.
    context: Mutex<Option<Context>>,
    /// Only the waiter looks at it, and the waiter ends the context too.
    ring: Option<Ring>,
    /// One control block for each slot, and one for the request that wakes the waiter.
    control_blocks: Box<[ControlBlock]>,
    /// An eventfd whose counter is 1, so that reading it completes at once.
    stop_file: File,
    /// That read puts the counter here.
    stop_buffer: UnsafeCell<u64>,
    /// An eventfd on which the kernel counts completions.
    counter: Option<Arc<File>>,
}

/// It stays at its address while its request is in flight. The kernel copies it, but tools such as
/// memcheck follow `io_event.obj` to it.
struct ControlBlock(UnsafeCell<iocb>);

// SAFETY: only `Aio::submit` and `Aio::wake` write control blocks. `submit` writes that of a token
// which its caller has exclusively, as no request with that token is in flight. `wake` is called
// once, and has a block of its own. So no two threads access a block at the same time. `cancel`
// only names a block's address to the kernel, which may read one word of it meanwhile.
unsafe impl Sync for ControlBlock {}

// SAFETY: this program never accesses `stop_buffer`. Only the kernel does, for the one read that
// `wake` submits. All other fields are `Sync`.
unsafe impl Sync for Aio {}

impl Aio {
    /// Makes a context for `depth` requests and the one that wakes the waiter. If there is an
    /// eventfd, the kernel counts completions on it, each when its event can be taken
    /// (`aio_complete` in the kernel's `fs/aio.c`).
    pub(crate) fn new(depth: u32, counter: Option<Arc<File>>) -> Result<Self, Errno> {
        let stop_file = File::from(descriptor::eventfd(1, 0).map_err(Errno::of)?);
        let control_blocks =
            (0..=depth).map(|_| ControlBlock(UnsafeCell::new(iocb::default()))).collect();
        let context = Context::new(depth + 1)?;
        let id = context.id();
        // SAFETY: the context is fresh. By the engine's contract the waiter calls `close`, which
        // takes the context out, after its last use of the ring. Without `close`, context and ring
        // are dropped together.
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
        let mut buffer = [MaybeUninit::uninit(); EVENTS_MAX];
        let buffer = &mut buffer[..most.min(EVENTS_MAX)];
        let written = sys::io_getevents(self.id, least.min(buffer.len()), buffer, limit)?;
        events.extend(written.iter().map(|event| Event { token: event.data, res: event.res }));
        Ok(())
    }
}

/// The control block of a request. If there is a `counter`, the kernel adds 1 to it when the
/// request has completed.
#[inline]
fn control_block(token: u64, transfer: &Transfer, counter: Option<RawFd>) -> iocb {
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
        // The kernel's offset is signed. An offset above `i64::MAX` arrives as a negative one, and
        // the kernel answers EINVAL, which reaches the callback like all its answers.
        aio_offset: transfer.offset.cast_signed(),
        aio_rw_flags: if transfer.nowait { libc::RWF_NOWAIT } else { 0 },
        aio_flags: if counter.is_some() { sys::IOCB_FLAG_RESFD } else { 0 },
        aio_resfd: counter.map_or(0, RawFd::cast_unsigned),
        ..iocb::default()
    }
}

impl Engine for Aio {
    unsafe fn submit(&self, batch: &[Request]) -> Result<usize, Errno> {
        // When other thread-local values are destroyed, they may submit after this one is gone.
        let mut pointers = POINTERS.try_with(Cell::take).unwrap_or_default();
        let counter = self.counter.as_ref().map(AsRawFd::as_raw_fd);
        for request in batch {
            let block = self.control_blocks[index_of(request.token)].0.get();
            let written = control_block(request.token, &request.transfer, counter);
            // SAFETY: the pointer is to a live element of `control_blocks`. Nobody else accesses
            // it: the caller has the token to itself, and the event of the slot's earlier request
            // was returned, so the kernel has finished with that.
            unsafe { block.write(written) };
            pointers.push(block);
        }
        // SAFETY: the pointers are to control blocks just initialised, which nobody writes until
        // their tokens are free again. By this method's own contract the memory and files that they
        // describe stay valid until then.
        let mut submit = || unsafe { sys::io_submit(self.id, &mut pointers) };
        let answer = if batch.iter().any(|request| request.transfer.may_raise_sigpipe) {
            // The kernel writes to pipes and sockets during the call.
            signals::without_sigpipe(submit)
        } else {
            submit()
        };
        pointers.clear();
        let _ = POINTERS.try_with(|kept| kept.set(pointers));
        answer
    }

    fn cancel(&self, token: u64) -> bool {
        // Held, so that the context is not destroyed meanwhile, and another given its name.
        let context = lock(&self.context);
        // The kernel only compares the address, and reads a constant behind it. It finds no request
        // if this one is just being written there, or has been replaced.
        context.is_some() && sys::io_cancel(self.id, self.control_blocks[index_of(token)].0.get())
    }

    fn wait(
        &self,
        events: &mut Vec<Event>,
        least: usize,
        limit: Option<Duration>,
    ) -> Result<(), Errno> {
        self.get_events(events, least, EVENTS_MAX, limit)
    }

    fn take(&self, events: &mut Vec<Event>, most: usize) -> Result<(), Errno> {
        self.get_events(events, 0, most, Some(Duration::ZERO))
    }

    fn ready(&self) -> Option<usize> {
        self.ring.as_ref().map(Ring::ready)
    }

    fn wake(&self) -> Result<(), Errno> {
        let memory = self.stop_buffer.get().cast();
        let transfer = Transfer::read(self.stop_file.as_raw_fd(), memory, size_of::<u64>(), 0);
        let block = self.control_blocks[self.control_blocks.len() - 1].0.get();
        // SAFETY: the last control block belongs to no slot. Only this method uses it, once.
        unsafe { block.write(control_block(STOP, &transfer, None)) };
        let mut refusal = Errno(libc::EAGAIN);
        for _ in 0..WAKE_TRIES {
            // SAFETY: the control block is initialised and stays as it is. Its buffer is a field of
            // `self` that nobody else accesses, and the waiter holds `self` until it has reaped
            // this event. One request of the context was set aside for it.
            match unsafe { sys::io_submit(self.id, &mut [block]) } {
                Ok(_) => return Ok(()),
                Err(errno) => refusal = errno,
            }
            thread::yield_now();
        }
        Err(refusal)
    }

    fn close(&self) -> Option<Retired> {
        let context = lock(&self.context).take();
        context.map(Retired::new)
    }
}
