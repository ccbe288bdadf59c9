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
mod grep;
#[path = "../../examples/search/groups.rs"]
mod groups;
mod histogram;
#[path = "../../examples/search/kept.rs"]
mod kept;
mod models;
mod output;
#[path = "../../examples/search/paint.rs"]
mod paint;
#[path = "../../examples/copy_tree/partial.rs"]
mod partial;
#[path = "../../examples/search/pattern.rs"]
mod pattern;
#[path = "../../examples/search/print.rs"]
mod print;
mod program;
mod progress;
#[path = "../../examples/search/query.rs"]
mod query;
#[path = "../../examples/convert/rule.rs"]
mod rule;
#[path = "../../examples/search/scan.rs"]
mod scan;
mod scrub;
mod search;
mod search_grep;
mod search_input;
mod search_lines;
mod search_memory;
mod search_options;
mod search_random;
mod search_room;
#[path = "../../examples/search/selection.rs"]
mod selection;
mod serve;
mod serve_http;
mod serve_reads;
mod server;
mod signals;
#[path = "../../examples/shared/sizes.rs"]
mod sizes;
mod small;
#[path = "../../examples/search/spool.rs"]
mod spool;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../examples/search/tally.rs"]
mod tally;
#[path = "../../examples/shared/totals.rs"]
mod totals;
mod trees;
#[path = "../../examples/search/zeros.rs"]
mod zeros;
