//! What two cores can say of the model: chains on the null device, as they are and as modelled.

use std::fs::File;
use std::hint;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use reapool::{Dispatcher, FileHandle};

use crate::modes;
use crate::setup::{BATCH, Setup};
use crate::tables::{head, micros, simulate};

const BLOCK: usize = 4096;
/// Threads that submit, workers, and a callback's microseconds. From outside, callbacks are empty.
const RUN: [(usize, usize, u32); 6] =
    [(0, 1, 0), (0, 1, 5), (0, 2, 0), (0, 2, 5), (1, 1, 0), (1, 2, 0)];
/// Of these runs the median counts.
const RUNS: usize = 5;
/// About how long a run takes.
const SECONDS: f64 = 0.5;

/// Jobs a second, by the way of submitting, workers, and a callback's time.
pub(crate) fn beside_the_model() -> String {
    let columns =
        ["model", "measured", "measured/model", "CPU us a job: model", "measured", "ratio"];
    let columns = columns.into_iter().map(String::from);
    let mut text = head("way, workers, callback", columns);
    for (submitters, workers, callback) in RUN {
        let setup = Setup { submitters, ..Setup::null(workers, micros(callback)) };
        let model = simulate(setup);
        let measured = Measured::of(&setup, (model.rate * SECONDS) as u64);
        let way = if submitters == 0 { "chained" } else { "from outside" };
        text += &format!("| {way}, {workers}, {callback} us |");
        let rates = [model.rate, measured.rate].map(|rate| rate / 1000.0);
        text += &format!(" {:.0} | {:.0} | {:.2} |", rates[0], rates[1], rates[1] / rates[0]);
        let cpus = [model.cpu, measured.cpu];
        text += &format!(" {:.2} | {:.2} | {:.2} |\n", cpus[0], cpus[1], cpus[1] / cpus[0]);
    }
    text
}

struct Measured {
    rate: f64,
    /// Of all threads, in microseconds a job. On a busy machine it says more than the rate.
    cpu: f64,
}

impl Measured {
    /// The medians of some runs of so many jobs. A callback that takes time spins.
    fn of(setup: &Setup, jobs: u64) -> Self {
        let &Setup { depth, workers, submitters, callback, .. } = setup;
        let builder = Dispatcher::builder().depth(depth).backlog(depth).workers(workers);
        let dispatcher = builder.build().unwrap();
        let file = FileHandle::from(File::open("/dev/null").unwrap());
        let time = Duration::from_nanos(callback as u64);
        let recycled = modes::Recycled::new(modes::buffers(setup.own(), BLOCK), depth);
        let run = || match submitters {
            // The offset of the next job is computed in the callback.
            0 => modes::chained(&dispatcher, &file, depth, BLOCK, jobs, move |_| spin(time)),
            _ => modes::outside(&dispatcher, &file, &recycled, jobs, BATCH, |_| 0),
        };
        let mut runs: Vec<_> = (0..RUNS)
            .map(|_| {
                let (start, used) = (Instant::now(), cpu_time());
                run();
                let used = (cpu_time() - used).as_secs_f64() * 1e6;
                (jobs as f64 / start.elapsed().as_secs_f64(), used / jobs as f64)
            })
            .collect();
        runs.sort_by(|one, other| one.0.total_cmp(&other.0));
        let rate = runs[RUNS / 2].0;
        runs.sort_by(|one, other| one.1.total_cmp(&other.1));
        Self { rate, cpu: runs[RUNS / 2].1 }
    }
}

/// What this process has used, of user and system time.
fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = |time: TimeVal| time.num_microseconds().unsigned_abs();
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

/// Takes the time, and returns the next offset.
fn spin(time: Duration) -> u64 {
    let start = Instant::now();
    while start.elapsed() < time {
        hint::spin_loop();
    }
    0
}
