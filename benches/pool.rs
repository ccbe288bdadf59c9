//! Measures the cost of a pool's buffers and the gain from huge pages: acquires and drops buffers
//! without I/O, and streams a file from disk with `O_DIRECT` into buffers of several kinds.
//!
//! `cargo bench --bench pool`; `README.md` beside this file has the results. The benchmark
//! writes a file of 1 GiB without holes below the build directory, and removes it at the end.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Barrier;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use reapool::{AlignedBuf, BufferPool, Dispatcher, FileHandle, HugePages, IoBufMut, Job};

const MIB: usize = 1 << 20;
const FILE: u64 = 1 << 30;
const DEPTH: usize = 16;
const WORKERS: usize = 2;
/// A dispatcher holds this many jobs at a time: its depth and its backlog.
const BUFFERS: usize = 2 * DEPTH;

fn pool(huge_pages: HugePages) -> BufferPool {
    let builder = BufferPool::builder().capacity(BUFFERS * MIB).huge_pages(huge_pages);
    builder.classes([4096, MIB]).build().unwrap()
}

fn make_file(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut chunk = vec![0; MIB];
    for part in 0..FILE / MIB as u64 {
        chunk.iter_mut().zip(part..).for_each(|(byte, value)| *byte = value as u8);
        file.write_all(&chunk)?;
    }
    file.sync_all()
}

/// Reads `total` MiB of the file into buffers from `next`, and starts again at its beginning when
/// it ends. Each callback hands its buffer to a function that `home` returned.
fn stream<B, H>(
    dispatcher: &Dispatcher,
    file: &FileHandle,
    total: u64,
    mut next: impl FnMut() -> B,
    home: impl Fn() -> H,
) -> Duration
where
    B: IoBufMut + 'static,
    H: FnOnce(B) + Send + 'static,
{
    let start = Instant::now();
    for number in 0..total {
        let (offset, home) = (number * MIB as u64 % FILE, home());
        let job = Job::read(file, next(), offset, move |done| {
            assert_eq!(done.result.unwrap(), MIB);
            home(done.buffer);
        });
        dispatcher.submit(job).unwrap();
    }
    dispatcher.drain().unwrap();
    start.elapsed()
}

fn streaming(criterion: &mut Criterion, path: &Path) -> io::Result<()> {
    let file = FileHandle::open_direct(path)?;
    let dispatcher = Dispatcher::builder().depth(DEPTH).workers(WORKERS).build().unwrap();
    let mut group = criterion.benchmark_group("streaming 1 MiB reads, O_DIRECT, depth 16");
    group.throughput(Throughput::Bytes(MIB as u64)).measurement_time(Duration::from_secs(8));
    group.sample_size(20);

    group.bench_function("fresh AlignedBuf each", |bencher| {
        bencher.iter_custom(|total| {
            stream(&dispatcher, &file, total, || AlignedBuf::zeroed(MIB), || drop)
        });
    });
    group.bench_function("recycled AlignedBuf", |bencher| {
        let (sender, returned) = mpsc::channel();
        (0..BUFFERS).for_each(|_| sender.send(AlignedBuf::zeroed(MIB)).unwrap());
        let home = || {
            let sender = sender.clone();
            move |buffer| sender.send(buffer).unwrap()
        };
        bencher.iter_custom(|total| {
            stream(&dispatcher, &file, total, || returned.recv().unwrap(), home)
        });
    });
    for huge_pages in [HugePages::Transparent, HugePages::Off] {
        group.bench_function(format!("pool, huge pages {huge_pages:?}"), |bencher| {
            let pool = pool(huge_pages);
            bencher.iter_custom(|total| {
                stream(&dispatcher, &file, total, || pool.acquire(MIB).unwrap(), || drop)
            });
        });
    }
    group.finish();
    Ok(())
}

/// The time that `threads` threads at once take for `total` acquisitions each.
fn in_threads(pool: &BufferPool, threads: usize, total: u64) -> Duration {
    let barrier = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let work = |_| {
            scope.spawn(|| {
                barrier.wait();
                (0..total).for_each(|_| drop(black_box(pool.acquire(4096).unwrap())));
            })
        };
        let handles: Vec<_> = (0..threads).map(work).collect();
        barrier.wait();
        let start = Instant::now();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        start.elapsed()
    })
}

fn acquiring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("acquire and drop");
    let pool = pool(HugePages::Transparent);
    for len in [4096, MIB] {
        group.bench_function(format!("{} KiB of the pool", len >> 10), |bencher| {
            bencher.iter(|| pool.acquire(black_box(len)).unwrap());
        });
        group.bench_function(format!("{} KiB of AlignedBuf", len >> 10), |bencher| {
            bencher.iter(|| AlignedBuf::zeroed(black_box(len)));
        });
    }
    group.bench_function("4 KiB of the pool, two threads at it", |bencher| {
        bencher.iter_custom(|total| in_threads(&pool, 2, total));
    });
    group.finish();
}

fn main() -> io::Result<()> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let path = directory.path().join("blocks");
    make_file(&path)?;
    let mut criterion = Criterion::default().configure_from_args();
    acquiring(&mut criterion);
    let result = streaming(&mut criterion, &path);
    criterion.final_summary();
    result
}
