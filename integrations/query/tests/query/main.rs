//! Runs the program, as a user does.

mod cluster;
mod data;
mod failures;
mod manifest;
mod measure;
mod program;
mod reads;
mod ways;
