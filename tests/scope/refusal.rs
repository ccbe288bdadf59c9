//! What scopes refuse, and where scopes are refused; a job that is refused comes back and is not
//! waited for.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use reapool::{Job, JoinError, Refusal, Refused, ScopeError, ScopedJob, Submitter};

use crate::support::{self, Gate, Tended, null, watched};

#[test]
fn what_finds_no_room_comes_back() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(1).backlog(0).workers(1));
        let (gate, ran) = (Gate::default(), AtomicUsize::new(0));
        let (mut first, mut second) = ([0; 8], [0; 8]);
        let null = null();
        dispatcher
            .scope(|scope| {
                let held = ScopedJob::nop(|| gate.pass());
                scope.try_submit(held).unwrap();
                let count = |_| {
                    ran.fetch_add(1, Ordering::Relaxed);
                };
                let job = ScopedJob::read(&null, &mut first[..], 8, count);
                let submitted = scope.try_submit(job).unwrap_err();
                let value = ScopedJob::read(&null, &mut second[..], 16, |done| done.buffer.len());
                let spawned = scope.try_spawn(value).unwrap_err();
                assert_eq!((submitted.kind(), spawned.kind()), (Refusal::Full, Refusal::Full));
                assert!(submitted.to_string().contains(&Refusal::Full.to_string()));
                let (job, value) = (submitted.into_inner(), spawned.into_inner());
                assert_eq!((job.offset(), job.requested()), (8, 8));
                assert_eq!((value.offset(), value.requested()), (16, 8));
                gate.open();
                // The same jobs, with the buffers that they have.
                scope.submit(job).unwrap();
                assert_eq!(scope.spawn(value).unwrap().join().unwrap(), 8);
            })
            .unwrap();
        assert_eq!(ran.into_inner(), 1);
    });
}

#[test]
fn a_callback_parks_no_more_than_it_may() {
    watched(|| {
        let builder = support::builder().depth(1).backlog(2).parked_limit(3).workers(1);
        let dispatcher = Tended::new(builder);
        let mut ran = [false; 8];
        let (told, tell) = mpsc::channel();
        dispatcher
            .scope(|scope| {
                let each = &mut ran;
                let parking = ScopedJob::nop(move || {
                    let jobs = each.iter_mut().map(|ran| ScopedJob::nop(move || *ran = true));
                    let refused = scope.submit_batch(jobs).unwrap_err();
                    let kind = refused.kind();
                    told.send((kind, refused.into_inner().len())).unwrap();
                });
                scope.submit(parking).unwrap();
            })
            .unwrap();
        assert_eq!(tell.recv().unwrap(), (Refusal::Full, 3));
        assert_eq!(ran, [true, true, true, true, true, false, false, false]);
    });
}

#[test]
fn a_scope_of_a_dispatcher_that_is_gone_takes_nothing() {
    watched(|| {
        let dispatcher = support::builder().build().unwrap();
        let submitter = dispatcher.submitter();
        drop(dispatcher);
        let mut touched = 0;
        let ended = submitter.scope(|scope| {
            let refused = scope.submit(ScopedJob::nop(|| touched += 1)).unwrap_err();
            let kind = Refusal::from(refused);
            let mut two = [0, 0];
            let jobs = two.map(|_| ScopedJob::from(Job::nop(|| ())));
            let batch = scope.submit_batch(jobs).map_err(Refused::into_inner);
            two[0] = batch.unwrap_err().len();
            (kind, two[0])
        });
        assert_eq!(ended, Ok((Refusal::ShutDown, 2)));
        assert_eq!(touched, 0);
    });
}

#[test]
fn a_refusal_becomes_an_error_without_the_job() {
    watched(|| {
        fn body(submitter: &Submitter) -> Result<(), Box<dyn Error + Send + Sync>> {
            let number = 7;
            submitter.scope(|scope| {
                scope.submit(ScopedJob::nop(|| assert_eq!(number, 7)))?;
                drop(scope.spawn(ScopedJob::nop(|| &number))?);
                Ok(())
            })?
        }
        let dispatcher = support::builder().build().unwrap();
        let submitter = dispatcher.submitter();
        body(&submitter).unwrap();
        drop(dispatcher);
        let error = body(&submitter).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Refusal::ShutDown));
    });
}

#[test]
fn callbacks_open_no_scope_and_wait_for_no_handle() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().workers(1));
        let submitter = dispatcher.submitter();
        let open = |submitter: &Submitter| submitter.scope(|_| unreachable!("the body ran"));
        let refused = Err::<(), _>(ScopeError::InCallback);
        dispatcher
            .scope(|scope| {
                let opened = scope.spawn(ScopedJob::nop(|| open(&submitter))).unwrap();
                assert_eq!(opened.join().unwrap(), refused);
                let work = ScopedJob::blocking(|| open(&submitter), |opened| opened);
                assert_eq!(scope.spawn(work).unwrap().join().unwrap(), refused);
                let waiting = ScopedJob::nop(|| {
                    let handle = scope.spawn(ScopedJob::nop(|| 5)).unwrap();
                    match handle.join() {
                        Err(JoinError::InCallback(handle)) => handle,
                        other => panic!("joined {other:?} in a callback"),
                    }
                });
                let inner = scope.spawn(waiting).unwrap().join().unwrap();
                assert_eq!(inner.join().unwrap(), 5);
            })
            .unwrap();
        // In another dispatcher's callback there is nothing against it.
        let other = Tended::new(support::builder().workers(1));
        let mut ran = false;
        other
            .scope(|scope| {
                let job = ScopedJob::nop(|| {
                    let set = ScopedJob::nop(|| ran = true);
                    submitter.scope(|inner| inner.submit(set).unwrap()).unwrap();
                });
                scope.submit(job).unwrap();
            })
            .unwrap();
        assert!(ran);
    });
}
