//! Carries out the steps of a run. Blocking threads list paths and open files that are not in
//! memory, or not all of them; they also read those that are small and go through the page cache.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::file::residency::Residency;
use crate::files::begin::{Begin, Ready};
use crate::files::error::{Failure, FileError, FileOperation};
use crate::files::inline::run_inline;
use crate::files::open::{Begun, Opened, OpenedNow, choose_way, open, open_now};
use crate::files::paths::IndexedPath;
use crate::files::progress::Listing;
use crate::files::run_core::RunCore;
use crate::files::scheduler::event::{EndedBy, Event, Step, Taker};
use crate::files::scheduler::openers::{BatchEnd, OPEN_AT_ONCE};
use crate::job::Job;
use crate::streams::source::{AfterMiss, Way};
use crate::sync::lock;

/// A step that has taken this long hands over the files that it has opened.
const TIME_SLICE: Duration = Duration::from_millis(2);

/// One file in this many is a probe: it is tried whether a worker could have opened and read it.
const PROBE_EVERY: u64 = 32;

/// How many files one step has opened, and how it ended.
type Batch = (usize, BatchEnd);

/// The job that carries out a step.
pub(crate) fn job_for<C: Begin>(core: Arc<RunCore<C>>, step: Step) -> Job {
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
        Step::StandBy => {
            let stand_by_and_open = move || {
                stand_by(&core);
                open_batch(&core)
            };
            Job::blocking(stand_by_and_open, begin)
        }
        Step::Close => {
            let close = move || {
                core.tell(Event::CloserCame);
                core.close_files();
            };
            Job::blocking(close, |()| ())
        }
        Step::Finish => {
            let ends = Arc::clone(&core);
            Job::blocking(move || core.close_files(), move |()| ends.finish())
        }
    }
}

/// Waits until what others leave undone can't wait any longer, or is done.
fn stand_by<C: Begin>(core: &Arc<RunCore<C>>) {
    let begin = Instant::now();
    let mut scheduler = lock(&core.scheduler);
    while scheduler.is_stand_by_needed()
        && let Some(rest) = TIME_SLICE.checked_sub(begin.elapsed())
    {
        let waited = core.stand_by.wait_timeout(scheduler, rest);
        scheduler = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    let steps = scheduler.on(Event::StandByOpens);
    drop(scheduler);
    core.begin(steps);
}

/// Asks the iterator for paths as long as there is room.
///
/// The iterator may be long in coming up with a path, and may wait for the result of the one
/// before. So each path is begun, by others, before the next is asked for.
fn list<C: Begin>(core: &Arc<RunCore<C>>) {
    while core.schedule(|scheduler| scheduler.wants_path()) {
        let Some(path) = core.shared.run_user(|| core.paths.next()) else { return };
        match path {
            Ok(Some(Err(error))) => {
                let Some(()) = core.entry_failed(error) else { return };
                core.check_shutdown();
            }
            Ok(Some(Ok(path))) => {
                let count = || core.counts.add_found();
                let steps = core.schedule(|scheduler| scheduler.listed(path, count));
                if steps.is_empty() {
                    // The next path may be long in coming, and beginning steps looks for it too.
                    core.check_shutdown();
                }
                core.begin(steps);
            }
            // The iterator is dropped first, as the run may end as soon as the scheduler knows.
            Ok(None) => {
                core.paths.close();
                core.end_listing(Listing::Complete);
            }
            Err(payload) => {
                core.paths.close();
                core.listing_panicked(payload);
            }
        }
    }
    if core.halted().is_some() {
        // The run may have ended while the iterator was asked.
        core.paths.close();
    }
    core.tell(Event::ListerOpens);
}

/// Opens files; on a blocking thread.
fn open_batch<C: Begin>(core: &Arc<RunCore<C>>) -> Batch {
    let (mut files, mut end) = (0, BatchEnd::InTime);
    if core.shared.pipeline.is_forked() {
        // The iterator of paths, which ran before this, has forked.
        return (files, end);
    }
    let begin = Instant::now();
    while files < OPEN_AT_ONCE {
        let taken = core.schedule(|scheduler| scheduler.take_path(Taker::BlockingThread));
        let Some((path, steps)) = taken else { break };
        core.begin(steps);
        let opened = open_one(core, path);
        core.schedule(|scheduler| {
            lock(&core.opened).push(opened);
            scheduler.opened();
        });
        files += 1;
        if begin.elapsed() > TIME_SLICE {
            end = BatchEnd::OutOfTime;
            break;
        }
    }
    (files, end)
}

fn open_one<C: Begin>(core: &Arc<RunCore<C>>, mut path: IndexedPath) -> Result<Begun, FileError> {
    if let Some(halt) = core.halted() {
        return Err(Failure::halted(halt, FileOperation::Open).of(path, 0));
    }
    if path.index.is_multiple_of(PROBE_EVERY) {
        match open_now(&core.shared, path, &mut core.shared.no_wait_opener()) {
            OpenedNow::Done(opened) => return opened.map(|opened| read_probe(core, opened)),
            OpenedNow::MayWait(missed) => {
                core.tell(Event::Probed(Residency::Cold));
                path = missed;
            }
        }
    }
    let mut opened = open(&core.shared, path)?;
    choose_way(&core.shared, &mut opened);
    let is_cached = matches!(opened.source.way, Way::Cached(AfterMiss::Direct(_)));
    let cached = if is_cached { opened.read_cached(&core.shared, &core.consumer) } else { None };
    let first = cached.or_else(|| opened.read_waiting(&core.shared, &core.consumer));
    Ok((opened, first))
}

fn read_probe<C: Begin>(core: &Arc<RunCore<C>>, mut opened: Opened) -> Begun {
    choose_way(&core.shared, &mut opened);
    let cached = opened.read_cached(&core.shared, &core.consumer);
    let residency = if cached.is_some() { Residency::Cached } else { Residency::Cold };
    core.tell(Event::Probed(residency));
    let first = cached.or_else(|| opened.read_waiting(&core.shared, &core.consumer));
    (opened, first)
}

/// Begins with the files that were opened, by this step and perhaps by others; on a worker.
fn begin_batch<C: Begin>(core: &Arc<RunCore<C>>, (count, end): Batch) {
    if core.shared.pipeline.is_forked() {
        // The iterator has forked; without blocking threads, a worker ran it.
        return;
    }
    let files = std::mem::take(&mut *lock(&core.opened));
    let (steps, is_idle) = core.schedule(|scheduler| {
        let handed_over = files.len();
        let steps = scheduler.on(Event::OpenerDone { files: count, end, handed_over });
        (steps, scheduler.is_stand_by_idle())
    });
    if is_idle {
        core.stand_by.notify_one();
    }
    let mut ready = Vec::new();
    for begun in files {
        match begun {
            Err(error) => core.deliver(EndedBy::Other, Err(error)),
            Ok((opened, None)) => C::begin(core, opened),
            Ok((opened, Some(first))) => ready.extend(C::begin_read(core, opened, first)),
        }
    }
    core.begin(steps);
    // The user's callbacks may be slow: one file here, the others wherever there is a worker.
    let here = ready.pop();
    ready.iter().for_each(Ready::step_elsewhere);
    if let Some(file) = here {
        file.step();
    }
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
