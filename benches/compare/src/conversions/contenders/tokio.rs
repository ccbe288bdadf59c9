//! tokio's files, whose operations run on its threads for blocking work.

use std::io;
use std::sync::Arc;

use tokio::fs::{self, File};
use tokio::io::{AsyncWriteExt, BufReader, copy_buf};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, spawn_blocking};

use super::super::pair::Pair;
use super::super::transform::transform;
use super::super::workload::Workload;
use super::{PIECE, Work};
use crate::stop::{Trouble, failed};

/// The tasks at a time, each with one file.
const TASKS: usize = 64;

pub(super) fn convert(work: &Work) -> Result<(), Trouble> {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.max_blocking_threads(TASKS).build().map_err(failed("runtime"))?;
    runtime.block_on(async {
        let mut tasks: JoinSet<Result<(), Trouble>> = JoinSet::new();
        for index in 0..work.pairs.len() {
            if tasks.len() == TASKS {
                let ended = tasks.join_next().await.expect("there are some");
                ended.map_err(failed("task"))??;
            }
            let (pairs, workload) = (Arc::clone(&work.pairs), work.workload);
            tasks.spawn(async move {
                let pair = &pairs[index];
                one(pair, workload).await.map_err(failed(pair.source.display()))
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(failed("task"))??;
        }
        Ok(())
    })
}

async fn one(pair: &Pair, workload: Workload) -> io::Result<()> {
    let temporary = pair.temporary();
    if workload == Workload::Large {
        let mut source = BufReader::with_capacity(PIECE, File::open(&pair.source).await?);
        let mut target = File::create(&temporary).await?;
        copy_buf(&mut source, &mut target).await?;
        target.flush().await?;
    } else {
        let contents = fs::read(&pair.source).await?;
        let made = if workload == Workload::Compress {
            spawn_blocking(move || compressed(&contents)).await??
        } else {
            contents
        };
        if workload == Workload::Sync {
            let mut target = File::create(&temporary).await?;
            target.write_all(&made).await?;
            target.sync_all().await?;
        } else {
            fs::write(&temporary, made).await?;
        }
    }
    fs::rename(&temporary, &pair.target).await?;
    if workload == Workload::Sync {
        File::open(pair.directory()).await?.sync_all().await?;
    }
    Ok(())
}

fn compressed(mut contents: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    transform(Workload::Compress, &mut contents, &mut compressed)?;
    Ok(compressed)
}
