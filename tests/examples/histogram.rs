//! The example `histogram`, run as its users run it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::program::{run, stderr, stdout, unprivileged};
use crate::support::{known_file, public, scratch};

/// What is to be printed of a file, counts included, found out in the simplest way.
fn expected(path: &Path) -> String {
    let mut counts = [0_u64; 256];
    let bytes = fs::read(path).unwrap();
    bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let occurring: Vec<_> = (0..256).filter(|&byte| counts[byte] > 0).collect();
    let lines = occurring.iter().map(|&byte| format!("  0x{byte:02x} {}\n", counts[byte]));
    let (length, name) = (bytes.len(), path.file_name().unwrap().to_str().unwrap());
    let head = format!(" bits/byte in {length} bytes of {} values: {name}\n", occurring.len());
    head + &lines.collect::<String>()
}

/// What was printed, without the bits.
fn without_bits(text: &str) -> String {
    let line =
        |line: &str| line.find(" bits/byte").map_or(line, |at| &line[at..]).to_owned() + "\n";
    text.lines().map(line).collect()
}

#[test]
fn every_byte_is_counted_once() {
    let directory = scratch();
    let sizes = [0, 1, 4095, 4096, 4097, 12_288, 100_001, (1 << 20) + 7];
    let names: Vec<_> = sizes.iter().map(|size| format!("{size} bytes")).collect();
    let path = |name: &String| directory.path().join(name);
    for (&size, name) in sizes.iter().zip(&names) {
        known_file(directory.path(), name, size);
    }
    let expected: String = names.iter().map(|name| expected(&path(name))).collect();
    for options in [&["--parts", "3", "--part", "4K", "--workers", "2"][..], &[]] {
        let files = names.iter().map(String::as_str);
        let arguments: Vec<_> = options.iter().copied().chain(["--counts"]).chain(files).collect();
        let output = run("histogram", directory.path(), &arguments);
        assert_eq!(stderr(&output), "");
        assert!(without_bits(stdout(&output)) == expected, "{options:?}");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn bits_are_those_of_the_bytes() {
    let directory = scratch();
    let all: Vec<u8> = (0..=u8::MAX).cycle().take(256 * 40).collect();
    let files =
        [("one", vec![7; 5000]), ("two", b"ab".repeat(3000)), ("all", all), ("none", vec![])];
    files.iter().for_each(|(name, bytes)| fs::write(directory.path().join(name), bytes).unwrap());
    let output = run("histogram", directory.path(), &["one", "two", "all", "none"]);
    let lines = "0.0000 bits/byte in 5000 bytes of 1 values: one\n\
                 1.0000 bits/byte in 6000 bytes of 2 values: two\n\
                 8.0000 bits/byte in 10240 bytes of 256 values: all\n\
                 0.0000 bits/byte in 0 bytes of 0 values: none\n";
    assert_eq!((stdout(&output), stderr(&output)), (lines, ""));
}

#[test]
fn what_cannot_be_read_is_told_and_the_others_are_counted() {
    let directory = scratch();
    known_file(directory.path(), "file", 10);
    let output = run("histogram", directory.path(), &["missing", ".", "file"]);
    assert!(stdout(&output).ends_with("10 bytes of 10 values: file\n"));
    let told: Vec<_> = stderr(&output).lines().collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("histogram: missing: No such file"), "{told:?}");
    assert_eq!(told[1], "histogram: .: neither a regular file nor a block device");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_may_not_be_read_is_told_by_its_name() {
    let directory = public();
    fs::write(directory.path().join("secret"), "secret").unwrap();
    fs::set_permissions(directory.path().join("secret"), Permissions::from_mode(0o0)).unwrap();
    for name in ["histogram", "scrub"] {
        let Some((mut command, _program)) = unprivileged(name, directory.path()) else { return };
        let output = command.arg("secret").output().unwrap();
        let complaint = format!("{name}: secret: Permission denied (os error 13)\n");
        assert_eq!((stdout(&output), stderr(&output)), ("", &*complaint));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn its_command_line_is_checked() {
    let directory = scratch();
    for arguments in [&[][..], &["--part", "5K", "x"], &["--parts", "0", "x"], &["--no"]] {
        let output = run("histogram", directory.path(), arguments);
        assert!(stderr(&output).starts_with("histogram: "), "{arguments:?}");
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{arguments:?}");
    }
    let output = run("histogram", directory.path(), &["--help"]);
    assert!(stdout(&output).starts_with("Usage: histogram"));
    assert_eq!(output.status.code(), Some(0));
}
