//! The end of a target that waits for the device: no thread waits for it, so many files are synced
//! at a time.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::files::convert::outcome::{Transform, deliver_finished};
use crate::files::info::FileInfo;
use crate::files::run::Processed;
use crate::files::run_core::RunCore;
use crate::job::Job;
use crate::sync::{Mutex, lock};
use crate::writer::FileWriter;

/// A target to be finished, and the result of its file then.
pub(super) struct Finishing<X: Transform> {
    core: Arc<RunCore<X>>,
    info: FileInfo,
    /// Until it is finished.
    rest: Mutex<Option<(FileWriter, Processed<X::Output>)>>,
}

impl<X: Transform> Finishing<X> {
    /// Finishes a target. What can be written at once is written here.
    pub(super) fn begin(
        core: &Arc<RunCore<X>>,
        info: &FileInfo,
        mut writer: FileWriter,
        done: Processed<X::Output>,
    ) {
        // An error of this is told by the next step, too.
        let _ = writer.write_rest();
        let (core, info, rest) = (Arc::clone(core), info.clone(), Mutex::new(Some((writer, done))));
        Arc::new(Self { core, info, rest }).step();
    }

    /// Goes on as far as possible without waiting.
    fn step(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        let mut place = lock(&self.rest);
        let Some((writer, _)) = &mut *place else { return };
        let Poll::Ready(finished) = writer.poll_finish(&mut Context::from_waker(&waker)) else {
            return;
        };
        let Some((writer, done)) = place.take() else { return };
        drop(place);
        drop(writer);
        deliver_finished(&self.core, &self.info, finished, done);
    }
}

impl<X: Transform> Wake for Finishing<X> {
    fn wake(self: Arc<Self>) {
        let own = Arc::clone(&self);
        // Refused only when nothing is outstanding any more, and this file is.
        let _ = self.core.shared.pipeline.post(Job::nop(move || own.step()));
    }
}
