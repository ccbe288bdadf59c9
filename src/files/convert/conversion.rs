//! One file that is converted, from its first read to the end of the user's function.

use std::io;
use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::file::access::Access;
use crate::file::durability::Durability;
use crate::files::convert::converted::Converted;
use crate::files::convert::finishing::Finishing;
use crate::files::convert::outcome::{Transform, deliver_finished};
use crate::files::convert::source_file::SourceFile;
use crate::files::convert::target_file::{End, TargetFile};
use crate::files::error::{Failure, FileOperation};
use crate::files::info::FileInfo;
use crate::files::open::Opened;
use crate::files::run::Processed;
use crate::files::run_core::RunCore;
use crate::files::scheduler::event::EndedBy;
use crate::pool::pool_buf::PoolBuf;
use crate::reader::FileReader;
use crate::streams::window::Reply;
use crate::sync::{Mutex, lock};
use crate::unwind::Payload;
use crate::writer::FileWriter;

pub(crate) struct Conversion<X: Transform> {
    core: Arc<RunCore<X>>,
    info: FileInfo,
    size: u64,
    /// What the reads are multiples of.
    block: usize,
    /// Until a converter takes it.
    reader: Mutex<Option<FileReader>>,
}

impl<X: Transform> Conversion<X> {
    /// Begins with a file whose first read may have been done.
    pub(crate) fn begin(core: &Arc<RunCore<X>>, opened: Opened, first: Option<Reply<PoolBuf>>) {
        let (shared, block) = (&core.shared, opened.block());
        let Opened { source, info, size } = opened;
        let sizes = match shared.room.first_sizes(block) {
            Ok(sizes) => sizes,
            Err(error) => {
                core.close(source.file);
                let failure = Failure::io(FileOperation::Read, error);
                return core.fail(info.into_indexed_path(), failure);
            }
        };
        let (pipeline, budget) = (&shared.pipeline, shared.room.beginnings());
        let reader = FileReader::of_opened(pipeline, budget, source, size, sizes, first);
        let arrival = reader.arrival();
        let (core, reader) = (Arc::clone(core), Mutex::new(Some(reader)));
        let conversion = Arc::new(Self { core, info, size, block, reader });
        if arrival.poll(&Waker::from(Arc::clone(&conversion))).is_ready() {
            conversion.convert_elsewhere();
        }
    }

    /// Has a converter go on with the file, whose first chunk is there.
    fn convert_elsewhere(self: Arc<Self>) {
        let own = Arc::clone(&self);
        if !self.core.shared.pipeline.run_errand(move || own.convert()) {
            self.core.check_shutdown();
            let reason = "no thread can be started for its function";
            let failure = Failure::io(FileOperation::Callback, io::Error::other(reason));
            if let Some(reader) = lock(&self.reader).take() {
                self.fail(reader, failure, 0);
            }
        }
    }

    /// Runs the user's function, on a converter.
    fn convert(&self) {
        let Some(reader) = lock(&self.reader).take() else { return };
        let mut target = match self.begin_target(&reader) {
            Ok(target) => target,
            Err(failure) => return self.fail(reader, failure, 0),
        };
        let mut source = SourceFile::new(reader, self.info.clone(), Arc::clone(&self.core) as _);
        let transform = || self.core.consumer.transform(&mut source, &mut target);
        let Some(outcome) = self.core.shared.run_user(transform) else {
            // In a forked child, both are the parent's.
            return std::mem::forget((source, target));
        };
        source.count();
        let failed = match outcome {
            Ok(Ok(value)) => match Self::overlooked(&source, &target) {
                None => return self.finish(value, source, target),
                Some(error) => match self.core.drop_user(value, source.bytes()) {
                    Some(()) => Ok(error),
                    None => return std::mem::forget((source, target)),
                },
            },
            Ok(Err(error)) => Ok(error),
            Err(payload) => Err(payload),
        };
        let bytes = source.bytes();
        let Some(failure) = self.failure(failed, &source, &target) else {
            return std::mem::forget((source, target));
        };
        // Its temporary file is gone before anybody hears of the error.
        drop(target);
        self.fail(source.into_reader(), failure, bytes);
    }

    /// The error of a read or a write in spite of which the function has returned a value. Its
    /// target may have a part of what it should have.
    fn overlooked(source: &SourceFile, target: &TargetFile) -> Option<io::Error> {
        if target.is_discarded() { None } else { target.failure().or_else(|| source.failure()) }
    }

    /// Has the source read ahead, and creates the target.
    fn begin_target(&self, reader: &FileReader) -> Result<TargetFile, Failure> {
        let (core, room) = (&self.core, &self.core.shared.room);
        core.check_shutdown();
        if let Some(halt) = core.halted() {
            return Err(Failure::halted(halt, FileOperation::Read));
        }
        let ahead = room.read_ahead(reader, self.block);
        ahead.map_err(|error| Failure::io(FileOperation::Read, error))?;
        let writer = room.begin_target(&self.info, self.size);
        let writer = writer.map_err(|error| Failure::io(FileOperation::Create, error))?;
        Ok(TargetFile::new(writer, self.info.clone(), Arc::clone(core) as _))
    }

    /// Why the file has no value. `None` in a child process that the user's code has forked.
    fn failure(
        &self,
        outcome: Result<io::Error, Payload>,
        source: &SourceFile,
        target: &TargetFile,
    ) -> Option<Failure> {
        let error = match outcome {
            Ok(error) => error,
            Err(payload) => {
                return Some(self.core.panicked(payload, FileOperation::Callback, source.bytes()));
            }
        };
        let operation = match (source.has_failed(), target.has_failed()) {
            (_, true) => FileOperation::Write,
            (true, false) => FileOperation::Read,
            (false, false) => FileOperation::Callback,
        };
        let Some(halt) = self.core.halted() else { return Some(Failure::io(operation, error)) };
        self.core.drop_user(error, source.bytes())?;
        Some(Failure::halted(halt, operation))
    }

    /// Finishes the target, and delivers the result.
    fn finish(&self, value: X::Value, source: SourceFile, target: TargetFile) {
        let bytes = source.bytes();
        let (access, fallback) = self.close(source.into_reader(), bytes);
        let (writer, end) = target.into_parts();
        let written = match end {
            End::Discarded => None,
            End::Finished => Some(writer.position()),
        };
        let target = self.info.target().to_owned();
        let value = Converted { value, target, written };
        let (index, path) = (self.info.index(), self.info.path().to_owned());
        let size = self.size;
        let done = Processed { index, path, value, bytes, size, access, fallback };
        let is_synced = self.core.shared.room.targets().durability == Durability::Synced;
        match end {
            End::Discarded => {
                drop(writer);
                self.core.deliver(EndedBy::Other, Ok(done));
            }
            End::Finished if is_synced => Finishing::begin(&self.core, &self.info, writer, done),
            End::Finished => self.finish_here(writer, done),
        }
    }

    fn finish_here(&self, mut writer: FileWriter, done: Processed<X::Output>) {
        let finished = writer.finish().map(drop);
        // The last descriptors are closed before another file is begun.
        drop(writer);
        deliver_finished(&self.core, &self.info, finished, done);
    }

    /// Closes the source, and tells how it was read.
    fn close(&self, reader: FileReader, bytes: u64) -> (Access, Option<io::Error>) {
        let (access, fallback, restarts) = reader.take_outcome();
        drop(reader);
        let shared = &self.core.shared;
        shared.counters.add_read(access, fallback.as_ref(), restarts);
        if let (Some(history), Access::Direct) = (shared.history(), access)
            && bytes >= self.size
        {
            history.read_whole(self.info.metadata().id(), self.size);
        }
        (access, fallback)
    }

    fn fail(&self, reader: FileReader, failure: Failure, bytes: u64) {
        self.close(reader, 0);
        let error = failure.of(self.info.clone().into_indexed_path(), bytes);
        self.core.deliver(EndedBy::Other, Err(error));
    }
}

/// Its first chunk has come, or an error.
impl<X: Transform> Wake for Conversion<X> {
    fn wake(self: Arc<Self>) {
        self.convert_elsewhere();
    }
}
