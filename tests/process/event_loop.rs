//! Event-loop mode needs no thread besides the owner's, whatever it is asked to do.

use std::thread;

use reapool::{Dispatcher, Job};

use crate::support::alone::alone;
use crate::support::event_loop::{TendedLoop, read_all};
use crate::support::proc::threads;
use crate::support::{known_file, open_buffered, scratch, watched};

#[test]
fn there_are_no_threads() {
    let _alone = alone();
    watched(|| {
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(16).backlog(16));
        read_all(&mut jobs, |jobs| {
            jobs.turn(usize::MAX);
        });
        let directory = scratch();
        let file = open_buffered(&known_file(directory.path(), "file", 100));
        let (submitter, this) = (jobs.submitter(), thread::current().id());
        let work = move || (thread::current().id(), submitter.submit(Job::nop(|| ())));
        let blocking = Job::blocking(work, |(id, submitted)| submitted.map(|()| id).unwrap());
        let blocking = jobs.try_spawn(blocking).unwrap();
        let write =
            jobs.try_spawn(Job::write(&file, vec![1; 50], 100, |done| done.result)).unwrap();
        jobs.quiesce();
        let read = Job::read(&file, vec![0; 200], 0, |done| done.result.unwrap());
        let read = jobs.try_spawn(read).unwrap();
        assert_eq!(threads(), [], "of this crate's");
        jobs.quiesce();
        assert_eq!(threads(), []);
        assert_eq!(jobs.stats().blocking_threads, 0);
        assert_eq!(blocking.join().unwrap(), this);
        assert_eq!((write.join().unwrap().unwrap(), read.join().unwrap()), (50, 150));
    });
}
