//! Free slots: the thread that holds the lock while a job waits beside a free slot either moves the
//! job, or knows which thread will.

use std::io::Write;
use std::sync::Arc;

use super::{Done, Running, counting, submit};
use crate::file::FileHandle;
use crate::job::Job;
use crate::pipeline::models::explore;

/// A file that the page cache has.
fn cached_file() -> FileHandle {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[7; 4]).unwrap();
    FileHandle::from(file)
}

/// A read that a worker has to begin, as it goes through the page cache, and that finds all there.
fn cached(file: &FileHandle, callback: impl FnOnce() + Send + 'static) -> Job {
    Job::read(file, vec![0; 4], 0, move |read| {
        assert_eq!(read.buffer, [7; 4]);
        callback();
    })
}

/// Jobs are submitted from outside, one after the other, for one slot.
#[test]
fn a_job_that_waits_gets_the_slot_of_one_that_ends() {
    explore(2, || {
        let running = Running::without_kernel(1, 1, 1);
        let done = Done::new();
        (0..2).for_each(|_| running.submit(Job::nop(counting(&done))).unwrap());
        running.drain();
        assert_eq!(done.count(), 2);
        running.end();
    });
}

/// A job is submitted from outside that only workers may put into its slot, as that is free.
#[test]
fn a_worker_comes_for_what_is_left_to_it() {
    let file = cached_file();
    explore(3, move || {
        let running = Running::without_kernel(2, 0, 1);
        let done = Done::new();
        running.submit(cached(&file, counting(&done))).unwrap();
        running.drain();
        running.end();
    });
}

/// A callback submits, and goes on until the job that it submitted has run, which another worker
/// has to do.
fn a_callback_takes_its_time(job: impl Fn(&Arc<Done>) -> Job + Send + Sync + 'static) {
    let job = Arc::new(job);
    explore(1, move || {
        let running = Running::without_kernel(2, 0, 2);
        let done = Done::new();
        let (slow, pipeline) = (Arc::clone(&done), Arc::clone(&running.pipeline));
        let job = Arc::clone(&job);
        let callback = move || {
            submit(&pipeline, job(&slow)).unwrap();
            slow.wait_for(1);
        };
        running.submit(Job::nop(callback)).unwrap();
        running.drain();
        running.end();
    });
}

#[test]
fn what_a_slow_callback_submits_is_done_by_another_worker() {
    a_callback_takes_its_time(|done| Job::nop(counting(done)));
}

#[test]
fn also_if_it_is_left_to_workers() {
    let file = cached_file();
    a_callback_takes_its_time(move |done| cached(&file, counting(done)));
}

/// Two jobs from outside, of which the first goes on until the second has run.
#[test]
fn a_slow_callback_delays_no_other_job_while_a_worker_is_idle() {
    let file = cached_file();
    explore(1, move || {
        let running = Running::without_kernel(2, 0, 2);
        let done = Done::new();
        let slow = Arc::clone(&done);
        running.submit(cached(&file, move || slow.wait_for(1))).unwrap();
        running.submit(cached(&file, counting(&done))).unwrap();
        running.drain();
        running.end();
    });
}
