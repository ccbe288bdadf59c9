//! Measures the cost of a job's way through slots, reaper, channel and workers. The jobs read the
//! null device: the kernel completes them during the submission, so only the hand-off takes time.
//!
//! `cargo bench --bench handoff`; `README.md` beside this file has the results.

mod modes;
mod raw;

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reapool::{Dispatcher, FileHandle, Job};

const DEPTH: usize = 64;
const BLOCK: usize = 4096;
const WORKERS: usize = 2;

fn handoff(criterion: &mut Criterion) {
    let null = File::open("/dev/null").unwrap();
    let dispatcher = Dispatcher::builder().depth(DEPTH).workers(WORKERS).build().unwrap();
    let file = FileHandle::from(Arc::new(File::open("/dev/null").unwrap()));
    let recycled = modes::Recycled::new(modes::buffers(2 * DEPTH, BLOCK), DEPTH);
    let mut group = criterion.benchmark_group("null device, depth 64");
    group.throughput(Throughput::Elements(1));
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));

    group.bench_function("raw loop, inline", |bencher| {
        let mut raw = raw::RawLoop::new(&null, DEPTH, BLOCK);
        bencher.iter_custom(|total| timed(|| raw.run(total, |_| 0, |_| ())));
    });
    for (name, batch) in [("single submits", 1), ("batches of 64", 64)] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|total| {
                timed(|| modes::outside(&dispatcher, &file, &recycled, total, batch, |_| 0))
            });
        });
    }
    group.bench_function("chained in callbacks", |bencher| {
        bencher.iter_custom(|total| {
            timed(|| modes::chained(&dispatcher, &file, DEPTH, BLOCK, total, |_| 0))
        });
    });
    group.finish();
}

/// One job at a time: the cost of waking the reaper, a worker, and the thread that waits.
fn round_trip(criterion: &mut Criterion) {
    let dispatcher = Dispatcher::builder().depth(DEPTH).workers(WORKERS).build().unwrap();
    let file = FileHandle::from(File::open("/dev/null").unwrap());
    let mut group = criterion.benchmark_group("null device, one at a time");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.bench_function("make a job and drop it", |bencher| {
        bencher.iter(|| Job::read(&file, Vec::new(), 0, |_| ()));
    });
    group.bench_function("submit, and drain", |bencher| {
        bencher.iter(|| {
            dispatcher.submit(Job::read(&file, Vec::new(), 0, |_| ())).unwrap();
            dispatcher.drain().unwrap();
        });
    });
    group.bench_function("spawn, and join", |bencher| {
        bencher.iter(|| {
            dispatcher.spawn(Job::read(&file, Vec::new(), 0, |_| ())).unwrap().join().unwrap();
        });
    });
    group.finish();
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

criterion_group!(benches, handoff, round_trip);
criterion_main!(benches);
