//! What is done to each file of a run, and what comes of it.

use std::io;
use std::sync::Arc;

use crate::files::consumer::Consumer;
use crate::files::convert::converted::Converted;
use crate::files::convert::source_file::SourceFile;
use crate::files::convert::target_file::{TargetFile, of_target};
use crate::files::error::{Failure, FileOperation};
use crate::files::info::FileInfo;
use crate::files::run::Processed;
use crate::files::run_core::RunCore;
use crate::files::scheduler::event::EndedBy;

/// What is done to each file.
pub(crate) trait Transform: Consumer<Output = Converted<Self::Value>> {
    type Value: Send + 'static;

    /// Runs the user's function.
    fn transform(
        &self,
        source: &mut SourceFile,
        target: &mut TargetFile,
    ) -> io::Result<Self::Value>;
}

/// The target has its name, or it has failed.
pub(super) fn deliver_finished<X: Transform>(
    core: &Arc<RunCore<X>>,
    info: &FileInfo,
    finished: io::Result<()>,
    done: Processed<X::Output>,
) {
    let result = match finished {
        Ok(()) => Ok(done),
        Err(error) => {
            let Processed { value: Converted { value, .. }, bytes, .. } = done;
            let Some(()) = core.drop_user(value, bytes) else { return };
            let failure = match core.halted() {
                Some(halt) => Failure::halted(halt, FileOperation::Write),
                None => Failure::io(FileOperation::Write, of_target(info.target(), error)),
            };
            Err(failure.of(info.clone().into_indexed_path(), bytes))
        }
    };
    core.deliver(EndedBy::Other, result);
}
