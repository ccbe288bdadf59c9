//! Files to files: each is read, transformed by the user's function, and written.
//!
//! A run opens a file and reads its first chunk, as for any run. Then the file waits for a
//! converter, a thread that may wait for jobs (`conversion`). The function has it there as a
//! [`SourceFile`] and its target as a [`TargetFile`]. When it has returned, the target is finished:
//! there, or, if that waits for the device, by jobs (`finishing`). `room` has the memory of all of
//! it, and says why no two files wait for each other.

pub(crate) mod conversion;
pub(crate) mod converted;
mod directory_syncs;
mod finishing;
mod outcome;
pub(crate) mod pair;
pub(crate) mod room;
mod same_error;
pub(crate) mod source_file;
pub(crate) mod target_file;
pub(crate) mod targets;
mod watch;

use std::io;
use std::sync::Arc;

use crate::file::residency::Residency;
use crate::files::begin::{Begin, Ready};
use crate::files::consumer::Consumer;
use crate::files::open::Opened;
use crate::files::run_core::RunCore;
use crate::files::scheduler::event::Event;
use crate::files::shared::FilesShared;
use crate::pipeline::Pipeline;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::budget::Budget;
use crate::streams::window::Reply;
use crate::wait::waiting_threads::Wait;
use conversion::Conversion;
use converted::Converted;
use outcome::Transform;
use source_file::SourceFile;
use target_file::TargetFile;

/// The function of [`Files::convert`](crate::Files::convert).
pub(crate) struct Convert<F>(pub(crate) F);

impl<F, T> Consumer for Convert<F>
where
    F: Fn(&mut SourceFile, &mut TargetFile) -> io::Result<T> + Send + Sync + 'static,
    T: Send + 'static,
{
    type Output = Converted<T>;

    /// The source, the target, and the directory of that.
    const DESCRIPTORS: usize = 3;

    fn first_reads(shared: &FilesShared) -> &Arc<Budget> {
        shared.room.beginnings()
    }

    fn may_wait(pipeline: &Pipeline) -> Option<Wait<'_>> {
        pipeline.wait_for_errands()
    }

    fn request_len(&self, _size: u64, usual: usize) -> Result<usize, usize> {
        Ok(usual)
    }
}

impl<F, T> Transform for Convert<F>
where
    F: Fn(&mut SourceFile, &mut TargetFile) -> io::Result<T> + Send + Sync + 'static,
    T: Send + 'static,
{
    type Value = T;

    fn transform(&self, source: &mut SourceFile, target: &mut TargetFile) -> io::Result<T> {
        (self.0)(source, target)
    }
}

impl<F> Begin for Convert<F>
where
    Self: Transform,
{
    type Ready = Never;

    fn begin_whole(core: &Arc<RunCore<Self>>, opened: Opened, count: usize, buffer: PoolBuf) {
        core.tell(Event::Looked(Residency::Cached));
        let first = Reply::whole(buffer.capacity(), Ok((count, buffer)));
        Conversion::begin(core, opened, Some(first));
    }

    fn begin(core: &Arc<RunCore<Self>>, opened: Opened) {
        Conversion::begin(core, opened, None);
    }

    fn begin_read(
        core: &Arc<RunCore<Self>>,
        opened: Opened,
        first: Reply<PoolBuf>,
    ) -> Option<Never> {
        Conversion::begin(core, opened, Some(first));
        None
    }
}

/// Workers have nothing to do with a file whose first chunk is there.
pub(crate) enum Never {}

impl Ready for Never {
    fn step(self) {
        match self {}
    }

    fn step_elsewhere(&self) {
        match *self {}
    }
}
