//! The crate's errors go wherever errors go: into other threads, boxes, and error types of others.

use std::cell::Cell;
use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind};

use reapool::{
    AcquireError, BuildError, Dispatcher, DrainError, FileError, FileHandle, Files, FilesError,
    Job, JoinError, LoopDispatcher, OpenError, OperationError, PanicPayload, PoolBuildError,
    ReadRangesError, Refusal, Refused, RunError, ScopeError, ShutdownError, WaitError,
};

use crate::support::{self, panics::quietly};

/// A value that is `Send` alone, as callbacks may return.
type SendOnly = Cell<u8>;

fn travels<E: Error + Send + Sync + 'static>() {}

#[test]
fn all_errors_are_send_and_sync() {
    travels::<AcquireError>();
    travels::<BuildError>();
    travels::<DrainError>();
    travels::<FileError>();
    travels::<FilesError>();
    travels::<JoinError<SendOnly>>();
    travels::<OpenError>();
    travels::<OperationError>();
    travels::<PoolBuildError>();
    travels::<ReadRangesError>();
    travels::<Refusal>();
    travels::<Refused<Job<SendOnly>>>();
    travels::<Refused<Vec<Job>>>();
    travels::<RunError<SendOnly>>();
    travels::<ScopeError>();
    travels::<ShutdownError<Dispatcher>>();
    travels::<ShutdownError<LoopDispatcher>>();
    travels::<WaitError>();
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<PanicPayload>();
}

/// As a program does that has one error type for all.
fn joined<T: Send + 'static>(
    dispatcher: &Dispatcher,
    callback: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Box<dyn Error + Send + Sync>> {
    Ok(dispatcher.spawn(Job::nop(callback))?.join()?)
}

#[test]
fn a_question_mark_takes_them_into_a_boxed_error() {
    quietly(|| {
        let dispatcher = support::builder().build().unwrap();
        assert_eq!(joined(&dispatcher, || SendOnly::new(5)).unwrap().get(), 5);
        let error = joined(&dispatcher, || -> SendOnly { panic!("no such planet") }).unwrap_err();
        assert_eq!(error.to_string(), "the callback panicked: no such planet");
        let error = error.downcast::<JoinError<SendOnly>>().unwrap();
        let JoinError::Panicked(payload) = *error else { panic!("{error:?}") };
        assert_eq!(
            format!("{payload:?}"),
            "PanicPayload { message: Some(\"no such planet\"), .. }"
        );
        assert_eq!(payload.into_inner().downcast_ref(), Some(&"no such planet"));
    });
}

#[test]
fn a_run_has_the_value_or_the_error_of_its_job() {
    quietly(|| {
        let dispatcher = support::builder().build().unwrap();
        let file = File::open("Cargo.toml").unwrap();
        let read = Job::read(file, vec![0; 9], 0, |done| {
            let count = done.count().map_err(|error| error.kind());
            (count, done.result.unwrap(), done.buffer)
        });
        assert_eq!(dispatcher.run(read).unwrap(), (Ok(9), 9, b"[package]".to_vec()));
        let panics = Job::nop(|| -> SendOnly { panic!("no such planet") });
        let error = dispatcher.run(panics).unwrap_err();
        assert_eq!(error.to_string(), "the callback panicked: no such planet");
        assert!(matches!(error, RunError::NotJoined(JoinError::Panicked(_))));
        let submitter = dispatcher.submitter();
        dispatcher.shutdown().unwrap();
        let error = submitter.run(Job::nop(|| 5)).unwrap_err();
        assert!(error.source().unwrap().is::<Refusal>());
        let RunError::Refused(refused) = error else { panic!("{error}") };
        assert_eq!(refused.kind(), Refusal::ShutDown);
    });
}

/// The error of the system that `E` becomes has its kind and its words, and `E` inside.
fn becomes_io<E>(error: E, kind: ErrorKind)
where
    E: Error + Send + Sync + Into<io::Error> + 'static,
{
    let shown = error.to_string();
    let io: io::Error = error.into();
    assert_eq!((io.kind(), io.to_string()), (kind, shown));
    assert!(io.get_ref().unwrap().is::<E>());
}

#[test]
fn errors_of_files_become_those_of_the_system() {
    let dispatcher = support::builder().build().unwrap();
    becomes_io(FileHandle::open_buffered("gone").unwrap_err(), ErrorKind::NotFound);
    let mut run = Files::new(&dispatcher).unwrap().read(["gone"], |_file| ());
    becomes_io(run.next().unwrap().unwrap_err(), ErrorKind::NotFound);
    let directory = File::open("/").unwrap();
    let job = Job::read(directory, vec![0; 10], 0, |done| done.into_success().unwrap_err());
    let error = dispatcher.spawn(job).unwrap().join().unwrap();
    let kind = error.source.kind();
    assert!([ErrorKind::InvalidInput, ErrorKind::IsADirectory].contains(&kind), "{error}");
    becomes_io(error, kind);
}
