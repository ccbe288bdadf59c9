//! The beginning with a file that was opened: from there on a run does with it what it is for.

use std::sync::Arc;

use crate::files::consumer::Consumer;
use crate::files::open::Opened;
use crate::files::run_core::RunCore;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::window::Reply;

/// Begins with files that were opened.
pub(crate) trait Begin: Consumer + Sized {
    /// A file whose first chunk is there.
    type Ready: Ready;

    /// Begins with a file that was read in one go: on a worker, which does itself what can be done
    /// at once.
    fn begin_whole(core: &Arc<RunCore<Self>>, opened: Opened, count: usize, buffer: PoolBuf);

    /// Begins to read a file.
    fn begin(core: &Arc<RunCore<Self>>, opened: Opened);

    /// Begins with a file whose first read was done. `None` if nothing is to be done by the caller.
    fn begin_read(
        core: &Arc<RunCore<Self>>,
        opened: Opened,
        first: Reply<PoolBuf>,
    ) -> Option<Self::Ready>;
}

/// A file whose first chunk is there, for a worker to go on with.
pub(crate) trait Ready {
    /// Goes on with it here.
    fn step(self);

    /// Has another worker go on with it, if there is one.
    fn step_elsewhere(&self);
}
