//! The example `checksum` with `--check`: what it takes for a checksum that is right.

use std::fs;
use std::path::Path;

use crate::checksum_options::do_the_same;
use crate::program::{run, stderr, stdout};
use crate::support::{known_file, scratch};

/// A directory with files, among them one whose name needs escapes, and a list of their checksums.
fn make_files(directory: &Path) -> String {
    let names = ["one", "back\\slash", "line\nfeed", "two  spaces", ") = x"];
    for (name, len) in names.iter().zip(1..) {
        known_file(directory, name, len * 3000);
    }
    fs::write(directory.join("nothing"), "").unwrap();
    let arguments = [&names[..], &["nothing"]].concat();
    let list = stdout(&run("checksum", directory, &arguments)).to_owned();
    fs::write(directory.join("list"), &list).unwrap();
    let tagged = run("checksum", directory, &[&["--tag"], &arguments[..]].concat());
    fs::write(directory.join("tagged"), &tagged.stdout).unwrap();
    list
}

const ALL_OK: &str = "one: OK\n\\back\\\\slash: OK\n\\line\\nfeed: OK\ntwo  spaces: OK\n) = x: OK\n\
                      nothing: OK\n";

#[test]
fn checksums_that_are_right_are_ok() {
    let directory = scratch();
    make_files(directory.path());
    let twice = ALL_OK.repeat(2);
    let without_spaces = ALL_OK.replace("two  spaces: OK\n", "");
    let cases: [(&[&str], &str, &str); 6] = [
        (&["--check", "list"], "list", ALL_OK),
        (&["-c"], "list", ALL_OK),
        (&["-c", "-"], "list", ALL_OK),
        (&["-c", "list", "list"], "list", &twice),
        (&["--check", "--quiet", "list"], "list", ""),
        (&["-c", "nothing"], "list", ""),
    ];
    for (arguments, input, expected) in cases {
        do_the_same(directory.path(), (arguments, input), expected.as_bytes(), 0);
    }
    // A tagged line whose path has two spaces is taken for one of the other kind.
    do_the_same(directory.path(), (&["-c", "tagged"], "list"), without_spaces.as_bytes(), 1);
}

#[test]
fn what_differs_or_is_missing_has_failed() {
    let directory = scratch();
    let list = make_files(directory.path());
    fs::write(directory.path().join("one"), "other").unwrap();
    fs::remove_file(directory.path().join("nothing")).unwrap();
    let expected = ALL_OK
        .replace("one: OK", "one: FAILED")
        .replace("nothing: OK", "nothing: FAILED (No such file or directory (os error 2))");
    do_the_same(directory.path(), (&["-c", "list"], "list"), expected.as_bytes(), 1);
    let failed: String =
        expected.split_inclusive('\n').filter(|line| line.contains("FAILED")).collect();
    do_the_same(directory.path(), (&["-c", "--quiet", "list"], "list"), failed.as_bytes(), 1);
    let output = run("checksum", directory.path(), &["-c", "list"]);
    assert_eq!(stderr(&output), "checksum: WARNING: 2 computed checksums did NOT match\n");

    let first = list.lines().next().unwrap();
    fs::write(directory.path().join("first"), first).unwrap();
    do_the_same(directory.path(), (&["-c", "first"], "list"), b"one: FAILED\n", 1);
    let output = run("checksum", directory.path(), &["-c", "first"]);
    assert_eq!(stderr(&output), "checksum: WARNING: 1 computed checksum did NOT match\n");
    // The others are checked nevertheless.
    let output = run("checksum", directory.path(), &["-c", "gone", "first"]);
    let complaints = "checksum: gone: No such file or directory (os error 2)\n\
                      checksum: WARNING: 2 computed checksums did NOT match\n";
    assert_eq!((stdout(&output), stderr(&output)), ("one: FAILED\n", complaints));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_line_that_says_no_checksum_is_named_and_has_failed() {
    let directory = scratch();
    known_file(directory.path(), "file", 10);
    let good = stdout(&run("checksum", directory.path(), &["file"])).to_owned();
    let hash = &good[..64];
    let bad: [(&str, &str); 9] = [
        ("", "an empty line"),
        ("file", "not a line of a checksum and a path"),
        (&format!("{hash} file"), "not a line of a checksum and a path"),
        (&format!("{}  file", &hash[1..]), "not a checksum of 64 digits, from 0 to f"),
        (&format!("{}  file", hash.to_uppercase()), "not a checksum of 64 digits, from 0 to f"),
        (&format!("{hash}  "), "no path"),
        (&format!("\\{hash}  fi\\le"), "an unknown escape in the path"),
        (&format!("{hash}  fi\0le"), "a zero byte in the path"),
        (&format!("{hash}  \u{fffd}"), "a replacement character in the path"),
    ];
    let lines: String = bad.iter().map(|(line, _)| format!("{line}\n")).collect();
    fs::write(directory.path().join("list"), format!("{good}{lines}{good}")).unwrap();
    let ok = b"file: OK\nfile: OK\n";
    do_the_same(directory.path(), (&["--check", "list"], "list"), ok, 1);
    let output = run("checksum", directory.path(), &["--check", "list"]);
    let complaints = bad
        .iter()
        .zip(2..)
        .map(|((_, reason), number)| format!("checksum: list:{number}: {reason}\n"));
    let complaints: String = complaints.collect();
    let warning = "checksum: WARNING: 9 computed checksums did NOT match\n";
    assert_eq!(stderr(&output), complaints + warning);
    fs::write(directory.path().join("list"), b"\xff\xff  file\n").unwrap();
    let output = run("checksum", directory.path(), &["--check", "list"]);
    assert!(stderr(&output).starts_with("checksum: list:1: not UTF-8\n"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
}
