//! A file of the target, from its first write to its name.
//!
//! Its writes are in flight side by side, and each holds a share in it. The callback of a write, or
//! the end of the source, completes the file when it gives back the last share.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reapool::{Completion, FileHandle, IoBuf, IoWay, Job, Metadata, Submitter};

use crate::attributes::{Attributes, NotKept};
use crate::partial::{Partial, Place};

/// Direct writes begin and end at multiples of this.
const BLOCK: usize = 4096;

/// How files are written.
#[derive(Clone)]
pub(crate) struct Manner {
    pub(crate) submitter: Submitter,
    /// Files of at least so many bytes are written with `O_DIRECT`.
    pub(crate) direct_from: u64,
    /// Each file is made durable before it gets its name.
    pub(crate) sync: bool,
}

/// Tells what became of a file: what it could not keep of the source, or why it isn't there.
/// Nothing is sent if it was given up.
pub(crate) type Outcome = SyncSender<io::Result<Vec<NotKept>>>;

pub(crate) struct Target {
    manner: Manner,
    place: Place,
    attributes: Attributes,
    /// The length that the file was given ahead of its writes.
    length: Option<u64>,
    outcome: Outcome,
    file: Arc<File>,
    buffered: FileHandle,
    direct: Option<FileHandle>,
    partial: Partial,
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
        metadata: &Metadata,
        outcome: Outcome,
    ) -> io::Result<Arc<Self>> {
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let (file, partial) = place.begin(|path| options.open(path))?;
        // A direct write that makes the file longer would block its submission. Where the length
        // can't be set ahead, writes go through the page cache: blocking threads perform those.
        let is_large = metadata.size >= manner.direct_from;
        let length = is_large.then_some(metadata.size);
        let length = length.filter(|&length| file.set_len(length).is_ok());
        // If the file system has no direct I/O, writes go through the page cache, too.
        let open = || FileHandle::options().write(true).way(IoWay::Direct).open(partial.path());
        let direct = length.and_then(|_| open().ok());
        let file = Arc::new(file);
        let target = Self {
            manner,
            place,
            attributes: metadata.into(),
            length,
            outcome,
            buffered: FileHandle::from(&file),
            direct,
            file,
            partial,
            state: Mutex::default(),
        };
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
    fn settle(self, total: u64) -> (Outcome, io::Result<Vec<NotKept>>) {
        let sealed = self.seal(total);
        let Self { place, partial, outcome, .. } = self;
        let settled = sealed.and_then(|not_kept| place.take(partial).map(|()| not_kept));
        (outcome, settled)
    }

    /// Gives the file the source's length, permissions and times, and makes it durable if the user
    /// wants that.
    fn seal(&self, total: u64) -> io::Result<Vec<NotKept>> {
        if let Some(error) = self.state().error.take() {
            return Err(error);
        }
        if self.length.is_some_and(|length| length != total) {
            self.file.set_len(total)?;
        }
        let not_kept = self.attributes.give(&self.file);
        if self.manner.sync {
            self.file.sync_all()?;
        }
        Ok(not_kept)
    }
}
