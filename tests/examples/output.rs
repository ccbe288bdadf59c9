//! What all example programs do when nobody reads what they print, or when it can't be written.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::program::{example, stderr};
use crate::support::scratch;

/// The programs that print, with arguments for which they print more than one line, and their exit
/// status for a failure.
const PROGRAMS: [(&str, &[&str], i32); 7] = [
    ("aio_callback", &["file"], 1),
    ("checksum", &["file", "file"], 1),
    ("feed", &[], 1),
    ("histogram", &["file", "file"], 1),
    ("labelled_reads", &["file"], 1),
    ("scrub", &["file", "file"], 1),
    ("search", &["-F", "", "file"], 2),
];

fn printed_to(output: Stdio, name: &str, directory: &Path, arguments: &[&str]) -> Output {
    let mut command = example(name, directory);
    command.stdin(File::open(directory.join("list")).unwrap());
    let command = command.args(arguments).stdout(output).stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

fn make_files(directory: &Path) {
    fs::write(directory.join("file"), "line\n".repeat(20)).unwrap();
    fs::write(directory.join("list"), "file\n".repeat(5)).unwrap();
}

/// A pipe that nobody reads from.
fn closed() -> Stdio {
    let (_, writer) = io::pipe().unwrap();
    writer.into()
}

/// A device that is always full.
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn a_closed_pipe_ends_every_program_quietly() {
    let directory = scratch();
    make_files(directory.path());
    for (name, arguments, _) in PROGRAMS {
        for arguments in [arguments, &["--help"], &["--version"]] {
            let output = printed_to(closed(), name, directory.path(), arguments);
            assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{name}");
        }
    }
}

#[test]
fn what_can_not_be_printed_is_a_failure_with_a_reason() {
    let directory = scratch();
    make_files(directory.path());
    for (name, arguments, failure) in PROGRAMS {
        for arguments in [arguments, &["--help"]] {
            let output = printed_to(full(), name, directory.path(), arguments);
            let reason =
                format!("{name}: standard output: No space left on device (os error 28)\n");
            let status = output.status.code();
            assert_eq!((stderr(&output), status), (&*reason, Some(failure)), "{name}");
        }
    }
}
