//! The repository itself: whether its texts and its tests agree.
//!
//! The tests only read files, side by side.

mod groups;
mod repository;
mod tables;
