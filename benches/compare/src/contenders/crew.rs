//! Threads that are started once and woken for each run.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::load::Numbers;

/// The work of one member, given the numbers of a run.
pub(super) type Member = Box<dyn FnMut(&Arc<Numbers>)>;

/// Threads that each take part in every run. They end with the process.
pub(super) struct Crew {
    calls: Vec<Sender<Arc<Numbers>>>,
    reports: Receiver<()>,
}

impl Crew {
    /// Starts `count` threads. Each calls `make` for its work.
    pub(super) fn new<M>(count: usize, make: M) -> Result<Self, String>
    where
        M: Fn(usize) -> Result<Member, String> + Send + Clone + 'static,
    {
        let (ready, made) = unbounded();
        let (report, reports) = unbounded();
        let calls = (0..count)
            .map(|index| {
                let (call, called) = bounded::<Arc<Numbers>>(1);
                let (make, ready, report) = (make.clone(), ready.clone(), report.clone());
                thread::spawn(move || match make(index) {
                    Ok(member) => {
                        let _ = ready.send(Ok(()));
                        serve(member, &called, &report);
                    }
                    Err(reason) => {
                        let _ = ready.send(Err(reason));
                    }
                });
                call
            })
            .collect();
        // Now only the members have senders, so a receiver notices when a member panics.
        drop((ready, report));
        for _ in 0..count {
            made.recv().map_err(|_| "a thread panicked while it got ready")??;
        }
        Ok(Self { calls, reports })
    }

    /// Calls each member with its numbers, and waits until all have done their part.
    pub(super) fn run(&self, parts: impl Iterator<Item = Arc<Numbers>>) -> Result<(), String> {
        for (call, part) in self.calls.iter().zip(parts) {
            call.send(part).map_err(|_| "a thread has ended before the run")?;
        }
        for _ in &self.calls {
            self.reports.recv().map_err(|_| "all threads have panicked")?;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }
}

/// Reports even if the member panics. The count of callbacks then shows that some are missing.
struct Report<'a>(&'a Sender<()>);

impl Drop for Report<'_> {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

fn serve(mut member: Member, called: &Receiver<Arc<Numbers>>, report: &Sender<()>) {
    for numbers in called {
        let _report = Report(report);
        member(&numbers);
    }
}
