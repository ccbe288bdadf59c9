//! The example `search`: how much memory lines without an end take.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::program::{Running, example, most_memory, run, stderr, stdout};
use crate::support::{scratch, watched};

/// So many files consist of one line of so many bytes.
const FILES: usize = 30;
const LINE: usize = 3_000_000;

/// What is allowed, in MiB. The lines of all files together are ten times as long.
const MEMORY: u64 = 8;

fn make_files(directory: &Path) -> Vec<String> {
    let names: Vec<String> = (0..FILES).map(|file| format!("long {file}")).collect();
    for name in &names {
        let line = [vec![b'-'; LINE - 3], b"end".to_vec()].concat();
        fs::write(directory.join(name), line).unwrap();
    }
    names
}

/// A small file with a line that is found.
const SHORT: &str = "short";

/// The most memory that the program had by the time it has searched these files, and printed the
/// lines that are expected. There is more to be printed after them than a pipe takes, so that it
/// can't be over.
fn memory_of(directory: &Path, options: &[&str], files: &[String], expected: usize) -> u64 {
    fs::write(directory.join(SHORT), "end\n").unwrap();
    let memory = format!("{MEMORY}M");
    let mut command = example("search", directory);
    // Each worker makes the allocator keep some more.
    command
        .args(["--workers=2", "--order=input", "--chunk=64K", "--memory", &memory])
        .args(options)
        .arg("end$");
    command.args(files).args(vec![SHORT; 40_000]);
    let mut child = Running::start(command.stdout(Stdio::piped()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..expected {
        assert!(!lines.next().unwrap().unwrap().starts_with(SHORT));
    }
    assert!(lines.next().unwrap().unwrap().starts_with(SHORT));
    most_memory(&child)
}

#[test]
fn unfinished_lines_are_in_the_memory_that_is_allowed() {
    watched(|| {
        let directory = scratch();
        let names = make_files(directory.path());
        let without = memory_of(directory.path(), &["-c"], &[], 0);
        let with = memory_of(directory.path(), &["-c"], &names, FILES);
        let more = with.saturating_sub(without);
        // And as much again for what the allocator keeps of a line that was moved as it grew.
        assert!(more < 2 * (MEMORY << 20), "{more} bytes more than {without}");
    });
}

#[test]
fn lines_to_be_printed_are_in_the_memory_that_is_allowed() {
    watched(|| {
        let directory = scratch();
        // All others have to wait until this one has been searched.
        let first = [&*b"-\n".repeat(20 << 20), b"end\n"].concat();
        fs::write(directory.path().join("first"), first).unwrap();
        let mut names = vec!["first".to_owned()];
        let (files, lines) = (300, 600);
        for file in 0..files {
            let text = ("-".repeat(96) + "end\n").repeat(lines);
            fs::write(directory.path().join(file.to_string()), text).unwrap();
            names.push(file.to_string());
        }
        let without = memory_of(directory.path(), &[], &names[..1], 1);
        let with = memory_of(directory.path(), &[], &names, 1 + files * lines);
        let more = with.saturating_sub(without);
        assert!(more < MEMORY << 20, "{more} bytes more than {without}");
    });
}

#[test]
fn long_lines_are_searched_one_after_the_other() {
    let directory = scratch();
    let names = make_files(directory.path());
    let shared = ["--chunk=64K", "--memory=8M", "--order=input"];
    let arguments: Vec<&str> = names.iter().map(String::as_str).collect();
    let line = format!(":1:{}end", "-".repeat(LINE - 3));
    let cases: [(&[&str], &str); 3] =
        [(&["-c", "end$"], ":1"), (&["-l", "-F", "end"], ""), (&["-n", "^-*end$"], &line)];
    for (options, rest) in cases {
        let arguments = [&shared[..], options, &arguments].concat();
        let output = run("search", directory.path(), &arguments);
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{options:?}");
        let expected: String = names.iter().map(|name| format!("{name}{rest}\n")).collect();
        assert!(stdout(&output) == expected, "{options:?}");
    }
}

#[test]
fn the_longest_line_is_part_of_the_memory() {
    let directory = scratch();
    fs::write(directory.path().join("line"), "-".repeat((4 << 20) + 1)).unwrap();
    let search = |options: &[&str]| {
        run("search", directory.path(), &[options, &["-c", "-", "line"]].concat())
    };
    for (memory, most) in [("--memory=4M", 1), ("--memory=8M", 4), ("--memory=1024M", 3)] {
        let max = format!("--max-line={most}M");
        let default = if most == 3 { &[memory, &*max][..] } else { &[memory] };
        let output = search(default);
        let bytes = most << 20;
        let complaint = format!("search: line: a line is longer than {bytes} bytes (--max-line)\n");
        assert_eq!((stderr(&output), output.status.code()), (&*complaint, Some(2)), "{memory}");
    }
    assert_eq!(stdout(&search(&["--memory=12M"])), "1\n");
    let output = search(&["--memory=8M", "--max-line=5M"]);
    let complaint = "search: --max-line takes no more than 4M with this --memory";
    assert!(stderr(&output).starts_with(complaint), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn lines_before_a_match_are_part_of_the_memory() {
    let directory = scratch();
    let line = "-".repeat(1023) + "\n";
    fs::write(directory.path().join("lines"), line.repeat(5 << 10) + "end\n").unwrap();
    let search = |memory: &str, before: &str| {
        run("search", directory.path(), &[memory, "--chunk=64K", before, "end", "lines"])
    };
    let output = search("--memory=8M", "-B4000");
    assert!(stdout(&output) == line.repeat(4000) + "end\n", "{}", stderr(&output));
    let output = search("--memory=8M", "-B5000");
    let complaint = "search: lines: a line and those before it are longer than 4194304 bytes \
        (--max-line, --before-context)\n";
    assert_eq!((stdout(&output), stderr(&output)), ("", complaint));
    assert_eq!(output.status.code(), Some(2));
    let output = search("--memory=16M", "-B5000");
    assert!(stdout(&output) == line.repeat(5000) + "end\n", "{}", stderr(&output));
}
