//! The end of a target that waits for the device: no converter waits for it, so many files are
//! synced at a time.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::files::convert::outcome::{Transform, deliver_finished};
use crate::files::info::FileInfo;
use crate::files::run::Processed;
use crate::files::run_core::RunCore;
use crate::job::Job;
use crate::sync::{Mutex, lock};
use crate::writer::FileWriter;
use crate::writer::placement::Completion;

/// A target to be finished, and the result of its file then.
pub(super) struct Finishing<X: Transform> {
    core: Arc<RunCore<X>>,
    info: FileInfo,
    /// Until all of it is written.
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
        if let Err(error) = writer.write_rest() {
            drop(writer);
            return deliver_finished(core, info, Err(error), done);
        }
        let (core, info, rest) = (Arc::clone(core), info.clone(), Mutex::new(Some((writer, done))));
        Arc::new(Self { core, info, rest }).step();
    }

    /// Goes on when all of it is written. If it is not yet, the last write calls this again.
    fn step(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        let mut place = lock(&self.rest);
        let Some((writer, _)) = &mut *place else { return };
        let polled = writer.poll_completion(&mut Context::from_waker(&waker));
        let Poll::Ready(completion) = polled else { return };
        let Some((writer, done)) = place.take() else { return };
        drop(place);
        drop(writer);
        match completion {
            Ok(completion) => self.complete(completion, done),
            Err(error) => self.deliver(Err(error), done),
        }
    }

    /// Syncs the target and gives it its name, on a blocking thread.
    fn complete(self: &Arc<Self>, completion: Completion, done: Processed<X::Output>) {
        let own = Arc::clone(self);
        let work = move || match completion.take_name() {
            Ok(Some(renamed)) => {
                let core = Arc::clone(&own.core);
                let then = move |synced| own.deliver(synced, done);
                core.shared.room.directory_syncs().sync(renamed, Box::new(then));
            }
            other => own.deliver(other.map(drop), done),
        };
        // Refused only when nothing is outstanding any more, and this file is.
        let _ = self.core.shared.pipeline.post(Job::blocking(work, |()| ()));
    }

    fn deliver(&self, finished: io::Result<()>, done: Processed<X::Output>) {
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
