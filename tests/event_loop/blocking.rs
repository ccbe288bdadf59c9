//! Event-loop mode with blocking threads: they do it, and the callbacks are the owner's.

use std::sync::mpsc;
use std::thread;

use reapool::{Backend, BuildErrorKind, Dispatcher, Job, Refusal};

use crate::support::cache::evict;
use crate::support::event_loop::TendedLoop;
use crate::support::readiness::is_readable;
use crate::support::{Gate, HANG, contents, known_file, open_buffered, scratch, watched};

#[test]
fn work_is_done_elsewhere_and_the_callback_here() {
    watched(|| {
        let builder = Dispatcher::builder().depth(4).blocking_threads(1);
        let mut jobs = TendedLoop::new(builder);
        let (gate, this) = (Gate::default(), thread::current().id());
        let held = gate.clone();
        let work = move || {
            held.pass();
            thread::current().id()
        };
        let job = Job::blocking(work, move |worked| {
            assert_eq!(thread::current().id(), this);
            worked
        });
        let handle = jobs.try_spawn(job).unwrap();
        gate.wait_for(1);
        // The loop goes on meanwhile.
        jobs.try_submit(Job::nop(|| ())).unwrap();
        assert_eq!(jobs.turn(10), 1);
        assert!(!is_readable(&*jobs));
        gate.open();
        assert_eq!(jobs.turn(10), 1);
        assert_ne!(handle.join().unwrap(), this);
    });
}

#[test]
fn what_work_submits_does_not_wait_for_its_end() {
    watched(|| {
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(4).blocking_threads(1));
        let (gate, submitter) = (Gate::default(), jobs.submitter());
        let held = gate.clone();
        let directory = scratch();
        let file = open_buffered(&known_file(directory.path(), "file", 100));
        let work = move || {
            submitter.submit(Job::nop(|| ())).unwrap();
            submitter.submit(Job::read(file, vec![0; 10], 0, |_| ())).unwrap();
            held.pass();
        };
        jobs.try_submit(Job::blocking(work, |()| ())).unwrap();
        gate.wait_for(1);
        // The read may be handed to the one thread, which is in the work, if it is not cached.
        while jobs.stats().nops == 0 || jobs.stats().buffered == 0 {
            jobs.turn(10);
        }
        gate.open();
        jobs.quiesce();
        assert_eq!(jobs.stats().finished, 3);
    });
}

#[test]
fn buffered_files_are_left_to_the_threads() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "file", 1 << 20);
        let file = open_buffered(&path);
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(8).blocking_threads(2));
        let write = Job::write(&file, vec![9; 4096], 1 << 20, |done| done.result);
        let write = jobs.try_spawn(write).unwrap();
        jobs.quiesce();
        assert_eq!(write.join().unwrap().unwrap(), 4096);
        assert_eq!(jobs.stats().blocking_transfers, 1);
        evict(&path);
        for block in 0..16_u64 {
            let range = block << 16..(block + 1) << 16;
            let job = Job::read(&file, vec![0; 1 << 16], range.start, move |done| {
                assert_eq!(done.data(), contents(range));
            });
            jobs.try_submit(job).unwrap();
        }
        jobs.quiesce();
        let stats = jobs.stats();
        assert_eq!(stats.cached + stats.blocking_transfers, 17);
        assert_eq!((stats.submitted, stats.panics), (0, 0));
    });
}

#[test]
fn a_loop_dropped_by_its_own_work_is_leaked_and_hangs_nobody() {
    watched(|| {
        let jobs = Dispatcher::builder().depth(4).blocking_threads(1).build_loop().unwrap();
        let submitter = jobs.submitter();
        let (tell, told) = mpsc::channel();
        let work = move || {
            let error = jobs.shutdown().unwrap_err();
            let reapool::ShutdownError::InCallback(mut jobs) = error else { panic!("{error}") };
            assert_eq!(jobs.drain(), Err(reapool::DrainError::InCallback));
            drop(jobs);
            tell.send(()).unwrap();
        };
        submitter.submit(Job::blocking(work, |()| unreachable!("nobody runs it"))).unwrap();
        told.recv_timeout(HANG).unwrap();
        let error = submitter.submit(Job::nop(|| ())).unwrap_err();
        assert_eq!(error.kind(), Refusal::ShutDown);
    });
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let kind = |builder: reapool::Builder| builder.build_loop().unwrap_err().kind();
    let builder = Dispatcher::builder;
    for refused in [
        builder().depth(0),
        builder().depth(1 << 30),
        builder().blocking_threads(513),
        builder().backend(Backend::BlockingThreads),
    ] {
        assert_eq!(kind(refused), BuildErrorKind::InvalidConfig);
    }
    let error = builder().blocking_threads(0).build().unwrap_err();
    assert_eq!(error.kind(), BuildErrorKind::InvalidConfig, "with workers there are some");
    // Workers mean nothing here.
    let automatic = builder().backend(Backend::Automatic).workers(0).blocking_threads(0).depth(3);
    assert_eq!(automatic.build_loop().unwrap().depth(), 3);
}
