//! The example programs, run as their users run them.
//!
//! The tests run side by side: each program is a process of its own.

mod backend;
#[path = "../../examples/search/carry.rs"]
mod carry;
mod checksum;
mod checksum_check;
mod checksum_options;
mod command_line;
mod convert;
mod convert_attributes;
mod convert_choice;
mod convert_corrupt;
mod convert_meanwhile;
mod convert_memory;
mod convert_removal;
mod convert_rules;
mod copy_tree;
mod copy_tree_attributes;
mod copy_tree_holes;
mod copy_tree_links;
mod copy_tree_meanwhile;
mod copy_tree_names;
mod copy_tree_preview;
mod copy_tree_race;
mod copy_tree_reflink;
mod copy_tree_refused;
mod descriptors;
mod exchange;
mod feed;
mod histogram;
mod models;
mod output;
#[path = "../../examples/copy_tree/partial.rs"]
mod partial;
#[path = "../../examples/search/pattern.rs"]
mod pattern;
mod program;
mod progress;
#[path = "../../examples/convert/rule.rs"]
mod rule;
#[path = "../../examples/search/scan.rs"]
mod scan;
mod scrub;
mod search;
mod search_grep;
mod search_lines;
mod search_memory;
mod serve;
mod serve_http;
mod serve_reads;
mod server;
mod signals;
#[path = "../../examples/shared/sizes.rs"]
mod sizes;
mod small;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../examples/shared/totals.rs"]
mod totals;
mod trees;
