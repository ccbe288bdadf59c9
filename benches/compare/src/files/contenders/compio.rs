//! The runtime compio, on its io_uring driver.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use blake3::{Hash, Hasher};
use compio::driver::DriverType;
use compio::fs::File;
use compio::io::AsyncReadAt;
use compio::runtime::Runtime;

use super::contract::{Paths, in_order};
use super::piece::PIECE;
use crate::load::Numbers;
use crate::stop::{Trouble, failed};

/// The tasks of each runtime, each with one file at a time. There are fewer if there are fewer
/// files: otherwise the first runtime would take them all.
const FILES: usize = 32;

type Found = Vec<(usize, Hash)>;

/// A runtime for each core, because a single one would leave the other cores idle.
pub(super) fn digests(paths: &Paths) -> Result<Vec<Hash>, Trouble> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let tasks = FILES.min(paths.len().div_ceil(cores));
    let numbers = Arc::new(Numbers::new(0..paths.len() as u64));
    let threads: Vec<_> = (0..cores)
        .map(|_| {
            let (paths, numbers) = (Arc::clone(paths), Arc::clone(&numbers));
            thread::spawn(move || member(&paths, &numbers, tasks))
        })
        .collect();
    let mut found = Vec::with_capacity(paths.len());
    for thread in threads {
        found.extend(thread.join().expect("panics abort")?);
    }
    in_order(found, paths.len())
}

/// One thread's runtime.
fn member(paths: &Paths, numbers: &Arc<Numbers>, tasks: usize) -> Result<Found, Trouble> {
    let runtime = Runtime::new().map_err(failed("runtime"))?;
    if runtime.driver_type() != DriverType::IoUring {
        return Err(Trouble::Unavailable("no io_uring".into()));
    }
    let task = |_| runtime.spawn(chain(Arc::clone(paths), Arc::clone(numbers)));
    let tasks: Vec<_> = (0..tasks).map(task).collect();
    let mut found = Vec::new();
    for task in tasks {
        found.extend(runtime.block_on(task).expect("panics abort")?);
    }
    Ok(found)
}

/// One task: file after file, through one buffer.
async fn chain(paths: Paths, numbers: Arc<Numbers>) -> Result<Found, Trouble> {
    let (mut found, mut buffer) = (Vec::new(), Vec::with_capacity(PIECE));
    while let Some(number) = numbers.take() {
        let path = &paths[number as usize];
        let digest = digest(path, &mut buffer).await.map_err(failed(path.display()))?;
        found.push((number as usize, digest));
    }
    Ok(found)
}

async fn digest(path: &Path, buffer: &mut Vec<u8>) -> io::Result<Hash> {
    let file = File::open(path).await?;
    let (mut hasher, mut offset) = (Hasher::new(), 0);
    loop {
        let mut empty = std::mem::take(buffer);
        empty.clear();
        let done = file.read_at(empty, offset).await;
        *buffer = done.1;
        match done.0? {
            0 => break,
            count => offset += count as u64,
        }
        hasher.update(buffer);
    }
    file.close().await?;
    Ok(hasher.finalize())
}
