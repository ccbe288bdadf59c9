//! What the traffic is made of: dispatchers, files, and who acts on them.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reapool::Dispatcher;

use crate::dice::Dice;
use crate::gauge::Sample;
use crate::lives::{self, Lives};
use crate::places::Places;
use crate::realm::built;
use crate::realms::{self, Station};
use crate::support;
use crate::trouble::Trouble;
use crate::ways;
use crate::world::World;

/// A dispatcher with jobs that ends none for so long is stuck.
const STUCK: Duration = Duration::from_secs(60);
/// Actors that share a realm.
const SHARING: u64 = 2;

/// What the traffic is made of. Not dropped if it doesn't come to an end.
pub(crate) struct Stage {
    pub(crate) world: Arc<World>,
    pub(crate) stations: Vec<Station>,
    /// For the trees.
    pub(crate) files: Arc<Dispatcher>,
    pub(crate) lives: Arc<Lives>,
    pub(crate) places: Places,
}

impl Stage {
    pub(crate) fn set(world: Arc<World>, places: Places, dice: &mut Dice) -> Self {
        let stations = realms::start(&world, dice);
        let files = built(|| support::builder().depth(64).workers(2).blocking_threads(6).build());
        let (files, lives) = (Arc::new(files), Arc::default());
        Self { world, stations, files, lives, places }
    }

    pub(crate) fn actors(&self, seed: u64) -> Vec<JoinHandle<()>> {
        let mut dice = Dice::new(seed);
        let mut actors: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        for station in &self.stations {
            for _ in 0..SHARING {
                let (realm, dice) = (Arc::clone(&station.realm), dice.fork());
                actors.push(Box::new(move || ways::act(&realm, dice)));
            }
        }
        for tree in &self.places.trees {
            let (tree, files) = (Arc::clone(tree), Arc::clone(&self.files));
            let (world, dice) = (Arc::clone(&self.world), dice.fork());
            actors.push(Box::new(move || tree.act(&files, &world, dice)));
        }
        let (world, lives, dice) = (Arc::clone(&self.world), Arc::clone(&self.lives), dice.fork());
        actors.push(Box::new(move || lives::act(&lives, &world, dice)));
        let actors = actors.into_iter().map(|act| {
            let builder = thread::Builder::new().name("soak-actor".into());
            builder.spawn(act).unwrap()
        });
        actors.collect()
    }

    pub(crate) fn sample(&self, start: Instant, is_quiet: bool) -> Sample {
        let finished = self.stations.iter().map(|station| station.realm.audit().finished);
        let jobs = finished.sum::<u64>() + self.files.stats().finished + self.lives.tally.ran();
        let pool = (self.world.pool.stats().mapped / 1024) as u64;
        Sample { jobs, pool, is_quiet, ..Sample::take(start) }
    }

    pub(crate) fn tell_stuck(&self, what: &str) {
        let mut told = what.to_owned();
        for station in &self.stations {
            let realm = &station.realm;
            let open = realm.ledger.open();
            let some = open.iter().take(20).cloned().collect::<Vec<_>>().join("; ");
            let stats = realm.submitter.stats();
            told += &format!("\n{}: {} open: {some}; {stats:?}", realm.name, open.len());
        }
        told += &format!("\nfiles: {:?}", self.files.stats());
        self.world.troubles.tell(Trouble::Stuck, told);
    }
}

/// Whether each realm's jobs come to an end.
pub(crate) struct Progress(Vec<(u64, Instant)>);

impl Progress {
    pub(crate) fn new(stage: &Stage) -> Self {
        Self(stage.stations.iter().map(|_| (0, Instant::now())).collect())
    }

    pub(crate) fn goes_on(&mut self, stage: &Stage) -> bool {
        let mut is_stuck = false;
        for (station, (finished, since)) in stage.stations.iter().zip(&mut self.0) {
            let stats = station.realm.submitter.stats();
            if stats.finished > *finished || stats.outstanding == 0 {
                (*finished, *since) = (stats.finished, Instant::now());
            }
            is_stuck |= since.elapsed() > STUCK;
        }
        if is_stuck {
            stage.tell_stuck("no job ended for too long");
        }
        !is_stuck
    }
}
