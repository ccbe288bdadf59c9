//! Counts callbacks, in each thread for itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hdrhistogram::Histogram;

use crate::spread::rounded;
use crate::task::Latency;

/// The longest time that the histogram holds, in nanoseconds: a minute.
const LONGEST: u64 = 60_000_000_000;

/// The digits of a time that the histogram tells apart.
const DIGITS: usize = 2;

/// One thread's part. While a run is on, only that thread changes it.
struct Tally {
    count: AtomicU64,
    checksum: AtomicU64,
    /// While a run is on, only that thread takes this lock.
    latencies: Mutex<Histogram<u32>>,
}

static ALL: Mutex<Vec<Arc<Tally>>> = Mutex::new(Vec::new());

thread_local! {
    static MINE: Arc<Tally> = register();
}

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS as u8).expect("the bounds are in order")
}

fn register() -> Arc<Tally> {
    let tally = Arc::new(Tally {
        count: AtomicU64::new(0),
        checksum: AtomicU64::new(0),
        latencies: Mutex::new(histogram()),
    });
    ALL.lock().unwrap().push(Arc::clone(&tally));
    tally
}

/// Counts one callback on this thread, with its waiting time in nanoseconds if it is a sample.
pub(crate) fn add(digest: u64, waited: Option<u64>) {
    MINE.with(|tally| {
        // Relaxed, and not as one step: only this thread writes, and `collect` reads after the
        // run's end.
        let count = tally.count.load(Ordering::Relaxed);
        tally.count.store(count + 1, Ordering::Relaxed);
        let checksum = tally.checksum.load(Ordering::Relaxed);
        tally.checksum.store(checksum.wrapping_add(digest), Ordering::Relaxed);
        if let Some(waited) = waited {
            tally.latencies.lock().unwrap().saturating_record(waited);
        }
    });
}

/// The counts of all threads since the last call, taken while no callback is running.
pub(crate) struct Total {
    pub(crate) count: u64,
    pub(crate) checksum: u64,
    pub(crate) latency: Latency,
}

pub(crate) fn collect() -> Total {
    let (mut count, mut checksum, mut latencies) = (0, 0_u64, histogram());
    for tally in ALL.lock().unwrap().iter() {
        count += tally.count.swap(0, Ordering::Relaxed);
        checksum = checksum.wrapping_add(tally.checksum.swap(0, Ordering::Relaxed));
        let mut own = tally.latencies.lock().unwrap();
        latencies.add(&*own).expect("all histograms have the same bounds");
        own.reset();
    }
    // One digit more than is known, as a median may be between two.
    let microseconds =
        |quantile| rounded(latencies.value_at_quantile(quantile) as f64 / 1e3, DIGITS + 1);
    let latency = Latency {
        samples: latencies.len(),
        p50: microseconds(0.5),
        p99: microseconds(0.99),
        p999: microseconds(0.999),
    };
    Total { count, checksum, latency }
}
