//! tokio's threads for blocking work.

use std::sync::Arc;

use blake3::Hash;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::contract::Paths;
use super::piece;
use crate::stop::{Trouble, failed};

const FILES: usize = 64;

/// Calls `spawn_blocking` for each file, 64 at a time, and computes the digest in it.
pub(super) fn digests(paths: &Paths) -> Result<Vec<Hash>, Trouble> {
    // A single task starts all the blocking work, so one thread for tasks is enough.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(FILES)
        .build()
        .map_err(failed("runtime"))?;
    runtime.block_on(async {
        let places = Arc::new(Semaphore::new(FILES));
        let mut tasks = Vec::with_capacity(paths.len());
        for index in 0..paths.len() {
            let place = Arc::clone(&places).acquire_owned().await.map_err(failed("place"))?;
            let paths = Arc::clone(paths);
            tasks.push(spawn_blocking(move || {
                let digest = piece::digest(&paths[index]);
                drop(place);
                digest
            }));
        }
        let mut digests = Vec::with_capacity(paths.len());
        for task in tasks {
            digests.push(task.await.map_err(failed("task"))??);
        }
        Ok(digests)
    })
}
