//! One file's bytes in order, read ahead of whoever consumes them. `source` is the file, `window`
//! says which reads may be issued, `budget` leases memory and keeps the queue for it, and
//! `read_ahead` does the reads. Nothing here knows a path, a result, or the use that is made of the
//! bytes.
//!
//! Nothing waits, either: a stream that has to is called again, by a job that a worker runs.

pub(crate) mod budget;
pub(crate) mod error;
pub(crate) mod read_ahead;
pub(crate) mod sizes;
pub(crate) mod source;
pub(crate) mod user;
pub(crate) mod window;
pub(crate) mod write_behind;
