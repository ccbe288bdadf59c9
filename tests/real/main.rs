//! Files, file systems and devices as the kernel has them: their kinds, their ends, full ones, and
//! such as go away. Most are made for one test, by root.
//!
//! The tests run side by side. To make devices and file systems they start other programs, which
//! have copies of all descriptors for a moment: no test here may rely on the end of a pipe.

mod file_facts;
mod full_disks;
mod huge;
mod kinds;
mod offsets;
mod opening;
mod ranges;
#[path = "../support/mod.rs"]
mod support;
mod truncation;
mod vanishing;
