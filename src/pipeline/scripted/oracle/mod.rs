//! Random programs against a model. A program submits jobs and gives the kernel's answers to them.
//! Every job has to end once, as the kernel's answers say, with the bytes that the device has then,
//! and the counters have to agree.
//!
//! `program.rs` and `plan.rs` describe a program. `run.rs`, `stage.rs`, `world.rs` and `making.rs`
//! play it. `ledger.rs` keeps what was seen, `model.rs` computes what has to be seen, and
//! `verdict.rs` compares the two.
//!
//! A program that fails is made smaller as long as it fails. Its seed is kept in
//! `proptest-regressions/`, and is tried first from then on. `PROPTEST_CASES` is the number of
//! programs.

mod extent;
mod gate;
mod ledger;
mod making;
mod model;
mod plan;
mod program;
mod run;
mod runner;
mod stage;
mod verdict;
mod world;

use program::program;
use runner::{regressions, runner};

fn agrees(cases: u32, workers: std::ops::RangeInclusive<usize>, regressions: &'static str) {
    let cases = if std::env::var_os("REAPOOL_MEMCHECK").is_some() { cases / 20 } else { cases };
    let result = runner(cases, regressions).run(&program(workers), |program| {
        program.run();
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn one_worker_does_what_the_model_says() {
    agrees(120, 1..=1, regressions!("one_worker"));
}

#[test]
fn several_workers_do_what_the_model_says() {
    agrees(120, 2..=3, regressions!("several_workers"));
}

#[test]
fn an_event_loop_does_what_the_model_says() {
    agrees(300, 0..=0, regressions!("event_loop"));
}
