//! The example programs, run as their users run them.
//!
//! The tests run side by side: each program is a process of its own.

mod checksum;
mod copy_tree;
mod feed;
mod histogram;
mod models;
#[path = "../../examples/search/pattern.rs"]
mod pattern;
mod program;
#[path = "../../examples/search/scan.rs"]
mod scan;
mod scrub;
mod search;
mod search_lines;
mod serve;
mod small;
#[path = "../support/mod.rs"]
mod support;
