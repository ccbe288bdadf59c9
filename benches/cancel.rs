//! Measures the cost of cancelling a poll, and of dropping the future of one whose event has not
//! come, at depths from 16 up. Neither depends on the depth. The deepest dispatcher takes what is
//! left of `fs.aio-max-nr`.
//!
//! `cargo bench --bench cancel`; `README.md` beside this file says what it shows.

use std::collections::VecDeque;
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use reapool::{Dispatcher, FileHandle, Job, JobHandle, PollEvents};

const DEPTHS: [usize; 4] = [16, 256, 4096, 65536];
const WORKERS: usize = 2;

/// A pipe that nobody writes to, so that no poll of it ends by itself.
fn quiet() -> (FileHandle, io::PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    (FileHandle::from(Arc::new(reader)), writer)
}

fn poll(dispatcher: &Dispatcher, file: &FileHandle) -> JobHandle<()> {
    dispatcher.spawn(Job::poll(file, PollEvents::READABLE, |_| ())).unwrap()
}

fn cancel(criterion: &mut Criterion) {
    let (file, _writer) = quiet();
    let mut group = criterion.benchmark_group("cancel");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for depth in DEPTHS {
        let builder = Dispatcher::builder().depth(depth).shrink_depth(true).workers(WORKERS);
        let dispatcher = builder.build().unwrap();
        let depth = dispatcher.depth();

        group.bench_function(BenchmarkId::new("a poll", depth), |bencher| {
            bencher.iter_custom(|times| {
                timed_each(
                    times,
                    || poll(&dispatcher, &file),
                    |handle| {
                        black_box(handle.cancel());
                    },
                )
            });
        });

        // The kernel looks for the request in the list of those in flight, from the oldest on.
        let mut others: VecDeque<_> = (1..depth).map(|_| poll(&dispatcher, &file)).collect();
        let name = BenchmarkId::new("the oldest of as many polls as there are slots", depth);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let mut total = Duration::ZERO;
                for _ in 0..times {
                    let oldest = others.pop_front().unwrap();
                    total += timed(|| {
                        black_box(oldest.cancel());
                    });
                    oldest.join().unwrap();
                    others.push_back(poll(&dispatcher, &file));
                }
                total
            });
        });
        for handle in &others {
            handle.cancel();
        }
        dispatcher.drain().unwrap();

        let submitter = dispatcher.submitter();
        group.bench_function(BenchmarkId::new("by dropping a poll's future", depth), |bencher| {
            bencher.iter_custom(|times| {
                let pending = || {
                    let mut future = Box::pin(submitter.poll(&file, PollEvents::READABLE));
                    let mut context = Context::from_waker(Waker::noop());
                    assert!(future.as_mut().poll(&mut context).is_pending());
                    future
                };
                let taken = timed_each(times, pending, drop);
                dispatcher.drain().unwrap();
                taken
            });
        });
    }
    group.finish();
}

/// The time that `end` takes for as many values, each made and ended before the next.
fn timed_each<T>(times: u64, mut make: impl FnMut() -> T, mut end: impl FnMut(T)) -> Duration {
    (0..times)
        .map(|_| {
            let value = make();
            timed(|| end(value))
        })
        .sum()
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

criterion_group!(benches, cancel);
criterion_main!(benches);
