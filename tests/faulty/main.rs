//! File systems that fail, lie, are late or never answer: FUSE, served by threads of this process.
//!
//! The tests run side by side, each with a file system of its own. None of them may fork: the
//! servers' threads would be missing in the child.

mod conversions;
mod disk;
mod files;
mod hostile_answers;
mod hostile_mount;
mod hung;
mod jobs;
mod liar;
mod script;
mod streams;
#[path = "../support/mod.rs"]
mod support;
