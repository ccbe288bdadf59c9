//! A parallel iterator of rayon.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};

use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::super::pair::Pair;
use super::super::transform::transform;
use super::super::workload::Workload;
use super::{PIECE, Work};
use crate::stop::{Trouble, failed};

type One = fn(&Pair, Workload) -> io::Result<()>;

/// Converts in a pool of `count` threads.
pub(super) fn convert(work: &Work, count: usize, one: One) -> Result<(), Trouble> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(count);
    let pool = builder.build().map_err(failed("thread pool"))?;
    pool.install(|| {
        // Sizes differ much, so each file is a part of its own that another thread can take over.
        work.pairs.par_iter().with_max_len(1).try_for_each(|pair| {
            let made = one(pair, work.workload).and_then(|()| pair.commit(work.workload));
            made.map_err(failed(pair.source.display()))
        })
    })
}

/// Reads all of a file and writes it at once, or in pieces if it is large.
pub(super) fn in_user_space(pair: &Pair, workload: Workload) -> io::Result<()> {
    if workload == Workload::Large {
        let mut source = BufReader::with_capacity(PIECE, File::open(&pair.source)?);
        return transform(workload, &mut source, &mut File::create(pair.temporary())?);
    }
    let mut contents = fs::read(&pair.source)?;
    if workload == Workload::Compress {
        let mut compressed = Vec::new();
        transform(workload, &mut &contents[..], &mut compressed)?;
        contents = compressed;
    }
    if workload != Workload::Sync {
        return fs::write(pair.temporary(), contents);
    }
    let mut target = File::create(pair.temporary())?;
    target.write_all(&contents)?;
    target.sync_all()
}

/// Has the kernel copy a file, with its permissions.
pub(super) fn in_kernel(pair: &Pair, _: Workload) -> io::Result<()> {
    fs::copy(&pair.source, pair.temporary()).map(drop)
}
