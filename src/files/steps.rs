//! Carries out the steps of a run: a worker's inline step, and those of blocking threads that list
//! and open.

use std::sync::Arc;

use crate::files::error::FileOperation;
use crate::files::fold::Fold;
use crate::files::inline::run_inline;
use crate::files::opening::{begin_batch, open_batch};
use crate::files::run_core::RunCore;
use crate::files::scheduler::{Scheduler, Step};
use crate::job::Job;

/// The job that carries out a step.
pub(crate) fn job_for<F: Fold>(core: Arc<RunCore<F>>, step: Step) -> Job {
    let later = Arc::clone(&core);
    let begin = move |batch| begin_batch(&later, batch);
    match step {
        Step::Inline => Job::nop(move || run_inline(&core)),
        Step::Open => Job::blocking(move || open_batch(&core), begin),
        Step::List => {
            let list_and_open = move || {
                list(&core);
                open_batch(&core)
            };
            Job::blocking(list_and_open, begin)
        }
    }
}

/// Asks the iterator for paths as long as there is room.
///
/// The iterator may be long in coming up with a path, and may wait for the result of the one
/// before. So each path is begun, by others, before the next is asked for.
fn list<F: Fold>(core: &Arc<RunCore<F>>) {
    while core.schedule(|scheduler| scheduler.wants_path()) {
        let Some(path) = core.shared.run_user(|| core.paths.next()) else { return };
        match path {
            Ok(Some(path)) => {
                let count = || core.counts.add_found();
                if core.schedule(|scheduler| scheduler.add_path(path, count)).is_none() {
                    core.check_shutdown();
                    continue;
                }
            }
            // The iterator is dropped first, as the run may end as soon as the scheduler knows.
            Ok(None) => {
                core.paths.close();
                core.schedule(Scheduler::end_listing);
            }
            Err(payload) => {
                core.paths.close();
                core.stop_listing(core.panicked(payload, FileOperation::List, 0));
            }
        }
        core.begin_steps();
    }
    if core.halted().is_some() {
        // The run may have ended while the iterator was asked.
        core.paths.close();
    }
    core.schedule(Scheduler::listing_done);
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use crate::{Dispatcher, Files};

    #[test]
    fn the_iterator_of_a_stopped_run_is_dropped_before_the_run_ends() {
        let dispatcher = Dispatcher::new().unwrap();
        let files = Files::builder(&dispatcher).results(1).build().unwrap();
        let (paths, iterator) = mpsc::sync_channel(0);
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            while paths.send(PathBuf::from("Cargo.toml")).is_ok() {}
            end.send(()).unwrap();
        });
        let mut run = files.read(iterator, |_| ());
        assert!(run.next().is_some());
        run.stopper().stop();
        run.by_ref().for_each(drop);
        let hang = Duration::from_secs(20);
        assert!(ended.recv_timeout(hang).is_ok(), "the sender still waits for the iterator");
    }
}
