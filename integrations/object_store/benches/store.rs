//! Reads of ranges by `LocalStore` and by `LocalFileSystem`, in turns.
//!
//! ```text
//! cargo bench -p reapool-object-store -- [--data DIR] [--gib N] [--rounds N] [--quick]
//! ```
//!
//! The data (16 files of random bytes, 4 GiB by default) is made once, in DIR or in the target
//! directory. In each round each workload is done by both stores, in an order that changes from
//! round to round. Before a cold workload all files are taken out of the page cache; before a warm
//! one all of them are read. The table has the medians, with the least and the greatest, and the
//! ratios to `LocalFileSystem`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::resource::{UsageWho, getrusage};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt};
use reapool_object_store::LocalStore;

const FILES: u64 = 16;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

struct Workload {
    name: &'static str,
    /// Of each range, in bytes.
    length: u64,
    ranges_a_call: usize,
    tasks: usize,
    calls: usize,
}

const WORKLOADS: [Workload; 4] = [
    Workload {
        name: "64 KiB, 64 tasks",
        length: 64 * KIB,
        ranges_a_call: 1,
        tasks: 64,
        calls: 6000,
    },
    Workload { name: "1 MiB, 64 tasks", length: MIB, ranges_a_call: 1, tasks: 64, calls: 800 },
    Workload {
        name: "12 ranges of 256 KiB a call, 2 tasks",
        length: 256 * KIB,
        ranges_a_call: 12,
        tasks: 2,
        calls: 150,
    },
    Workload {
        name: "64 KiB, one task",
        length: 64 * KIB,
        ranges_a_call: 1,
        tasks: 1,
        calls: 1500,
    },
];

#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
}

struct Settings {
    data: PathBuf,
    file_length: u64,
    rounds: usize,
    share: usize,
}

fn settings() -> Settings {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("objects");
    let (mut data, mut gib, mut rounds, mut quick) = (target, 4, 5, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--data" => data = value().into(),
            "--gib" => gib = value().parse().expect("--gib takes a number"),
            "--rounds" => rounds = value().parse().expect("--rounds takes a number"),
            // As `cargo bench -- --test`.
            "--quick" | "--test" => quick = true,
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    if quick {
        return Settings { data, file_length: 16 * MIB, rounds: 1, share: 50 };
    }
    Settings { data, file_length: gib * 1024 * MIB / FILES, rounds, share: 1 }
}

/// A sequence of numbers that is the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn paths(settings: &Settings) -> Vec<PathBuf> {
    let name = |number| settings.data.join(format!("{number}-{}", settings.file_length));
    (0..FILES).map(name).collect()
}

fn make_data(settings: &Settings) {
    fs::create_dir_all(&settings.data).unwrap();
    let mut random = File::open("/dev/urandom").unwrap();
    let mut block = vec![0; MIB as usize];
    for path in paths(settings) {
        if path.metadata().is_ok_and(|metadata| metadata.len() == settings.file_length) {
            continue;
        }
        let mut file = File::create(path).unwrap();
        for _ in 0..settings.file_length / MIB {
            random.read_exact(&mut block).unwrap();
            file.write_all(&block).unwrap();
        }
        file.sync_all().unwrap();
    }
}

fn prepare(settings: &Settings, is_warm: bool) {
    let mut block = vec![0; MIB as usize];
    for path in paths(settings) {
        let mut file = File::open(path).unwrap();
        if is_warm {
            while file.read(&mut block).unwrap() > 0 {}
        } else {
            posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
        }
    }
}

fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros =
        |time: nix::sys::time::TimeVal| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

/// The calls of a workload: each a file, and ranges that are aligned to nothing.
fn calls(settings: &Settings, workload: &Workload, seed: u64) -> Vec<Call> {
    let paths = paths(settings);
    let mut random = Random(seed);
    let range = |random: &mut Random| {
        let start = random.below(settings.file_length - workload.length);
        start..start + workload.length
    };
    let call = |_| {
        let path = &paths[random.below(FILES) as usize];
        let ranges = (0..workload.ranges_a_call).map(|_| range(&mut random)).collect();
        (Location::from_absolute_path(path).unwrap(), ranges)
    };
    (0..(workload.calls / settings.share).max(1)).map(call).collect()
}

type Call = (Location, Vec<Range<u64>>);

/// Does all calls, from as many tasks as there are to be calls at once.
async fn run(store: &Arc<dyn ObjectStore>, workload: &Workload, calls: Vec<Call>) -> Cost {
    let expected = calls.len() as u64 * workload.ranges_a_call as u64 * workload.length;
    let calls = Arc::new(Mutex::new(calls));
    let (cpu_before, began) = (cpu(), Instant::now());
    let task = |_| {
        let (store, calls) = (Arc::clone(store), Arc::clone(&calls));
        tokio::spawn(async move {
            let mut bytes = 0;
            loop {
                let Some(call) = calls.lock().unwrap().pop() else { return bytes };
                bytes += read(&*store, call).await;
            }
        })
    };
    let tasks: Vec<_> = (0..workload.tasks).map(task).collect();
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await.unwrap();
    }
    assert_eq!(bytes, expected);
    Cost { wall: began.elapsed().as_secs_f64(), cpu: (cpu() - cpu_before).as_secs_f64() }
}

/// Returns how many bytes there were.
async fn read(store: &dyn ObjectStore, (location, ranges): Call) -> u64 {
    let bytes = match &ranges[..] {
        [range] => vec![store.get_range(&location, range.clone()).await.unwrap()],
        ranges => store.get_ranges(&location, ranges).await.unwrap(),
    };
    bytes.iter().map(|bytes| bytes.len() as u64).sum()
}

fn median(costs: &[Cost], of: fn(&Cost) -> f64) -> (f64, f64, f64) {
    let mut values: Vec<f64> = costs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

fn main() {
    let settings = settings();
    make_data(&settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    println!(
        "| reads | | LocalFileSystem: s [least..greatest], CPU s | LocalStore: s, CPU s | time | CPU |"
    );
    println!("|---|---|---|---|---:|---:|");
    for workload in &WORKLOADS {
        for is_warm in [false, true] {
            let mut costs = [Vec::new(), Vec::new()];
            for round in 0..settings.rounds {
                for turn in 0..2 {
                    let which = (round + turn) % 2;
                    let store: Arc<dyn ObjectStore> = match which {
                        0 => Arc::new(LocalFileSystem::new()),
                        _ => Arc::new(LocalStore::new().unwrap()),
                    };
                    // Files are open, threads run, and memory is mapped.
                    prepare(&settings, is_warm);
                    let mut before = calls(&settings, workload, 1000 + round as u64);
                    before.truncate(before.len() / 4 + 1);
                    runtime.block_on(run(&store, workload, before));
                    prepare(&settings, is_warm);
                    let calls = calls(&settings, workload, round as u64 + 1);
                    costs[which].push(runtime.block_on(run(&store, workload, calls)));
                }
            }
            let [local, ours] = &costs;
            let shown = |costs: &[Cost]| {
                let (wall, least, greatest) = median(costs, |cost| cost.wall);
                let (cpu, ..) = median(costs, |cost| cost.cpu);
                format!("{wall:.3} [{least:.3}..{greatest:.3}], {cpu:.3}")
            };
            let ratio = |of: fn(&Cost) -> f64| median(local, of).0 / median(ours, of).0;
            println!(
                "| {} | {} | {} | {} | {:.2} | {:.1} |",
                workload.name,
                if is_warm { "warm" } else { "cold" },
                shown(local),
                shown(ours),
                ratio(|cost| cost.wall),
                ratio(|cost| cost.cpu),
            );
        }
    }
}
