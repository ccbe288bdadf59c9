//! What the command lines of all example programs have in common.

use crate::program::{run, stderr, stdout};
use crate::sizes::{KIB, MIB, blocks, shown, size};
use crate::support::scratch;

const PROGRAMS: [&str; 10] = [
    "aio_callback",
    "checksum",
    "convert",
    "copy_tree",
    "feed",
    "histogram",
    "labelled_reads",
    "scrub",
    "search",
    "serve",
];

#[test]
fn every_program_tells_its_version() {
    let directory = scratch();
    for name in PROGRAMS {
        for option in ["--version", "-V"] {
            let output = run(name, directory.path(), &[option]);
            let version = format!("{name} {}\n", env!("CARGO_PKG_VERSION"));
            assert_eq!((stdout(&output), stderr(&output)), (&*version, ""));
            assert_eq!(output.status.code(), Some(0), "{name}");
        }
    }
}

#[test]
fn a_mistyped_option_is_named_and_the_right_one_suggested() {
    let directory = scratch();
    for name in PROGRAMS {
        let output = run(name, directory.path(), &["--backand=aio"]);
        let complaint = format!("{name}: unexpected argument '--backand' found\n");
        assert!(stderr(&output).starts_with(&complaint), "{}", stderr(&output));
        let tip = "a similar argument exists: '--backend'";
        assert!(stderr(&output).contains(tip), "{}", stderr(&output));
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{name}");
    }
}

#[test]
fn help_fits_100_columns_and_ends_with_the_exit_status() {
    let directory = scratch();
    for name in PROGRAMS {
        let output = run(name, directory.path(), &["--help"]);
        let lines: Vec<&str> = stdout(&output).lines().collect();
        let is_narrow = lines.iter().all(|line| line.chars().count() <= 100);
        assert!(is_narrow, "{name}: {lines:?}");
        let last = lines.iter().rposition(|line| line.is_empty()).unwrap();
        assert!(lines[last + 1].starts_with("Exit status: 0 "), "{name}: {lines:?}");
    }
}

#[test]
fn of_an_option_that_is_repeated_the_last_one_counts() {
    let directory = scratch();
    let options = ["--quiet", "--depth=1", "--depth=0", "--depth=2", "-q"];
    let output = run("checksum", directory.path(), &options[..3]);
    assert_eq!(output.status.code(), Some(2), "each is checked");
    let output = run("checksum", directory.path(), &[&options[..2], &options[3..]].concat());
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
}

#[test]
fn an_error_names_the_option_and_what_it_takes() {
    let directory = scratch();
    let complaint = |argument: &str| {
        let output = run("checksum", directory.path(), &[argument]);
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{argument}");
        stderr(&output).lines().next().unwrap().to_owned()
    };
    let memory = |reason: &str, value: &str| {
        format!("checksum: invalid value '{value}' for '--memory <SIZE>': {reason}")
    };
    // This was once a number of MiB.
    assert_eq!(complaint("--memory=64"), memory("64 bytes is less than 4M", "64"));
    assert_eq!(complaint("--memory=2MiB"), memory("2MiB is less than 4M", "2MiB"));
    assert_eq!(complaint("--memory=2T"), memory("2T is more than 1T", "2T"));
    let reason = "not a size; 512K, 64M and 1G are sizes";
    assert_eq!(complaint("--memory=much"), memory(reason, "much"));
    assert_eq!(complaint("--memory="), memory(reason, ""));
    let chunk = "checksum: invalid value '5K' for '--chunk <SIZE>': not a multiple of 4K";
    assert_eq!(complaint("--chunk=5K"), chunk);
    let depth = "checksum: invalid value '0' for '--depth <N>': 0 is not in 1..=4096";
    assert_eq!(complaint("--depth=0"), depth);
}

#[test]
fn sizes_are_in_bytes_or_have_suffixes_for_powers_of_1024() {
    let size = size(1..=1 << 40);
    for (text, bytes) in [
        ("1", 1),
        ("4096", 4096),
        ("1K", 1 << 10),
        ("64k", 64 << 10),
        ("64KiB", 64 << 10),
        ("64KB", 64 << 10),
        ("8M", 8 << 20),
        ("1.5G", 3 << 29),
        ("1T", 1 << 40),
    ] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    for text in ["", "K", "1X", "-1", "99999999999999999999", "0", "1.1T"] {
        assert!(size(text).is_err(), "{text:?}");
    }
    let blocks = blocks(4 * KIB..=MIB);
    assert_eq!(blocks("12K"), Ok(12 << 10));
    assert!(blocks("13K").is_err() && blocks("2M").is_err());
}

#[test]
fn sizes_are_shown_as_they_can_be_given() {
    for (bytes, text) in [(0, "0"), (1023, "1023"), (1 << 10, "1K"), (3 << 29, "1536M")] {
        assert_eq!(shown(bytes), text);
    }
}
