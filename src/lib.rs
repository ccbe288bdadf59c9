//! Completion callbacks for Linux native AIO, off the reaping thread.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(target_os = "linux"))]
compile_error!("reapool is built on Linux native AIO and runs on Linux only");

mod admission;
mod aligned;
mod buffer;
mod builder;
mod completion;
mod dispatcher;
mod engine;
mod error;
mod file;
mod handle;
mod job;
mod launch;
mod pipeline;
mod reaper;
#[cfg(test)]
mod scripted;
mod signals;
mod slots;
mod stats;
mod submitter;
#[expect(non_camel_case_types, reason = "the kernel's names")]
mod sys;
mod target;
mod unwind;
mod workers;

pub use aligned::AlignedBuf;
pub use buffer::{IoBuf, IoBufMut};
pub use builder::Builder;
pub use completion::{Completion, Operation, OperationError};
pub use dispatcher::{Dispatcher, ShutdownReport};
pub use error::{
    BatchError, BuildError, BuildErrorKind, DrainError, ShutdownError, SubmitError, SubmitErrorKind,
};
pub use file::FileHandle;
pub use handle::{JobHandle, JoinError, WaitError};
pub use job::{Job, PollEvents};
pub use stats::Stats;
pub use submitter::Submitter;
pub use unwind::CallbackPanic;
