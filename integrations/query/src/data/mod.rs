//! The data that is queried: the same for the same settings, on every machine.

pub(crate) mod columns;
pub(crate) mod command;
pub(crate) mod set;
mod write;
