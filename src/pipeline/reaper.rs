//! The body of the reaper: the thread that waits for the kernel, and sends the jobs that are
//! completed to the workers. It runs no user code and submits nothing, and no error ends it.
//!
//! It also watches: jobs that were left to busy workers, as callbacks looked quick, must not wait
//! for a callback that is slow.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::sync::channel::{Receiver, Sender, bounded};

use super::Pipeline;
use super::coalescing::Coalescing;
use super::spin::Spin;
use super::watch::{PATIENCE, Watch};
use crate::engine::context::Retired;
use crate::engine::{Errno, Event, STOP};
use crate::job::completed::Completed;
use crate::sync::thread::{self, JoinHandle};
use crate::unwind::AbortOnUnwind;

/// The shortest and the longest pause after an error of io_getevents(2), which has none for a live
/// context.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How many contexts of a process may be ending while nobody waits for them.
const RETIRED_MAX: usize = 4;

/// A reaper thread, seen from outside.
pub(crate) struct Reaper {
    thread: JoinHandle<()>,
    /// Disconnected when the thread has let go of everything that it shares with others.
    gone: Receiver<()>,
}

impl Reaper {
    /// Starts a reaper thread, by `spawn`.
    pub(crate) fn start<E>(
        pipeline: Arc<Pipeline>,
        completed_tx: Sender<Completed>,
        coalesce: Duration,
        spawn: impl FnOnce(Box<dyn FnOnce() + Send>) -> Result<JoinHandle<()>, E>,
    ) -> Result<Self, E> {
        let (going, gone) = bounded(0);
        // Made here, and not by the thread, as it asks num_cpus, which keeps the answer. A child
        // that is forked while another thread is finding it out would wait for that for ever.
        let spin = Spin::new(pipeline.launcher.engine.ready().is_some());
        let thread = spawn(Box::new(move || run(pipeline, completed_tx, coalesce, spin, going)))?;
        Ok(Self { thread, gone })
    }

    /// Waits until the thread is over, and with it the kernel's context.
    pub(crate) fn join(self) {
        // The crate's own threads don't panic: they would have aborted the process.
        let _ = self.thread.join();
    }

    /// Waits until the thread has nothing left to do but to end the context. If several threads are
    /// ending contexts already, it waits for that, too.
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
    completed_tx: Sender<Completed>,
    coalesce: Duration,
    spin: Spin,
    going: Sender<()>,
) {
    let _guard = AbortOnUnwind;
    reap(&pipeline, &completed_tx, coalesce, spin);
    let retired = pipeline.launcher.engine.close();
    // The workers' channel has lost its last sender with this one.
    drop(completed_tx);
    pipeline.wakeups().workers().sleepers.dismiss();
    drop(pipeline);
    drop(going);
    drop(retired);
}

fn reap(pipeline: &Pipeline, completed_tx: &Sender<Completed>, coalesce: Duration, mut spin: Spin) {
    let (engine, counters) = (&pipeline.launcher.engine, &pipeline.launcher.counters);
    let (mut events, mut completed) = (Vec::new(), Vec::new());
    let mut pause = PAUSE_MIN;
    let mut coalescing = Coalescing::new(coalesce);
    let mut watch = Watch::default();
    let mut stop = false;
    while !stop {
        let least = || coalescing.least(counters.in_flight(), pipeline.completed.len());
        // More may have been submitted meanwhile.
        spin.until(|| engine.ready().is_some_and(|ready| ready >= least()));
        let least = least();
        let limit = match (watch.goes_on(pipeline), least) {
            (false, 1) => None,
            (true, 1) => Some(PATIENCE),
            (false, _) => Some(coalesce),
            (true, _) => Some(coalesce.min(PATIENCE)),
        };
        counters.reap_calls.fetch_add(1, Ordering::Relaxed);
        match engine.wait(&mut events, least, limit) {
            Ok(()) => {
                pause = PAUSE_MIN;
                coalescing.learn(least, events.len());
                stop = pass_on(pipeline, completed_tx, &mut events, &mut completed);
            }
            // A signal that can't be blocked (a debugger, the freezer) came before any event.
            Err(Errno(libc::EINTR)) => {}
            // EINVAL and EFAULT would be this crate's mistakes. Or a policy was put in place that
            // forbids the call. The kernel still owns buffers, so giving up would be worse than
            // asking again now and then.
            Err(_) => {
                counters.reap_errors.fetch_add(1, Ordering::Relaxed);
                pipeline.wakeups().workers().stop_watching(&pipeline.admission);
                thread::sleep(pause);
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Sends the jobs of these events to the workers. True if the stop event was among them.
fn pass_on(
    pipeline: &Pipeline,
    completed_tx: &Sender<Completed>,
    events: &mut Vec<Event>,
    completed: &mut Vec<Completed>,
) -> bool {
    if events.is_empty() {
        return false;
    }
    let all = events.len();
    events.retain(|event| event.token != STOP);
    let stop = events.len() < all;
    // They are counted first: once a job is sent, it may be over before the next line.
    pipeline.launcher.counters.harvested(events.len());
    pipeline.launcher.reaped(&pipeline.admission, events, completed);
    for job in completed.drain(..) {
        assert!(completed_tx.try_send(job).is_ok(), "the channel has room for every slot");
    }
    pipeline.wakeups().workers().after_harvest(&pipeline.admission);
    stop
}
