//! Mistakes, and how the program says so.

use std::fs;
use std::process::Stdio;

use crate::program::{Printed, directory, generate, query, run, table};

#[track_caller]
fn fails(arguments: &[&str], status: i32, reason: &str) {
    let printed = run(arguments);
    assert_eq!(printed.status.code(), Some(status), "{arguments:?}: {}", printed.stderr);
    assert!(printed.stderr.contains(reason), "{arguments:?}: {}", printed.stderr);
    assert!(!printed.stderr.contains("panicked"), "{arguments:?}: {}", printed.stderr);
    assert!(printed.stdout.is_empty(), "{arguments:?}: {}", printed.stdout);
}

#[test]
fn mistakes_in_the_command_line_have_status_2() {
    fails(&[], 2, "no SQL is given");
    fails(&["--store", "tape", "SELECT 1"], 2, "unknown store \"tape\"");
    fails(&["--stor", "local", "SELECT 1"], 2, "--stor");
    fails(&["--table", "t", "SELECT 1"], 2, "is not NAME=PATH");
    fails(&["--table"], 2, "--table");
    fails(&["--repeat", "often", "SELECT 1"], 2, "often");
    fails(&["SELECT 1", "SELECT 2"], 2, "SELECT 2");
    fails(&["-x", "SELECT 1"], 2, "-x");
    fails(&["--remote", "127.0.0.1:1", "--store", "local", "SELECT 1"], 2, "--store");
    fails(&["executor", "--scheduler", "somewhere"], 2, "somewhere");
    fails(&["executor", "now"], 2, "now");
    fails(&["scheduler", "--bind", "somewhere"], 2, "somewhere");
    fails(&["generate"], 2, "no directory");
    fails(&["generate", "--format", "orc", "x"], 2, "orc");
    fails(&["measure"], 2, "--data");
    fails(&["measure", "--only", "nothing"], 2, "nothing");
    fails(&["cluster"], 2, "no SQL is given");
}

#[test]
fn what_can_not_be_done_has_status_1() {
    let data = directory();
    let missing = data.path().join("missing.parquet");
    for store in ["local", "reapool"] {
        let table = table(&missing);
        fails(&["--store", store, "--table", &table, "SELECT * FROM t"], 1, "missing.parquet");
    }
    fails(&["cluster", "--table", &table(&missing), "SELECT * FROM t"], 1, "missing.parquet");
    fails(&["--table", &table(data.path()), "SELECT * FROM t"], 1, data.path().to_str().unwrap());
    fails(&["SELEC 1"], 1, "SELEC");
    fails(&["SELECT * FROM nowhere"], 1, "nowhere");
    fails(&["cluster", "SELECT * FROM nowhere"], 1, "nowhere");
    fails(&["--remote", "127.0.0.1:1", "SELECT 1"], 1, "query: ");
    fails(&["executor", "--bind", "192.0.2.1"], 1, "192.0.2.1");
    fails(&["scheduler", "--bind", "192.0.2.1:0"], 1, "192.0.2.1");
}

#[test]
fn a_file_that_is_no_parquet_is_named() {
    let data = directory();
    let file = data.path().join("broken.parquet");
    fs::write(&file, "this is not what the name says").unwrap();
    for store in ["local", "reapool"] {
        fails(&["--store", store, "--table", &table(&file), "SELECT * FROM t"], 1, "broken");
    }
}

#[test]
fn help_is_printed() {
    for command in ["", "cluster", "executor", "generate", "measure", "scheduler"] {
        let arguments = [command, "--help"];
        let arguments = if command.is_empty() { &arguments[1..] } else { &arguments };
        let printed = run(arguments).succeeded();
        assert!(printed.stdout.starts_with("Usage: query"), "{}", printed.stdout);
        assert!(printed.stdout.lines().all(|line| line.len() <= 100), "{}", printed.stdout);
    }
}

#[test]
fn a_reader_may_close_the_output() {
    let data = directory();
    generate(data.path(), "parquet");
    let mut command = query(&["--table", &table(data.path()), "SELECT * FROM t LIMIT 20000"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let printed = Printed::of(child.wait_with_output().unwrap()).succeeded();
    assert!(!printed.stderr.contains("query:"), "{}", printed.stderr);
}
