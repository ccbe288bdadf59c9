//! The chain of a file's reads: each callback hashes what came, and submits the next read.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use blake3::{Hash, Hasher};
use crossbeam_channel::Sender;
use reapool::{AlignedBuf, Completion, FileHandle, Job};

use crate::Shared;
use crate::line::{Failure, Outcome};
use crate::open::{Opened, Place, is_invalid, open};

/// Direct reads begin at multiples of this.
const BLOCK: u64 = AlignedBuf::DEFAULT_ALIGNMENT as u64;

/// A file that is being read: what the callbacks of its reads hand on, each to the next.
pub(crate) struct Stream {
    hasher: Hasher,
    /// The file's length in bytes when it was opened.
    len: u64,
    /// See [`Outcome`].
    refusal: Option<io::Error>,
    outcome: Sender<Outcome>,
    shared: Arc<Shared>,
    place: Place,
}

impl Stream {
    pub(crate) fn start(
        opened: Opened,
        mut place: Place,
        outcome: Sender<Outcome>,
        shared: Arc<Shared>,
    ) {
        let Opened { file, len, refusal } = opened;
        // Kept for the next file: fresh memory for each, which the kernel has to zero and to pin
        // page by page, took four times as long.
        let buffer = place.buffer.take().unwrap_or_else(|| AlignedBuf::zeroed(shared.chunk));
        let stream = Self { hasher: Hasher::new(), len, refusal, outcome, shared, place };
        Box::new(stream).read(file.into(), buffer, 0);
    }

    fn read(self: Box<Self>, file: FileHandle, buffer: AlignedBuf, offset: u64) {
        let submitter = self.shared.submitter.clone();
        let limit = if file.is_direct() { self.direct_limit(offset) } else { usize::MAX };
        let job = Job::read(file, buffer, offset, move |done| self.proceed(done)).limit(limit);
        // A job that is not accepted comes back in the error. Dropped with it, the outcome's sender
        // tells the main thread.
        let _ = submitter.submit(job);
    }

    /// How many bytes a direct read asks for. The kernel fills what of the buffer lies behind the
    /// end of the file with zeros; not asking for that saved a quarter of the CPU time for files of
    /// some KiB. It is always more than the rest of the file, so that the read of its last byte is
    /// short, and no other has to look for the end. Once the file has turned out to be longer than
    /// it was, its length says nothing.
    fn direct_limit(&self, offset: u64) -> usize {
        let limit = self.len.checked_sub(offset).map(|rest| (rest / BLOCK + 1) * BLOCK);
        limit.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX)
    }

    /// The callback of each read.
    fn proceed(mut self: Box<Self>, done: Completion<AlignedBuf>) {
        self.hasher.update(done.data());
        let is_short = done.is_short();
        let Completion { file, buffer, offset, result, .. } = done;
        match result {
            Ok(count) => {
                let end = offset + count as u64;
                self.shared.progress.add_bytes(count);
                // A short read is not the end if the file was cut or grew meanwhile, if its length
                // says nothing (/proc), or if the device failed behind what it read.
                if count == 0 || (is_short && end == self.len) {
                    let hash = self.hasher.finalize();
                    self.end(Ok(hash), file, buffer);
                } else if self.shared.is_stopped() {
                    self.end(Err(Failure::Stopped), file, buffer);
                } else if file.is_direct() && !end.is_multiple_of(BLOCK) {
                    self.read_buffered(&file, buffer, end);
                } else {
                    self.read(file, buffer, end);
                }
            }
            // Some file systems open files with O_DIRECT and then refuse to read them.
            Err(error) if is_invalid(&error) && file.is_direct() => {
                self.refusal = Some(error);
                self.read_buffered(&file, buffer, offset);
            }
            // Some files in /proc can be read, but not with AIO.
            Err(error) if is_invalid(&error) => {
                self.read_here(file, buffer, offset);
            }
            Err(error) => self.end(Err(error.into()), file, buffer),
        }
    }

    /// Goes on through the page cache, where no offset is refused. The path could be another file's
    /// by now, but not that of the descriptor.
    fn read_buffered(self: Box<Self>, file: &FileHandle, buffer: AlignedBuf, offset: u64) {
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        match open(Path::new(&path), true, true) {
            Ok(Opened { file, .. }) => self.read(file.into(), buffer, offset),
            Err(failure) => self.end(Err(failure), file.clone(), buffer),
        }
    }

    /// Reads the rest on this worker, one piece after the other.
    fn read_here(mut self: Box<Self>, file: FileHandle, mut buffer: AlignedBuf, offset: u64) {
        buffer.resize(buffer.capacity());
        let result = self.hash_rest(&file, &mut buffer, offset);
        self.end(result, file, buffer);
    }

    fn hash_rest(
        &mut self,
        file: &FileHandle,
        buffer: &mut [u8],
        mut offset: u64,
    ) -> Result<Hash, Failure> {
        let file = File::from(file.as_fd().try_clone_to_owned()?);
        while !self.shared.is_stopped() {
            let count = file.read_at(buffer, offset)?;
            if count == 0 {
                return Ok(self.hasher.finalize());
            }
            self.hasher.update(&buffer[..count]);
            self.shared.progress.add_bytes(count);
            offset += count as u64;
        }
        Err(Failure::Stopped)
    }

    fn end(
        mut self: Box<Self>,
        result: Result<Hash, Failure>,
        file: FileHandle,
        buffer: AlignedBuf,
    ) {
        // Before the place is free for another file.
        drop(file);
        self.place.buffer = Some(buffer);
        if result.is_ok() {
            self.shared.progress.add_file();
        }
        let refusal = self.refusal.take();
        // Nobody listens after an error of the standard output.
        let _ = self.outcome.send(Outcome { result, refusal });
    }
}
