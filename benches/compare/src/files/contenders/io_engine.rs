//! The crate io-engine: its AIO driver with `O_DIRECT`, and threads that open.

#![expect(unsafe_code, reason = "memory in huge pages that io-engine only refers to")]

use std::alloc::{Layout, alloc, handle_alloc_error};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use blake3::{Hash, Hasher};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use crossfire::{MRx, MTx, mpmc, mpsc};
use io_buffer::Buffer;
use io_engine::{CbArgs, Driver, IOAction, IOEvent, setup};
use rustix::io::Errno;

use super::contract::{Paths, in_order};
use super::piece::PIECE;
use crate::load::Numbers;
use crate::stop::{Trouble, failed};

/// The number of buffers, and so of files that are read at a time.
const FILES: usize = 64;
const OPENERS: usize = 16;
/// Offsets and lengths of direct reads are multiples of this.
const BLOCK: u64 = 4096;
const HUGE: usize = 2 << 20;

/// A file that is being read, and everything that its callbacks need.
struct Open {
    shared: Arc<Shared>,
    index: usize,
    file: File,
    size: u64,
    offset: u64,
    hasher: Hasher,
}

impl CbArgs for Open {}

type Event = Box<IOEvent<Open>>;
type Found = Result<(usize, Hash), Trouble>;

struct Shared {
    paths: Paths,
    numbers: Numbers,
    submit: MTx<mpsc::Array<Event>>,
    home: Sender<Buffer>,
    free: Receiver<Buffer>,
    found: Sender<Found>,
}

pub(super) fn digests(paths: &Paths) -> Result<Vec<Hash>, Trouble> {
    let (submit, to_submit) = mpsc::bounded_blocking(FILES);
    let (done, to_call) = mpmc::bounded_blocking(FILES);
    // io-engine's submitting thread spins while it has an event at hand and no free slot. With
    // twice the slots that never happens. The buffers bound the requests in the kernel.
    setup::<Open, _, _>(2 * FILES, to_submit, done, Driver::Aio).map_err(failed("setup"))?;
    for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
        let to_call: MRx<mpmc::Array<Event>> = to_call.clone();
        thread::spawn(move || {
            while let Ok(event) = to_call.recv() {
                event.callback_unchecked(|open: Open, _offset, result| open.go_on(result));
            }
        });
    }
    let (home, free) = bounded(FILES);
    for buffer in buffers() {
        home.send(buffer).map_err(failed("buffers"))?;
    }
    let (found, all) = unbounded();
    let numbers = Numbers::new(0..paths.len() as u64);
    let shared = Shared { paths: Arc::clone(paths), numbers, submit, home, free, found };
    let shared = Arc::new(shared);
    for _ in 0..OPENERS {
        let shared = Arc::clone(&shared);
        thread::spawn(move || open_all(&shared));
    }
    let found = all.iter().take(paths.len()).collect::<Result<Vec<_>, _>>()?;
    in_order(found, paths.len())
}

/// Buffers in huge pages. They are never freed.
fn buffers() -> Vec<Buffer> {
    let layout = Layout::from_size_align(FILES * PIECE, HUGE).expect("small and a power of two");
    // SAFETY: the layout's size is not zero.
    let memory = unsafe { alloc(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    // SAFETY: the range is this allocation, and advice changes no contents. If the kernel does not
    // take the advice, there are small pages, which work as well.
    let _ = unsafe { libc::madvise(memory.cast(), layout.size(), libc::MADV_HUGEPAGE) };
    let buffer = |number: usize| {
        // SAFETY: the piece lies within the allocation.
        let piece = unsafe { memory.add(number * PIECE) };
        // SAFETY: the memory is never freed, and no other buffer refers to this piece. Only bytes
        // that a read has filled are seen: the engine shortens the buffer to the length it read.
        unsafe { Buffer::from_c_ref_mut(piece.cast(), PIECE as i32) }
    };
    (0..FILES).map(buffer).collect()
}

fn open_all(shared: &Arc<Shared>) {
    while let Some(number) = shared.numbers.take() {
        let index = number as usize;
        let path = &shared.paths[index];
        match open(path) {
            Ok((_, 0)) => shared.found(Ok((index, Hasher::new().finalize()))),
            Ok((file, size)) => {
                let Ok(buffer) = shared.free.recv() else { return };
                let (shared, hasher) = (Arc::clone(shared), Hasher::new());
                Open { shared, index, file, size, offset: 0, hasher }.submit(buffer);
            }
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                let reason = "the file system has no direct I/O".to_owned();
                shared.found(Err(Trouble::Unavailable(reason)));
            }
            Err(error) => shared.found(Err(failed(path.display())(error))),
        }
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

impl Shared {
    /// Once the run has failed, nothing receives this any more.
    fn found(&self, found: Found) {
        let _ = self.found.send(found);
    }
}

impl Open {
    fn submit(self, mut buffer: Buffer) {
        let rest = (self.size - self.offset).next_multiple_of(BLOCK);
        buffer.set_len(rest.min(PIECE as u64) as usize);
        let (fd, offset) = (self.file.as_raw_fd(), self.offset.cast_signed());
        let shared = Arc::clone(&self.shared);
        let mut event = Box::new(IOEvent::new(fd, buffer, IOAction::Read, offset));
        event.set_args(self);
        assert!(shared.submit.send(event).is_ok(), "the engine lives");
    }

    /// The callback. The last read of a file is short, unless its size is a multiple of a block.
    fn go_on(mut self, result: Result<Option<Buffer>, Errno>) {
        let path = self.shared.paths[self.index].display();
        let buffer = match result {
            Ok(buffer) => buffer.expect("reads have buffers"),
            Err(error) => return self.shared.found(Err(failed(path)(error))),
        };
        self.hasher.update(&buffer);
        self.offset += buffer.len() as u64;
        if self.offset >= self.size {
            let _ = self.shared.home.send(buffer);
            self.shared.found(Ok((self.index, self.hasher.finalize())));
        } else if buffer.is_empty() || !self.offset.is_multiple_of(BLOCK) {
            self.shared.found(Err(failed(path)("it has become shorter")));
        } else {
            self.submit(buffer);
        }
    }
}
