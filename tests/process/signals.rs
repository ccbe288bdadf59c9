//! A storm of signals at the process and at each of its threads loses no job and doubles none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use reapool::{Dispatcher, LoopDispatcher, Submitter};

use crate::storm::Storm;
use crate::support::alone::alone;
use crate::support::traffic::Traffic;
use crate::support::{self, HANG, eventually, null, null_read, proc, scratch, watched};

fn jobs() -> usize {
    100_000 / support::scale()
}

/// Submits jobs that count their runs, and waits for all of them in one way or another.
fn run(dispatcher: &Dispatcher, runs: &Arc<Vec<AtomicU8>>) {
    let file = null();
    let job = |number: usize| {
        let runs = Arc::clone(runs);
        null_read(&file, move || {
            runs[number].fetch_add(1, Ordering::SeqCst);
        })
    };
    let submitter: &Submitter = &dispatcher.submitter();
    let mut next = 0;
    while next < jobs() {
        match next / 100 % 4 {
            0 => submitter.submit_batch((next..next + 100).map(job)).unwrap(),
            1 => (next..next + 100).for_each(|number| submitter.submit(job(number)).unwrap()),
            2 => (next..next + 100)
                .for_each(|number| submitter.submit_timeout(job(number), HANG).unwrap()),
            _ => {
                let spawned =
                    (next..next + 100).map(|number| submitter.spawn(job(number)).unwrap());
                let handles: Vec<_> = spawned.collect();
                handles.into_iter().for_each(|handle| handle.join().unwrap());
            }
        }
        next += 100;
        if next % 2000 == 0 {
            dispatcher.drain().unwrap();
        }
    }
    dispatcher.drain_timeout(HANG).unwrap();
}

#[test]
fn all_jobs_run_once_in_a_storm_of_signals() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().depth(16).workers(2).build().unwrap();
        eventually("the threads are named", || proc::threads().len() == 3);
        let storm = Storm::begin();
        let runs: Arc<Vec<_>> = Arc::new((0..jobs()).map(|_| AtomicU8::new(0)).collect());
        run(&dispatcher, &runs);
        let report = dispatcher.shutdown().unwrap();
        storm.end();
        assert_eq!((report.jobs, report.failed, report.panics), (jobs() as u64, 0, 0));
        assert!(runs.iter().all(|runs| runs.load(Ordering::SeqCst) == 1), "each once");
    });
}

/// What one thread does: submits jobs of all kinds, and waits for some.
fn produce(submitter: &Submitter, traffic: &Arc<Traffic>) {
    for number in 0..1000 / support::scale() {
        let (name, job) = traffic.job(2, false);
        let handle = submitter.spawn(job).unwrap();
        traffic.accept(name);
        if number % 3 == 0 {
            assert_eq!(handle.join_timeout(HANG).unwrap(), name);
        }
    }
}

/// Runs a loop until it is told to end and nothing is outstanding.
fn attend(mut jobs: LoopDispatcher, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        // Now and then nothing is outstanding.
        let _ = jobs.drain_timeout(Duration::from_millis(120));
        thread::yield_now();
    }
    assert!(jobs.shutdown().is_ok());
}

#[test]
fn nor_is_one_lost_of_any_kind_by_several_threads_and_a_loop() {
    const PRODUCERS: usize = 3;
    let _alone = alone();
    watched(|| {
        let directories = [scratch(), scratch()];
        let builder = || support::builder().depth(8).backlog(8);
        let dispatcher = builder().workers(2).blocking_threads(2).build().unwrap();
        let looped = Dispatcher::builder().depth(8).blocking_threads(2).build_loop().unwrap();
        let submitters = [dispatcher.submitter(), looped.submitter()];
        let mut places = submitters.into_iter().zip(&directories);
        let storm = Storm::begin();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let attends = thread::spawn(move || attend(looped, &stopped));
        let all = [(); 2].map(|()| {
            let (submitter, directory) = places.next().unwrap();
            let most = 4 * PRODUCERS * 1000;
            let traffic = Traffic::new(submitter.clone(), directory.path(), most);
            let start = |_| {
                let (submitter, traffic) = (submitter.clone(), Arc::clone(&traffic));
                thread::spawn(move || produce(&submitter, &traffic))
            };
            let producers: Vec<_> = (0..PRODUCERS).map(start).collect();
            (traffic, producers)
        });
        let traffics = all.map(|(traffic, producers)| {
            producers.into_iter().for_each(|thread| thread.join().unwrap());
            traffic
        });
        dispatcher.drain_timeout(HANG).unwrap();
        dispatcher.shutdown().unwrap();
        stop.store(true, Ordering::SeqCst);
        attends.join().unwrap();
        storm.end();
        traffics.iter().for_each(|traffic| traffic.check());
    });
}
