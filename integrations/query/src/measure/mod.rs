//! The comparison of the two stores. Each turn of a store is a process of its own, so that its CPU
//! time and its memory are its own.

mod cgroups;
mod chart;
pub(crate) mod command;
mod machine;
mod memory_group;
mod meter;
mod parquet_file;
mod results;
mod rounds;
mod scan;
mod spread;
mod table;
pub(crate) mod turn;
mod workload;
