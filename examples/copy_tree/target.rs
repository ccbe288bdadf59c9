//! A file of the target, from its first write to its name.
//!
//! Its writes are in flight side by side, and each holds a share in it. The callback of a write, or
//! the end of the source, completes the file when it gives back the last share.

use std::fs::{File, FileTimes, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reapool::{Completion, FileHandle, IoBuf, Job, Metadata, Submitter};
use tempfile::TempPath;

use crate::partial::Place;

/// Direct writes begin and end at multiples of this.
const BLOCK: usize = 4096;

const SET_ID_BITS: u32 = 0o6000;

/// How files are written.
#[derive(Clone)]
pub(crate) struct Manner {
    pub(crate) submitter: Submitter,
    /// Files of at least so many bytes are written with `O_DIRECT`.
    pub(crate) direct_from: u64,
    /// Each file is made durable before it gets its name.
    pub(crate) sync: bool,
}

/// Tells what became of a file. Nothing is sent if it was given up.
pub(crate) type Outcome = SyncSender<io::Result<()>>;

pub(crate) struct Target {
    manner: Manner,
    place: Place,
    /// The source's.
    metadata: Metadata,
    outcome: Outcome,
    file: Arc<File>,
    buffered: FileHandle,
    direct: Option<FileHandle>,
    partial: TempPath,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The first error.
    error: Option<io::Error>,
    /// How many bytes there are, once all have come. A target that never learns this is given up.
    total: Option<u64>,
}

impl Target {
    pub(crate) fn create(
        manner: Manner,
        place: Place,
        metadata: Metadata,
        outcome: Outcome,
    ) -> io::Result<Arc<Self>> {
        let open = |direct: bool| {
            let mut options = OpenOptions::new();
            options.write(true).create_new(!direct).mode(0o600);
            options.custom_flags(if direct { libc::O_DIRECT } else { 0 }).clone()
        };
        let (file, partial) = place.begin(|path| open(false).open(path))?;
        let mut direct = None;
        if metadata.size >= manner.direct_from {
            // If the file system has no direct I/O, writes go through the page cache.
            direct = open(true).open(&partial).ok().map(FileHandle::from);
            // A write that makes the file longer would block its submission.
            file.set_len(metadata.size)?;
        }
        let file = Arc::new(file);
        let (buffered, state) = (FileHandle::from(&file), Mutex::default());
        let target =
            Self { manner, place, metadata, outcome, file, buffered, direct, partial, state };
        Ok(Arc::new(target))
    }

    /// Begins to write a piece of the file. False if the file is lost already.
    pub(crate) fn write(self: &Arc<Self>, mut chunk: reapool::Chunk) -> bool {
        let offset = chunk.offset();
        let whole = match &self.direct {
            Some(_) if offset.is_multiple_of(BLOCK as u64) => chunk.len() / BLOCK * BLOCK,
            _ => 0,
        };
        if whole > 0 && whole < chunk.len() {
            let rest = chunk[whole..].to_vec();
            self.submit(&self.buffered, rest, offset + whole as u64);
            chunk.truncate(whole);
        }
        match &self.direct {
            Some(direct) if whole > 0 => self.submit(direct, chunk, offset),
            _ => self.submit(&self.buffered, chunk, offset),
        }
        self.state().error.is_none()
    }

    /// Takes note that all of the source has been read.
    pub(crate) fn finish(self: Arc<Self>, total: u64) {
        self.state().total = Some(total);
        self.release();
    }

    fn submit<B: IoBuf + 'static>(self: &Arc<Self>, file: &FileHandle, buffer: B, offset: u64) {
        let target = Arc::clone(self);
        let job = Job::write(file, buffer, offset, move |done| {
            target.written(done);
            target.release();
        });
        let job = job.exact();
        if let Err(refused) = self.manner.submitter.submit(job) {
            self.fail(io::Error::other(refused.to_string()));
        }
    }

    fn written<B: IoBuf + 'static>(self: &Arc<Self>, done: Completion<B>) {
        match done.result {
            Ok(_) => {}
            // Some file systems open files with O_DIRECT and then refuse to write them.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && done.file.is_direct() => {
                self.submit(&self.buffered, done.buffer, done.offset);
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&self, error: io::Error) {
        self.state().error.get_or_insert(error);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(self: Arc<Self>) {
        if let Some(target) = Arc::into_inner(self) {
            target.conclude();
        }
    }

    /// Completes the file when no write is in flight any more. The last steps block, so a blocking
    /// thread takes them.
    fn conclude(self) {
        let Some(total) = self.state().total else { return };
        let submitter = self.manner.submitter.clone();
        let job = Job::blocking(
            move || self.settle(total),
            |(outcome, result)| {
                // Nobody listens after an error of the run.
                let _ = outcome.send(result);
            },
        );
        // If it is refused, the outcome is dropped with it, and the receiver notices that.
        let _ = submitter.submit(job);
    }

    /// Gives the file its name if all is well, or else removes it.
    fn settle(self, total: u64) -> (Outcome, io::Result<()>) {
        let sealed = self.seal(total);
        let Self { place, partial, outcome, .. } = self;
        let settled = match sealed {
            Ok(()) => place.take(partial),
            Err(error) => {
                drop(partial);
                Err(error)
            }
        };
        (outcome, settled)
    }

    /// Gives the file the source's length, permissions and times, and makes it durable if the user
    /// wants that.
    fn seal(&self, total: u64) -> io::Result<()> {
        if let Some(error) = self.state().error.take() {
            return Err(error);
        }
        if self.metadata.size >= self.manner.direct_from && total != self.metadata.size {
            self.file.set_len(total)?;
        }
        let mut mode = self.metadata.mode;
        if mode & SET_ID_BITS != 0 {
            let own = self.file.metadata()?;
            if (own.uid(), own.gid()) != (self.metadata.uid, self.metadata.gid) {
                mode &= !SET_ID_BITS;
            }
        }
        self.file.set_permissions(Permissions::from_mode(mode))?;
        let times = FileTimes::new().set_accessed(self.metadata.accessed);
        self.file.set_times(times.set_modified(self.metadata.modified))?;
        if self.manner.sync { self.file.sync_all() } else { Ok(()) }
    }
}
