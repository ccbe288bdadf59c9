//! Ballista: its scheduler, executors that read with a store, and both on one machine.

pub(crate) mod command;
pub(crate) mod executor;
mod processes;
pub(crate) mod scheduler;
