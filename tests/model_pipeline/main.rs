//! A model of how jobs get from callers and callbacks into free slots, and of how all this ends: loom
//! tries every schedule of callers, workers and the reaper, with few preemptions.
//!
//! The crate's own are the books (`src/admission.rs`), who is called (`src/calls.rs`), what a worker
//! does that is or was idle (`src/idle.rs`), beds (`src/sleepers.rs`), slots (`src/slots.rs`) and room
//! (`src/wait/`). What is around them is in `pipeline.rs`, each step named after the function that it
//! stands for. Jobs here are such as the kernel has no part in, so nobody but their submitters and
//! workers calls anybody.

#![allow(dead_code, reason = "a model uses a part")]

#[path = "../../src/admission.rs"]
mod admission;
#[path = "../../src/calls.rs"]
mod calls;
#[path = "../../src/deadline.rs"]
mod deadline;
mod ending;
#[path = "../../src/idle.rs"]
mod idle;
mod job;
#[path = "../../src/wait/line.rs"]
mod line;
#[path = "../model/mod.rs"]
mod model;
mod parking;
mod pipeline;
#[path = "../../src/wait/room.rs"]
mod room;
#[path = "../../src/sleepers.rs"]
mod sleepers;
#[path = "../../src/slots.rs"]
mod slots;

/// What the crate's files find under its names.
mod wait {
    pub(crate) use crate::model::{sync, wake};
    pub(crate) use crate::room;
}
pub(crate) use job::{batch, completion, early, error, event_loop, task, waiting};
