//! The dispatchers that last as long as the run: threads over AIO, threads alone, and an event
//! loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use reapool::{Backend, Dispatcher, LoopDispatcher, ShutdownReport};
use std::os::fd::AsFd;

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::realm::{Realm, built};
use crate::support;
use crate::trouble::Trouble;
use crate::world::World;

/// Jobs of a realm at a time, with those that callbacks have parked.
const ENTRIES: usize = 1 << 14;

/// A realm and what runs it.
pub(crate) struct Station {
    pub(crate) realm: Arc<Realm>,
    engine: Engine,
}

enum Engine {
    Threads(Dispatcher),
    Loop { owner: JoinHandle<LoopDispatcher>, is_over: Arc<AtomicBool> },
}

/// Starts them all.
pub(crate) fn start(world: &Arc<World>, dice: &mut Dice) -> Vec<Station> {
    let native = if support::on_threads() { "threads, a few" } else { "native AIO" };
    let mut stations = Vec::new();
    for name in [native, "threads"] {
        let ledger = Ledger::new(ENTRIES, &world.troubles);
        let backend = if name == "native AIO" { Backend::Aio } else { Backend::BlockingThreads };
        let dispatcher = built(|| {
            let builder = Dispatcher::builder().backend(backend).depth(64).backlog(64);
            Realm::counting(builder.workers(2).blocking_threads(6), &ledger).build()
        });
        let realm = Realm::new(name, dispatcher.submitter(), ledger, world);
        stations.push(Station { realm, engine: Engine::Threads(dispatcher) });
    }
    // There is none without AIO.
    if !support::on_threads() {
        stations.push(start_loop(world, dice.fork()));
    }
    stations
}

fn start_loop(world: &Arc<World>, dice: Dice) -> Station {
    let ledger = Ledger::new(ENTRIES, &world.troubles);
    let jobs = built(|| {
        let builder = Dispatcher::builder().depth(48).backlog(32).blocking_threads(4);
        Realm::counting(builder, &ledger).build_loop()
    });
    let realm = Realm::new("event loop", jobs.submitter(), ledger, world);
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    let troubles = Arc::clone(&world.troubles);
    let turns = move || {
        let (mut jobs, mut dice) = (jobs, dice);
        while !told.load(Ordering::Relaxed) {
            if let Err(error) = turn(&mut jobs, &mut dice) {
                troubles.tell(Trouble::Surprise, format_args!("a turn: {error}"));
                break;
            }
        }
        jobs
    };
    let owner = thread::Builder::new().name("soak-loop".into()).spawn(turns).unwrap();
    Station { realm, engine: Engine::Loop { owner, is_over } }
}

/// Waits as a loop with a timer does, and runs some callbacks.
pub(crate) fn turn(jobs: &mut LoopDispatcher, dice: &mut Dice) -> std::io::Result<usize> {
    // Between two looks at whether it is over.
    const LOOK: Duration = Duration::from_millis(50);
    let left =
        jobs.next_deadline().map(|next| next.saturating_duration_since(std::time::Instant::now()));
    let limit = left.map_or(LOOK, |left| (left + Duration::from_millis(1)).min(LOOK));
    let mut ready = [PollFd::new(jobs.as_fd(), PollFlags::POLLIN)];
    poll(&mut ready, PollTimeout::try_from(limit).unwrap())?;
    let most = if dice.one_in(4) { dice.below(8) } else { usize::MAX };
    jobs.run(most)
}

impl Station {
    /// Ends it; `None` if it doesn't come to an end.
    pub(crate) fn shut_down(self) -> Option<ShutdownReport> {
        let report = match self.engine {
            Engine::Threads(dispatcher) => {
                dispatcher.shutdown_timeout(support::HANG).map_err(|error| error.to_string())
            }
            Engine::Loop { owner, is_over } => {
                is_over.store(true, Ordering::Relaxed);
                let mut jobs = owner.join().expect("no callback's panic gets there");
                match jobs.drain_timeout(support::HANG) {
                    Ok(()) => jobs.shutdown().map_err(|error| error.to_string()),
                    Err(error) => {
                        std::mem::forget(jobs);
                        Err(error.to_string())
                    }
                }
            }
        };
        match report {
            Ok(report) => {
                self.realm.agree(&report.stats);
                Some(report)
            }
            Err(error) => {
                let what = format!("{} doesn't shut down: {error}", self.realm.name);
                self.realm.world.troubles.tell(Trouble::Stuck, what);
                None
            }
        }
    }
}
