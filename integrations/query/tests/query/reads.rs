//! The store reads what it says, in the way that it says.

use std::fs;

use crate::program::{directory, generate, run, table};

const SQL: &str = "SELECT sum(i1), sum(f1) FROM t";

#[test]
fn what_is_cold_comes_from_the_device() {
    let data = directory();
    generate(data.path(), "parquet");
    let table = table(data.path());
    let printed = run(&["--store", "reapool", "--cold", "--table", &table, SQL]).succeeded();
    let counts = &printed.counts("read: ")[0];
    // Two columns of eight bytes, and footers.
    assert!(counts.device_reads > 0 && counts.device_bytes > 2 * 8 * 30_000, "{counts:?}");
    assert_eq!(counts.left, 0, "{counts:?}");
}

#[test]
fn what_is_cached_is_copied() {
    let data = directory();
    generate(data.path(), "parquet");
    for entry in fs::read_dir(data.path()).unwrap() {
        fs::read(entry.unwrap().path()).unwrap();
    }
    let printed = run(&["--store", "reapool", "--table", &table(data.path()), SQL]).succeeded();
    let counts = &printed.counts("read: ")[0];
    assert!(counts.cached_bytes > 0, "{counts:?}");
}

#[test]
fn both_stores_of_a_standalone_cluster_are_the_one_that_is_asked_for() {
    let data = directory();
    generate(data.path(), "parquet");
    let table = table(data.path());
    let arguments = ["--standalone", "--cold", "--table", &table, SQL];
    let printed = run(&[&["--store", "reapool"], &arguments[..]].concat()).succeeded();
    let counts = &printed.counts("read: ")[0];
    assert!(counts.device_bytes > 2 * 8 * 30_000, "{counts:?}");
    let printed = run(&[&["--store", "local"], &arguments[..]].concat()).succeeded();
    assert!(printed.counts("read: ").is_empty(), "{}", printed.stderr);
}
