//! The thread that waits for the kernel and passes on what it is done with. It runs no user code,
//! submits nothing, and no event stops it.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::engine::{Errno, Event, STOP};
use crate::pipeline::{Completed, Parcel, Pipeline};
use crate::slots::index_of;
use crate::unwind::AbortOnPanic;

/// The pauses after an error that io_getevents(2) doesn't have for a live context.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Reaps until the dispatcher tells it to stop, then ends the context.
///
/// Takes the sender by value: when this returns, the workers' channel has lost its last one.
pub(crate) fn run(pipeline: &Pipeline, outlet: Sender<Parcel>) {
    let _guard = AbortOnPanic;
    let mut events = Vec::new();
    let mut pause = PAUSE_MIN;
    let mut stop = false;
    while !stop {
        pipeline.counters.reap_calls.fetch_add(1, Ordering::Relaxed);
        match pipeline.engine.wait(&mut events) {
            Ok(()) => {
                pause = PAUSE_MIN;
                stop = pass_on(pipeline, &outlet, &mut events);
            }
            // A signal that can't be blocked (a debugger, the freezer) before any event.
            Err(Errno(libc::EINTR)) => {}
            // EINVAL and EFAULT would be mistakes of ours; a policy may have been put in place
            // that forbids the call. The kernel still owns buffers, so giving up would be worse
            // than asking again now and then.
            Err(_) => {
                pipeline.counters.reap_errors.fetch_add(1, Ordering::Relaxed);
                thread::sleep(pause);
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
    pipeline.engine.close();
    drop(outlet);
}

/// Sends a harvest to the workers. True if the stop event was in it.
fn pass_on(pipeline: &Pipeline, outlet: &Sender<Parcel>, events: &mut Vec<Event>) -> bool {
    let stop = events.iter().any(|event| event.token == STOP);
    // Counted first: once a job is passed on, it may be over before the next line.
    pipeline.counters.harvested(events.len() - usize::from(stop));
    for event in events.drain(..) {
        if let Some(job) = pipeline.slots.take(event.token) {
            let index = index_of(event.token) as u32;
            let parcel = Parcel::Done(Completed { index, res: event.res, job });
            assert!(outlet.try_send(parcel).is_ok(), "the channel has room for every slot");
        } else if event.token != STOP {
            pipeline.counters.strayed();
        }
    }
    stop
}
