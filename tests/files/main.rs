//! The files layer: runs over paths, on the file systems that the machine has.
//!
//! The tests run side by side, each in a directory of its own, and count no descriptors but those
//! in it. The panic hook is the whole process's; `support::panics` has one that leaves other files'
//! tests alone. Runs with few descriptors and without permission are in `limits`, those over a
//! faulty file system in `faulty`; their memory is counted in `counts`, and what they read ahead in
//! `process`.

mod apart;
mod changing;
mod contents;
mod ending;
mod entries;
mod leased;
mod limits;
mod links;
mod names;
mod neighbours;
mod odd;
mod order;
mod panics;
mod progress;
mod shutdown;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod together;
mod whole;
mod writing;
