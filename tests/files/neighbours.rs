//! A run leaves room for others: jobs of the user's own, and an iterator that takes its time.

use std::sync::mpsc;

use reapool::{FilesRun, Job};

use crate::support::files::{copied, dispatcher, files_of, modest, small_files, successes};
use crate::support::{Gate, HANG, Tended, builder, null, scratch, watched};

/// Whether a job of the user's own comes through while something else goes on.
fn comes_through(dispatcher: &Tended) {
    let (tell, told) = mpsc::channel();
    dispatcher.submit_timeout(Job::nop(move || tell.send(()).unwrap()), HANG).unwrap();
    told.recv_timeout(HANG).unwrap();
}

#[test]
fn callers_find_room_beside_a_run_that_has_more_reads_than_there_are_places() {
    let directory = scratch();
    let dispatcher = Tended::new(builder().depth(4).backlog(0).workers(2));
    let paths = files_of(directory.path(), &[600 << 10; 16]);
    let files = modest(&dispatcher).policy(reapool::Policy::Direct).build().unwrap();
    let gate = Gate::default();
    let held = gate.clone();
    // Nobody gets on: reads are posted, and come to wait for workers.
    let run = files.stream(
        paths,
        |_| (),
        move |(), _| {
            held.pass();
        },
        |(), _| (),
    );
    gate.wait_for(2);
    // Four slots and no backlog: with the run's jobs counted, there would be no room.
    dispatcher.try_submit(Job::read(null(), vec![0; 16], 0, |_| ())).unwrap();
    gate.open();
    assert_eq!(successes(run).len(), 16);
}

#[test]
fn an_iterator_that_waits_keeps_no_worker() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 4);
    let (give, given) = mpsc::channel();
    let run = copied(&modest(&dispatcher).build().unwrap(), given);
    comes_through(&dispatcher);
    paths.into_iter().for_each(|path| give.send(path).unwrap());
    drop(give);
    assert_eq!(successes(run).len(), 4);
}

#[test]
fn an_iterator_may_wait_for_the_result_of_the_path_before() {
    let (directory, dispatcher) = (scratch(), dispatcher(1));
    let mut paths = small_files(directory.path(), 50).into_iter();
    let (give, given) = mpsc::channel();
    let mut run: FilesRun<_> = copied(&modest(&dispatcher).build().unwrap(), given);
    give.send(paths.next().unwrap()).unwrap();
    let count = watched(move || {
        let mut count = 0;
        for result in run.by_ref() {
            result.unwrap();
            count += 1;
            match paths.next() {
                Some(path) => give.send(path).unwrap(),
                // The iterator ends, and with it the run.
                None => break,
            }
        }
        drop(give);
        count + run.count()
    });
    assert_eq!(count, 50);
}

#[test]
fn a_run_ends_when_it_is_stopped_though_its_iterator_waits() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let (give, given) = mpsc::channel();
    let run = copied(&modest(&dispatcher).build().unwrap(), given);
    small_files(directory.path(), 1).into_iter().for_each(|path| give.send(path).unwrap());
    let stopper = run.stopper();
    let count = watched(move || {
        let mut run = run;
        let first = run.next();
        assert!(first.unwrap().is_ok());
        stopper.stop();
        run.count()
    });
    assert_eq!(count, 0);
    drop(give);
}
