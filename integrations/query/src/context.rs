//! Where queries run: in this process, or on a Ballista cluster.

use std::path::Path;
use std::time::Duration;

use ballista::prelude::SessionContextExt;
use datafusion::execution::SessionState;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::SessionConfig;
use tokio::runtime::{Builder, Runtime};

use crate::failure::{Failure, Result};
use crate::stores::Store;
use crate::tables::Table;

/// How long tasks that never end, such as a cluster's in this process, may take to be dropped.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) enum Place {
    Here,
    /// A scheduler and an executor in this process.
    Standalone,
    /// A scheduler, `HOST:PORT`, and whatever executors it has.
    Remote(String),
}

/// A context with these tables.
pub(crate) async fn context(
    place: &Place,
    store: &Store,
    partitions: usize,
    tables: &[Table],
) -> Result<SessionContext> {
    let state = state(store, partitions)?;
    let context = match place {
        Place::Here => SessionContext::new_with_state(state),
        Place::Standalone => SessionContext::standalone_with_state(state).await?,
        Place::Remote(scheduler) => {
            let url = format!("df://{scheduler}");
            SessionContext::remote_with_state(&url, state).await?
        }
    };
    for table in tables {
        table.register(&context).await?;
    }
    Ok(context)
}

fn state(store: &Store, partitions: usize) -> Result<SessionState> {
    let builder = SessionStateBuilder::new().with_default_features();
    let builder = builder.with_config(SessionConfig::new().with_target_partitions(partitions));
    Ok(builder.with_runtime_env(store.runtime_env()?).build())
}

/// As many as there are processors that this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs a command to its end. Files that DataFusion and Ballista make are below `temporary`:
/// Ballista removes the directory of an executor in this process, and then makes it again to stay.
pub(crate) fn block_on<T>(
    threads: usize,
    temporary: &Path,
    command: impl Future<Output = Result<T>>,
) -> Result<T> {
    tempfile::env::override_temp_dir(temporary)
        .map_err(|_| Failure::failed("the directory for temporary files is in use already"))?;
    let runtime = runtime(threads)?;
    let result = runtime.block_on(command);
    runtime.shutdown_timeout(PATIENCE);
    result
}

fn runtime(threads: usize) -> Result<Runtime> {
    // Plans are trees that are walked by recursion: Ballista's own programs have large stacks, too.
    let mut builder = Builder::new_multi_thread();
    let builder = builder.enable_all().worker_threads(threads).thread_stack_size(16 << 20);
    builder.build().map_err(Failure::failed)
}

/// A directory for files of this run alone, removed when it is dropped.
pub(crate) fn temporary_directory() -> Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("query-").tempdir().map_err(Failure::failed)
}
