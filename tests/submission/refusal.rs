//! A job that is refused comes back whole, with its buffer; it can be submitted again and then
//! runs.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use reapool::{Job, Refusal, Refused, Submitter};

use crate::support::proc::{is_asleep, this_thread};
use crate::support::{self, Counted, Drops, Gate, HANG, Tended, eventually, null, watched};

/// A dispatcher whose one slot is occupied by a callback that waits at the gate, and whose backlog
/// has room for so many more jobs.
fn held(backlog: usize) -> (Tended, Gate) {
    let builder = support::builder().depth(1).backlog(backlog).parked_limit(2).workers(1);
    let (dispatcher, gate) = (Tended::new(builder), Gate::default());
    let pass = gate.clone();
    let job = Job::read(null(), Vec::new(), 0, move |_| pass.pass());
    dispatcher.submit_timeout(job, HANG).unwrap();
    gate.wait_for(1);
    (dispatcher, gate)
}

/// Jobs whose parts are counted; a callback that runs reports its offset and its buffer's address.
struct Parts {
    buffers: Drops,
    files: Drops,
    captures: Drops,
    report: Sender<(u64, usize)>,
    reports: Receiver<(u64, usize)>,
}

impl Parts {
    fn new() -> Self {
        let [buffers, files, captures] = std::array::from_fn(|_| Drops::default());
        let (report, reports) = mpsc::channel();
        Self { buffers, files, captures, report, reports }
    }

    /// A write of `offset`, as bytes, at `offset`, and where these bytes are.
    fn job(&self, offset: u64) -> (Job, usize) {
        let buffer = self.buffers.buffer(offset.to_le_bytes().to_vec());
        let address = buffer.inner.as_ptr().addr();
        let file = self.files.file(std::fs::File::options().write(true).open("/dev/null").unwrap());
        let (report, capture) = (self.report.clone(), self.captures.guard());
        let job = Job::write(file, buffer, offset, move |done| {
            let _capture = capture;
            assert_eq!(
                (done.result.unwrap(), &done.buffer.inner[..]),
                (8, &offset.to_le_bytes()[..])
            );
            report.send((done.offset, done.buffer.inner.as_ptr().addr())).unwrap();
        });
        (job, address)
    }

    fn jobs(&self, offsets: std::ops::Range<u64>) -> Vec<Job> {
        offsets.map(|offset| self.job(offset).0).collect()
    }

    fn dropped(&self) -> [usize; 3] {
        [self.buffers.count(), self.files.count(), self.captures.count()]
    }

    /// The offsets of those that ran, in the order in which they did.
    fn ran(&self) -> Vec<u64> {
        self.reports.try_iter().map(|(offset, _)| offset).collect()
    }
}

/// The buffer of a job of [`Parts`] is the one that was handed in.
fn check_buffer(job: Job, offset: u64, address: usize) {
    let job = job.into_buffer::<Vec<u8>>().expect_err("it has another type");
    let buffer = job.into_buffer::<Counted<Vec<u8>>>().unwrap();
    assert_eq!(buffer.inner, offset.to_le_bytes());
    assert_eq!(buffer.inner.as_ptr().addr(), address);
}

type Submit = fn(&Submitter, Job) -> Result<(), Refused<Job>>;

/// Refuses two jobs that are submitted in this way; takes one apart and runs the other later.
fn refused_when_full(submit: Submit, kind: Refusal) {
    let (dispatcher, gate) = held(1);
    let parts = Parts::new();
    dispatcher.try_submit(parts.job(1).0).unwrap();

    let (job, address) = parts.job(2);
    let error = submit(&dispatcher.submitter(), job).unwrap_err();
    assert_eq!((error.kind(), parts.dropped()), (kind, [0; 3]));
    check_buffer(error.into_inner(), 2, address);
    assert_eq!(parts.dropped(), [1; 3], "once it was taken apart");

    let (job, address) = parts.job(3);
    let again = submit(&dispatcher.submitter(), job).unwrap_err().into_inner();
    assert_eq!((again.offset(), again.requested()), (3, 8));
    gate.open();
    dispatcher.quiesce();
    assert_eq!(parts.ran(), [1], "what was accepted ran, and nothing else");
    dispatcher.submit_timeout(again, HANG).unwrap();
    dispatcher.quiesce();
    assert_eq!(parts.reports.try_recv().unwrap(), (3, address));
    assert_eq!(parts.dropped(), [3; 3]);
    let stats = dispatcher.stats();
    assert_eq!((stats.refused, stats.accepted, stats.finished), (2, 3, 3), "{stats:?}");
}

#[test]
fn a_job_comes_back_if_there_is_no_room() {
    refused_when_full(Submitter::try_submit, Refusal::Full);
}

#[test]
fn a_job_comes_back_if_there_is_no_room_in_time() {
    let submit: Submit = |submitter, job| submitter.submit_timeout(job, Duration::from_millis(1));
    refused_when_full(submit, Refusal::TimedOut);
}

#[test]
fn a_job_comes_back_after_the_shutdown() {
    let dispatcher = support::builder().depth(4).build().unwrap();
    let (submitter, parts) = (dispatcher.submitter(), Parts::new());
    dispatcher.shutdown_timeout(HANG).unwrap();

    let submits: [Submit; 3] = [Submitter::submit, Submitter::try_submit, |submitter, job| {
        submitter.submit_timeout(job, HANG)
    }];
    for (round, submit) in submits.into_iter().enumerate() {
        let (job, address) = parts.job(7);
        let error = submit(&submitter, job).unwrap_err();
        assert_eq!(error.kind(), Refusal::ShutDown);
        assert_eq!(parts.dropped(), [round; 3]);
        check_buffer(error.into_inner(), 7, address);
    }
    let error = submitter.submit_batch(parts.jobs(0..5)).unwrap_err();
    assert_eq!((error.kind(), error.accepted()), (Refusal::ShutDown, 0));
    assert_eq!((submitter.stats().refused, parts.dropped()), (8, [3; 3]));

    // Another dispatcher takes them.
    let other = Tended::new(support::builder().depth(1).workers(1));
    let (jobs, submitter) = (error.into_inner(), other.submitter());
    watched(move || submitter.submit_batch(jobs).unwrap());
    other.quiesce();
    assert_eq!((parts.ran(), parts.dropped()), (vec![0, 1, 2, 3, 4], [8; 3]));
}

#[test]
fn a_caller_that_waits_for_room_gets_its_job_back_at_the_shutdown() {
    let (dispatcher, gate) = held(1);
    let parts = Parts::new();
    dispatcher.try_submit(parts.job(1).0).unwrap();
    let submitter = dispatcher.submitter();
    let (job, address) = parts.job(2);
    let (sender, receiver) = mpsc::channel();
    let (place, places) = mpsc::channel();
    let submission = thread::spawn(move || {
        place.send(this_thread()).unwrap();
        sender.send(submitter.submit(job)).unwrap();
    });
    let task = places.recv_timeout(HANG).unwrap();
    eventually("the caller waits for room", || is_asleep(&task));
    let shutdown = thread::spawn(move || dispatcher.into_inner().shutdown_timeout(HANG));
    let error = receiver.recv_timeout(HANG).unwrap().unwrap_err();
    assert_eq!((error.kind(), parts.dropped()), (Refusal::ShutDown, [0; 3]));
    check_buffer(error.into_inner(), 2, address);
    gate.open();
    submission.join().unwrap();
    assert_eq!(shutdown.join().unwrap().unwrap().jobs, 2);
    assert_eq!(parts.ran(), [1]);
}

#[test]
fn refused_reads_leave_their_buffers_as_they_were() {
    let dispatcher = support::builder().depth(4).build().unwrap();
    let submitter = dispatcher.submitter();
    dispatcher.shutdown_timeout(HANG).unwrap();
    let mut buffer = Vec::with_capacity(100);
    buffer.extend([1, 2, 3]);
    let address = buffer.as_ptr().addr();
    let job = Job::read(null(), buffer, 0, |_| ());
    let buffer = submitter.submit(job).unwrap_err().into_inner().into_buffer::<Vec<u8>>().unwrap();
    assert_eq!((&buffer[..], buffer.as_ptr().addr()), (&[1, 2, 3][..], address));
    let job = Job::read_vectored(null(), vec![buffer, Vec::new(), vec![4; 5]], 0, |_| ());
    let refused = submitter.try_submit(job).unwrap_err().into_inner();
    let buffers = refused.into_buffer::<Vec<Vec<u8>>>().unwrap();
    assert_eq!(buffers, [vec![1, 2, 3], Vec::new(), vec![4; 5]]);
}

#[test]
fn the_tail_of_a_batch_comes_back_in_order() {
    let (dispatcher, gate) = held(3);
    let parts = Parts::new();
    let error = dispatcher.try_submit_batch(parts.jobs(0..8)).unwrap_err();
    assert_eq!((error.kind(), error.accepted()), (Refusal::Full, 3));
    assert!(error.to_string().starts_with("5 jobs of 8 were not accepted: "), "{error}");
    let tail = error.into_inner();
    assert_eq!(tail.iter().map(Job::offset).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    assert_eq!((parts.dropped(), dispatcher.stats().refused), ([0; 3], 5));
    gate.open();
    dispatcher.quiesce();
    assert_eq!((parts.ran(), parts.dropped()), (vec![0, 1, 2], [3; 3]));

    let submitter = dispatcher.submitter();
    watched(move || submitter.submit_batch(tail).unwrap());
    dispatcher.quiesce();
    assert_eq!((parts.ran(), parts.dropped()), (vec![3, 4, 5, 6, 7], [8; 3]));
    assert_eq!(dispatcher.stats().refused, 5);
}

#[test]
fn a_callback_gets_back_what_is_too_much_to_park() {
    let dispatcher = Tended::new(support::builder().depth(1).backlog(0).workers(1).parked_limit(2));
    let parts = Parts::new();
    let (submitter, jobs) = (dispatcher.submitter(), parts.jobs(0..6));
    let (single, address) = parts.job(9);
    let (sender, receiver) = mpsc::channel();
    let job = Job::read(null(), Vec::new(), 0, move |_| {
        let batch = submitter.submit_batch(jobs);
        sender.send((batch.unwrap_err(), submitter.submit(single).unwrap_err())).unwrap();
    });
    dispatcher.submit_timeout(job, HANG).unwrap();
    let (batch, single) = receiver.recv_timeout(HANG).unwrap();
    assert_eq!((batch.kind(), batch.accepted()), (Refusal::Full, 2));
    assert_eq!(single.kind(), Refusal::Full);
    dispatcher.quiesce();
    assert_eq!((parts.ran(), parts.dropped()), (vec![0, 1], [2; 3]));
    assert_eq!(batch.into_inner().iter().map(Job::offset).collect::<Vec<_>>(), [2, 3, 4, 5]);
    check_buffer(single.into_inner(), 9, address);
    assert_eq!(dispatcher.stats().refused, 5);
}

#[test]
fn a_job_whose_spawning_is_refused_can_be_spawned_again() {
    let (dispatcher, gate) = held(1);
    let (parts, drops) = (Parts::new(), Drops::default());
    dispatcher.try_submit(parts.job(1).0).unwrap();
    let buffer = drops.buffer(vec![5_u8; 100]);
    let address = buffer.inner.as_ptr().addr();
    let job: Job<(usize, Vec<u8>)> = Job::write(null(), buffer, 2, |done| {
        (done.buffer.inner.as_ptr().addr(), done.buffer.inner.clone())
    });
    let error = dispatcher.try_spawn(job).unwrap_err();
    assert_eq!((error.kind(), drops.count()), (Refusal::Full, 0));
    gate.open();
    dispatcher.quiesce();
    let handle = dispatcher.try_spawn(error.into_inner()).unwrap();
    assert_eq!(handle.join_timeout(HANG).unwrap(), (address, vec![5; 100]));
    dispatcher.quiesce();
    assert_eq!((drops.count(), dispatcher.stats().refused), (1, 1));
}
