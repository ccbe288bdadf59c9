//! Random 4 KiB reads of a file on disk with `O_DIRECT`, sixty-four at a time: what is left of the
//! hand-off's cost beside a device.
//!
//! `cargo bench --bench random_read`; `README.md` beside this file has the results. The file, 1 GiB
//! without holes, is made below the build directory and removed at the end.

mod modes;
mod raw;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use reapool::{Dispatcher, FileHandle};

const DEPTH: usize = 64;
const BLOCK: usize = 4096;
const WORKERS: usize = 2;
const BLOCKS: u64 = (1 << 30) / BLOCK as u64;

/// A permutation-like walk over the blocks: the same for all contenders, and no two neighbours.
fn offset(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % BLOCKS * BLOCK as u64
}

fn make_file(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut chunk = vec![0; 1 << 20];
    for part in 0..1 << 10 {
        chunk.iter_mut().zip(part..).for_each(|(byte, value)| *byte = value as u8);
        file.write_all(&chunk)?;
    }
    file.sync_all()
}

fn random_read(criterion: &mut Criterion, path: &Path) -> io::Result<()> {
    let open = || OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(path);
    let raw_file = open()?;
    let file = FileHandle::from(open()?);
    let dispatcher = Dispatcher::builder().depth(DEPTH).workers(WORKERS).build().unwrap();
    let recycled = modes::Recycled::new(2 * DEPTH, BLOCK);
    let mut group = criterion.benchmark_group("random 4 KiB, O_DIRECT, depth 64");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(10));
    group.sample_size(20);

    group.bench_function("raw loop, inline", |bencher| {
        let mut raw = raw::RawLoop::new(&raw_file, DEPTH, BLOCK);
        bencher.iter_custom(|total| timed(|| raw.run(total, offset, |_| ())));
    });
    for (name, batch) in [("single submits", 1), ("batches of 64", 64)] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|total| {
                timed(|| modes::outside(&dispatcher, &file, &recycled, total, batch, offset))
            });
        });
    }
    group.bench_function("chained in callbacks", |bencher| {
        bencher.iter_custom(|total| {
            timed(|| modes::chained(&dispatcher, &file, DEPTH, BLOCK, total, offset))
        });
    });
    group.finish();
    Ok(())
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn main() -> io::Result<()> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let path = directory.path().join("blocks");
    make_file(&path)?;
    let mut criterion = Criterion::default().configure_from_args();
    let result = random_read(&mut criterion, &path);
    criterion.final_summary();
    result
}
