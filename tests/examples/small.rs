//! The small example programs, run as their users run them.

use std::fs;
use std::process::Output;

use crate::program::{run, stderr, stdout};
use crate::support::scratch;

#[test]
fn aio_callback_prints_what_its_callback_saw() {
    let directory = scratch();
    fs::write(directory.path().join("file"), "line one\nline \x1b two\n".repeat(10)).unwrap();

    let output = run("aio_callback", directory.path(), &["file", "16"]);
    let text = "file: 16 bytes, seen by the callback on aio-worker-0:\n\
                \"line one\\nline \\u{1b} \"\n";
    assert_eq!((stdout(&output), stderr(&output)), (text, ""));
    assert_eq!(output.status.code(), Some(0));

    let output = run("aio_callback", directory.path(), &["file"]);
    assert!(stdout(&output).starts_with("file: 80 bytes, "));
    let output = run("aio_callback", directory.path(), &["file", "1000"]);
    assert!(stdout(&output).starts_with("file: 200 bytes, "), "a short read is no failure");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn aio_callback_fails_with_the_reason() {
    let directory = scratch();
    let output = run("aio_callback", directory.path(), &["missing"]);
    let reason = "aio_callback: missing: No such file or directory (os error 2)\n";
    assert_eq!((stdout(&output), stderr(&output)), ("", reason));
    assert_eq!(output.status.code(), Some(1));

    // A directory can be opened, but not read: this failure comes through the callback.
    let output = run("aio_callback", directory.path(), &["."]);
    assert!(stderr(&output).starts_with("aio_callback: read of 80 bytes at offset 0 of "));
    assert_eq!(output.status.code(), Some(1));

    for arguments in [&[][..], &["file", "0"], &["file", "x"], &["file", "1", "2"]] {
        let output = run("aio_callback", directory.path(), arguments);
        assert!(stderr(&output).starts_with("aio_callback: "), "{arguments:?}");
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{arguments:?}");
    }
    let output = run("aio_callback", directory.path(), &["--help"]);
    assert!(stdout(&output).starts_with("Usage: aio_callback"));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn labelled_reads_come_under_their_labels() {
    let directory = scratch();
    fs::write(directory.path().join("file"), "0123456789abcdefghijklmnopqrstuvwxyz").unwrap();

    let sorted = |output: &Output| {
        let mut lines: Vec<String> = stdout(output).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let arguments = ["file", "digits=0:10", "a=b=10:3", "end=34:100", "behind=36:5"];
    let output = run("labelled_reads", directory.path(), &arguments);
    let expected = [
        "a=b: 3 bytes from 10: \"abc\"",
        "behind: 0 bytes from 36: \"\"",
        "digits: 10 bytes from 0: \"0123456789\"",
        "end: 2 bytes from 34: \"yz\"",
    ];
    assert_eq!(sorted(&output), expected);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));

    let output = run("labelled_reads", directory.path(), &["file"]);
    let expected = [
        "head: 16 bytes from 0: \"0123456789abcdef\"",
        "middle: 16 bytes from 10: \"abcdefghijklmnop\"",
        "tail: 16 bytes from 20: \"klmnopqrstuvwxyz\"",
    ];
    assert_eq!(sorted(&output), expected);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
}

#[test]
fn a_failing_labelled_read_harms_no_other() {
    let directory = scratch();
    fs::write(directory.path().join("file"), "0123456789").unwrap();
    // The kernel's offsets are signed.
    let arguments = ["file", "one=0:1", "bad=18446744073709551615:4", "two=2:2"];
    let output = run("labelled_reads", directory.path(), &arguments);
    let mut lines: Vec<&str> = stdout(&output).lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one: 1 bytes from 0: \"0\"", "two: 2 bytes from 2: \"23\""]);
    let complaint = "labelled_reads: bad: read of 4 bytes at offset 18446744073709551615 of ";
    assert!(stderr(&output).starts_with(complaint), "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1);
    assert_eq!(output.status.code(), Some(1));

    let output = run("labelled_reads", directory.path(), &["missing", "a=0:1"]);
    let reason = "labelled_reads: missing: No such file or directory (os error 2)\n";
    assert_eq!((stderr(&output), output.status.code()), (reason, Some(1)));
    for arguments in [&[][..], &["file", "a"], &["file", "a=0:0"], &["file", "a=-1:3"]] {
        let output = run("labelled_reads", directory.path(), arguments);
        assert!(stderr(&output).starts_with("labelled_reads: "), "{arguments:?}");
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{arguments:?}");
    }
}
