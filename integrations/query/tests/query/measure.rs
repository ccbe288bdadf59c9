//! The comparison runs, and reports.

use std::fs;

use crate::program::{directory, run};

#[test]
fn a_quick_comparison_reports_each_workload() {
    let (data, out) = (directory(), directory());
    let paths = [data.path().to_str().unwrap(), out.path().to_str().unwrap()];
    let arguments = ["measure", "--quick", "--data", paths[0], "--out", paths[1]];
    let only = ["--only", "scan-4", "--only", "in-turns", "--only", "beside-hot"];
    let printed = run(&[&arguments[..], &only].concat()).succeeded();
    let rows = printed.stdout.lines().filter(|line| line.starts_with("| ")).count();
    // The heading, cold and warm, six parts, two parts.
    assert_eq!(rows, 1 + 2 + 6 + 2, "{}", printed.stdout);
    let read = |name: &str| fs::read_to_string(out.path().join(name)).unwrap();
    assert!(read("query.md").starts_with(printed.stdout.trim_end()));
    assert!(read("query.svg").ends_with("</svg>\n"));
    assert!(read("query.json").contains("\"name\": \"beside-hot\""));
}
