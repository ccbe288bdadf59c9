//! The comparison runs, and reports.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::program::{Printed, directory, query, run, skipped};

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

#[test]
fn alternating_queries_run_in_a_cgroup_of_their_own() {
    let (data, out) = (directory(), directory());
    let paths = [data.path().to_str().unwrap(), out.path().to_str().unwrap()];
    let arguments = ["measure", "--quick", "--data", paths[0], "--out", paths[1]];
    let only = ["--only", "alternating", "--only", "alternating-direct"];
    let mut command = query(&[&arguments[..], &only].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let cgroup = format!("reapool-query-{}", child.id());
    let printed = Printed::of(child.wait_with_output().unwrap());
    if printed.status.code() == Some(1) && printed.stderr.contains("limits memory by a cgroup") {
        return skipped(&printed.stderr);
    }
    let printed = printed.succeeded();
    let rows = printed.stdout.lines().filter(|line| line.starts_with("| ")).count();
    // The heading, all six and each, all six.
    assert_eq!(rows, 1 + 7 + 1, "{}", printed.stdout);

    let results = fs::read(out.path().join("query.json")).unwrap();
    let results: Value = serde_json::from_slice(&results).unwrap();
    let file_bytes = results["settings"]["file_bytes"].as_u64().unwrap();
    for section in results["sections"].as_array().unwrap() {
        let local = &section["local"][0];
        assert_eq!(local["memory"]["limit_bytes"], file_bytes / 2 + (512 << 20));
        // What LocalFileSystem has read was in the cgroup, so it is charged with it.
        assert!(local["memory"]["left_bytes"].as_u64().unwrap() > file_bytes / 2, "{local}");
    }
    assert!(!is_below(Path::new("/sys/fs/cgroup"), &cgroup), "{cgroup} is left over");
}

/// Whether there is a directory of this name.
fn is_below(directory: &Path, name: &str) -> bool {
    // Other cgroups come and go.
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut directories = entries.filter(|entry| entry.path().is_dir());
    directories.any(|entry| entry.file_name() == name || is_below(&entry.path(), name))
}
