//! The repository itself: whether its texts and its tests agree, and whether its source keeps to
//! the floors of `ARCHITECTURE.md`.
//!
//! The tests only read files, side by side.

mod groups;
mod layers;
mod prose;
mod repository;
mod tables;
