//! The thread that waits for the kernel and passes on what it is done with. It runs no user code,
//! submits nothing, and no event stops it.
//!
//! It also watches: what was left to callbacks that looked quick is not to wait for one that isn't.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::engine::context::Retired;
use crate::engine::token::index_of;
use crate::engine::{Errno, Event, STOP};
use crate::pipeline::coalescing::Coalescing;
use crate::pipeline::spin::Spin;
use crate::pipeline::watch::{PATIENCE, Watch};
use crate::pipeline::{Completed, Pipeline};
use crate::sync::channel::{Receiver, Sender, bounded};
use crate::sync::thread::{self, JoinHandle};
use crate::unwind::AbortOnUnwind;

/// The pauses after an error that io_getevents(2) doesn't have for a live context.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// So many contexts of a process may be ending with nobody waiting for it.
const RETIRED_MAX: usize = 4;

/// A reaper thread, seen from outside.
pub(crate) struct Reaper {
    thread: JoinHandle<()>,
    /// Disconnected when it has let go of all that it shares with others.
    gone: Receiver<()>,
}

impl Reaper {
    /// Starts one, by `spawn`.
    pub(crate) fn start<E>(
        pipeline: Arc<Pipeline>,
        outlet: Sender<Completed>,
        coalesce: Duration,
        spawn: impl FnOnce(Box<dyn FnOnce() + Send>) -> Result<JoinHandle<()>, E>,
    ) -> Result<Self, E> {
        let (going, gone) = bounded(0);
        // Here, as it asks num_cpus, which keeps the answer: a child forked while another thread is
        // finding it out would wait for that for ever.
        let spin = Spin::new(pipeline.engine.ready().is_some());
        let thread = spawn(Box::new(move || run(pipeline, outlet, coalesce, spin, going)))?;
        Ok(Self { thread, gone })
    }

    /// Waits until the thread is over, and with it the kernel's context.
    pub(crate) fn join(self) {
        // Threads of ours don't panic: they would have aborted.
        let _ = self.thread.join();
    }

    /// Waits until the thread has nothing left to do but to end the context; also for that, if
    /// several others are at it already.
    pub(crate) fn leave(self) {
        let _ = self.gone.recv();
        if Retired::count() > RETIRED_MAX {
            self.join();
        }
    }
}

/// Reaps until the dispatcher tells it to stop, then ends the context.
fn run(
    pipeline: Arc<Pipeline>,
    outlet: Sender<Completed>,
    coalesce: Duration,
    spin: Spin,
    going: Sender<()>,
) {
    let _guard = AbortOnUnwind;
    reap(&pipeline, &outlet, coalesce, spin);
    let retired = pipeline.engine.close();
    // With this the workers' channel has lost its last one.
    drop(outlet);
    pipeline.sleepers.dismiss();
    drop(pipeline);
    drop(going);
    drop(retired);
}

fn reap(pipeline: &Pipeline, outlet: &Sender<Completed>, coalesce: Duration, mut spin: Spin) {
    let mut events = Vec::new();
    let mut pause = PAUSE_MIN;
    let mut coalescing = Coalescing::new(coalesce);
    let mut watch = Watch::default();
    let mut stop = false;
    while !stop {
        let least = || coalescing.least(pipeline.counters.in_flight(), pipeline.parcels.len());
        // More may have been submitted meanwhile.
        spin.until(|| pipeline.engine.ready().is_some_and(|ready| ready >= least()));
        let least = least();
        let limit = match (watch.goes_on(pipeline), least) {
            (false, 1) => None,
            (true, 1) => Some(PATIENCE),
            (false, _) => Some(coalesce),
            (true, _) => Some(coalesce.min(PATIENCE)),
        };
        pipeline.counters.reap_calls.fetch_add(1, Ordering::Relaxed);
        match pipeline.engine.wait(&mut events, least, limit) {
            Ok(()) => {
                pause = PAUSE_MIN;
                coalescing.learn(least, events.len());
                stop = pass_on(pipeline, outlet, &mut events);
            }
            // A signal that can't be blocked (a debugger, the freezer) before any event.
            Err(Errno(libc::EINTR)) => {}
            // EINVAL and EFAULT would be mistakes of ours; a policy may have been put in place
            // that forbids the call. The kernel still owns buffers, so giving up would be worse
            // than asking again now and then.
            Err(_) => {
                pipeline.counters.reap_errors.fetch_add(1, Ordering::Relaxed);
                pipeline.stop_watching();
                thread::sleep(pause);
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Sends a harvest to the workers. True if the stop event was in it.
fn pass_on(pipeline: &Pipeline, outlet: &Sender<Completed>, events: &mut Vec<Event>) -> bool {
    if events.is_empty() {
        return false;
    }
    let stop = events.iter().any(|event| event.token == STOP);
    // Counted first: once a job is passed on, it may be over before the next line.
    pipeline.counters.harvested(events.len() - usize::from(stop));
    for event in events.drain(..) {
        if let Some(job) = pipeline.slots.take(event.token) {
            pipeline.counters.polled(&job);
            let index = index_of(event.token) as u32;
            let completed = Completed { index, res: event.res, job };
            assert!(outlet.try_send(completed).is_ok(), "the channel has room for every slot");
        } else if event.token != STOP {
            pipeline.counters.strayed();
        }
    }
    pipeline.rouse();
    stop
}
