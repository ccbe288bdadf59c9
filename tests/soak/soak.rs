//! The run: rounds of traffic, and a look at what is left after each.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use reapool::Dispatcher;

use crate::dice::{Dice, mix};
use crate::gauge::{Allocator, Sample, aio_nr, others_have_contexts};
use crate::ledger::Tally;
use crate::lives::Lives;
use crate::null::{self, Nulls};
use crate::options::Options;
use crate::places::Places;
use crate::realms::Station;
use crate::screen::Screen;
use crate::stage::{Progress, Stage};
use crate::support::{self, HANG};
use crate::trouble::{Trouble, Troubles};
use crate::world::World;

/// Traffic between two looks at what is left.
const ROUND: Duration = Duration::from_secs(60);
const ROUNDS_LEAST: u32 = 3;
/// Between two looks during a round.
const LOOK: Duration = Duration::from_millis(100);

/// What there is to report.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) nulls: Nulls,
    pub(crate) realms: Vec<(String, Arc<crate::ledger::Ledger>)>,
    pub(crate) lives: Arc<Lives>,
    pub(crate) trees: Vec<Arc<crate::tree::Tree>>,
    pub(crate) places: Vec<&'static str>,
    pub(crate) samples: Vec<Sample>,
    /// The most of each that was ever seen.
    pub(crate) peak: Sample,
    /// Before any dispatcher, and after all.
    pub(crate) ends: [Sample; 2],
    /// How long there was traffic.
    pub(crate) mixed: Duration,
    pub(crate) was_interrupted: bool,
}

pub(crate) struct Soak<'a> {
    options: &'a Options,
    troubles: Arc<Troubles>,
    interrupted: Arc<AtomicBool>,
    screen: Screen,
    start: Instant,
    outcome: Outcome,
}

impl<'a> Soak<'a> {
    pub(crate) fn new(
        options: &'a Options,
        troubles: &Arc<Troubles>,
        interrupted: &Arc<AtomicBool>,
    ) -> Self {
        Self {
            options,
            troubles: Arc::clone(troubles),
            interrupted: Arc::clone(interrupted),
            screen: Screen::new(),
            start: Instant::now(),
            outcome: Outcome::default(),
        }
    }

    pub(crate) fn run(mut self) -> Outcome {
        self.run_nulls();
        let mut dice = Dice::new(self.options.seed);
        let places = Places::find(&mut dice);
        let world = World::new(places.shelves.clone(), &self.troubles);
        let bare = Sample::take(self.start);
        let stage = Stage::set(world, places, &mut dice);
        self.outcome.realms = stage
            .stations
            .iter()
            .map(|station| (station.realm.name.clone(), Arc::clone(&station.realm.ledger)))
            .collect();
        self.outcome.lives = Arc::clone(&stage.lives);
        self.outcome.trees = stage.places.trees.clone();
        self.outcome.places = stage.places.shelves.iter().map(|shelf| shelf.name).collect();
        let base = Sample::take(self.start);
        let rounds = (self.options.duration.as_secs() / ROUND.as_secs()).max(ROUNDS_LEAST.into());
        for round in 0..rounds {
            let time = self.options.duration / rounds as u32;
            if !self.run_round(&stage, round, time) || !self.settle(&stage, &base) {
                // What is stuck is left alone: waiting for it would never end. Not so mounts and
                // devices.
                let Stage { world, stations, files, places, .. } = stage;
                mem::forget((world, stations, files));
                drop(places);
                return self.outcome;
            }
            if self.is_interrupted() {
                break;
            }
        }
        let Stage { world, stations, files, places, .. } = stage;
        self.end(stations, files, &bare);
        drop((world, places));
        self.outcome.was_interrupted = self.is_interrupted();
        self.outcome
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn run_nulls(&mut self) {
        let count =
            if support::on_threads() { self.options.nulls / 10 } else { self.options.nulls };
        self.screen.begin("null device", count);
        let nulls = null::run(count, &self.troubles, &|| self.is_interrupted(), &|done| {
            self.screen.set(done);
        });
        if !self.is_interrupted() {
            self.troubles.compare("null device, asked and run", nulls.asked, nulls.marked);
        }
        self.outcome.nulls = nulls;
    }

    /// Has all actors act for this long. False if they don't stop then.
    fn run_round(&mut self, stage: &Stage, round: u64, time: Duration) -> bool {
        stage.world.set_over(false);
        let actors = stage.actors(mix(self.options.seed) ^ round);
        self.screen.begin(&format!("round {}", round + 1), time.as_millis() as u64);
        let start = Instant::now();
        let mut progress = Progress::new(stage);
        let mut is_sampled = false;
        while start.elapsed() < time && !self.is_interrupted() {
            thread::sleep(LOOK.min(time));
            self.screen.set(start.elapsed().as_millis() as u64);
            let sample = stage.sample(self.start, false);
            self.outcome.peak.raise(&sample);
            if !is_sampled && start.elapsed() > time / 2 {
                self.outcome.samples.push(sample);
                is_sampled = true;
            }
            if !progress.goes_on(stage) {
                return false;
            }
        }
        self.outcome.mixed += start.elapsed();
        stage.world.set_over(true);
        let limit = Instant::now() + HANG;
        while actors.iter().any(|actor| !actor.is_finished()) {
            if Instant::now() > limit {
                stage.tell_stuck("actors don't stop");
                return false;
            }
            thread::sleep(LOOK);
        }
        for actor in actors {
            if actor.join().is_err() {
                self.troubles.tell(Trouble::Surprise, "an actor panicked");
            }
        }
        true
    }

    /// Waits until all is quiet, and looks what is left. False if it doesn't get quiet.
    fn settle(&mut self, stage: &Stage, base: &Sample) -> bool {
        let stuck = self.troubles.count(Trouble::Stuck);
        for station in &stage.stations {
            station.realm.settle();
        }
        if stage.files.drain_timeout(HANG).is_err() {
            stage.tell_stuck("the files' dispatcher doesn't come to an end");
        }
        if self.troubles.count(Trouble::Stuck) > stuck {
            return false;
        }
        let stats = stage.files.stats();
        self.troubles.compare("files, accepted and finished", stats.accepted, stats.finished);
        let pool = &stage.world.pool;
        self.troubles.compare("buffers out of the pool", pool.stats().buffers_out as u64, 0);
        pool.trim();
        self.troubles.compare("a trimmed pool's memory", pool.stats().mapped as u64, 0);
        // Blocking threads last a second, the contexts of what was dropped a little longer.
        let limit = Instant::now() + HANG / 4;
        let sample = loop {
            let sample = stage.sample(self.start, true);
            if sample.is_within(base) || Instant::now() > limit {
                break sample;
            }
            thread::sleep(LOOK / 10);
        };
        if !sample.is_within(base) {
            let what = format!("at rest {sample:?}, and at first {base:?}");
            self.troubles.tell(Trouble::Growth, what);
        }
        self.outcome.peak.raise(&sample);
        self.outcome.samples.push(Sample { allocator: Allocator::trim(), ..sample });
        true
    }

    /// Shuts everything down, and looks whether all is as before.
    fn end(&mut self, stations: Vec<Station>, files: Arc<Dispatcher>, bare: &Sample) {
        let stations = stations.into_iter().map(Station::shut_down);
        let has_ended = stations.fold(true, |all, report| all & report.is_some());
        drop(files);
        let limit = Instant::now() + HANG / 4;
        let last = loop {
            let sample = Sample::take(self.start);
            if sample.is_within(bare) || Instant::now() > limit {
                break sample;
            }
            thread::sleep(LOOK / 10);
        };
        if has_ended && !last.is_within(bare) {
            let what = format!("in the end {last:?}, and before all {bare:?}");
            self.troubles.tell(Trouble::Growth, what);
        }
        let left = loop {
            let left = aio_nr();
            // Others take and give back requests as well: only if there are none is it ours that is
            // left. They are looked for after the count, as they may end in between.
            if left == 0 || others_have_contexts() {
                break left;
            }
            if Instant::now() >= limit {
                let what = format_args!("{left} AIO requests are not given back");
                self.troubles.tell(Trouble::Growth, what);
                break left;
            }
            thread::sleep(LOOK);
        };
        self.outcome.ends = [*bare, Sample { aio_nr: left, ..last }];
    }
}

impl Outcome {
    /// All callbacks of mixed jobs.
    pub(crate) fn ran(&self) -> u64 {
        let realms = self.realms.iter().map(|(_, ledger)| ledger.tally.ran());
        realms.sum::<u64>() + self.lives.tally.ran()
    }

    /// The tallies of all realms, and of the short-lived dispatchers.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (&str, &Tally)> {
        let realms = self.realms.iter().map(|(name, ledger)| (name.as_str(), &ledger.tally));
        realms.chain([("short-lived", &self.lives.tally)])
    }
}
