//! The latency pair: the time of two thread wake-ups, bare and in the crate.
//!
//! Before each measurement there is a pause in which the threads fall asleep, as they do while a
//! device works on one request. Without the pause, two threads on two cores may find each other's
//! message while they still spin. That takes a tenth of the time and says nothing about
//! completions.

use std::fs::File;
use std::io::{Read, Write};
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use reapool::{Dispatcher, FileHandle, Job, PollEvents};
use rustix::event::{EventfdFlags, eventfd};

use super::contract::{Contender, because};
use crate::load::{Load, Stamp};

const PAUSE: Duration = Duration::from_micros(200);

/// This thread sends to another, which sends back: a round trip is two hops. The callback runs when
/// this thread has received the answer.
pub(super) struct Ping {
    load: Arc<Load>,
    there: Sender<u64>,
    back: Receiver<u64>,
}

impl Ping {
    pub(super) fn new(load: &Arc<Load>) -> Self {
        let ((there, to_other), (other, back)) = (bounded(1), bounded(1));
        thread::spawn(move || {
            for number in to_other {
                let _ = other.send(number);
            }
        });
        Self { load: Arc::clone(load), there, back }
    }
}

impl Contender for Ping {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        for number in range {
            thread::sleep(PAUSE);
            let stamp = self.load.stamp(number);
            self.there.send(number).map_err(because("send"))?;
            let number = self.back.recv().map_err(because("receive"))?;
            self.load.callback(number, stamp, &[]);
        }
        Ok(())
    }
}

/// The same with eventfds instead of channels. A read of an eventfd does not spin before it sleeps,
/// so both hops wake a thread through the kernel.
pub(super) struct Wake {
    load: Arc<Load>,
    there: Arc<File>,
    back: Arc<File>,
}

impl Wake {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let (there, back) = (event()?, event()?);
        let (called, answer) = (Arc::clone(&there), Arc::clone(&back));
        thread::spawn(move || while wait_for(&called).is_ok() && notify(&answer).is_ok() {});
        Ok(Self { load: Arc::clone(load), there, back })
    }
}

impl Contender for Wake {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        for number in range {
            thread::sleep(PAUSE);
            let stamp = self.load.stamp(number);
            notify(&self.there)?;
            wait_for(&self.back)?;
            self.load.callback(number, stamp, &[]);
        }
        Ok(())
    }
}

fn event() -> Result<Arc<File>, String> {
    let event = eventfd(0, EventfdFlags::CLOEXEC).map_err(because("eventfd"))?;
    Ok(Arc::new(File::from(event)))
}

fn notify(mut event: &File) -> Result<(), String> {
    event.write_all(&1_u64.to_ne_bytes()).map_err(because("write"))
}

fn wait_for(mut event: &File) -> Result<(), String> {
    event.read_exact(&mut [0; 8]).map_err(because("read"))
}

/// Measures from the write that makes the kernel complete a poll job to the job's callback. These
/// are two hops too: to the reaper and to a worker.
pub(super) struct Hop {
    load: Arc<Load>,
    dispatcher: Dispatcher,
    event: Arc<File>,
    file: FileHandle,
}

impl Hop {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let event = event()?;
        let dispatcher = Dispatcher::builder()
            .depth(1)
            .workers(load.task.workers)
            .build()
            .map_err(because("dispatcher"))?;
        let file = FileHandle::from(Arc::clone(&event));
        Ok(Self { load: Arc::clone(load), dispatcher, event, file })
    }

    /// One poll, from its submission to its callback's end.
    fn poll(&self, number: u64) -> Result<(), String> {
        let ((tell, told), (send, sent)) = (bounded::<Stamp>(1), bounded(1));
        let (load, event) = (Arc::clone(&self.load), Arc::clone(&self.event));
        let job = Job::poll(&self.file, PollEvents::READABLE, move |done| {
            // The stamp was sent before the write that completed this job.
            let stamp = told.try_recv().expect("the stamp comes before the event");
            done.result.expect("the poll succeeds");
            load.callback(number, stamp, &[]);
            wait_for(&event).expect("the event is there");
            let _ = send.send(());
        });
        self.dispatcher.submit(job).map_err(because("submit"))?;
        // This waits until the last round's job has left its slot and this one is in the kernel.
        while self.dispatcher.stats().in_flight != 1 {
            thread::yield_now();
        }
        thread::sleep(PAUSE);
        tell.send(self.load.stamp(number)).map_err(because("stamp"))?;
        notify(&self.event)?;
        sent.recv().map_err(because("the callback"))
    }
}

impl Contender for Hop {
    fn run(&mut self, mut range: Range<u64>) -> Result<(), String> {
        range.try_for_each(|number| self.poll(number))
    }
}
