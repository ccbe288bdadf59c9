//! The example `scrub`, run as its users run it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::program::{example, interrupt, run, send, stderr, stdout};
use crate::support::device::Loop;
use crate::support::{self, known_file, make_fifo, scratch};

#[test]
fn what_can_be_read_is_counted() {
    let directory = scratch();
    let sizes = [0, 1, 4095, 4096, 4097, 1 << 20, (3 << 20) + 12_345];
    let mut expected = String::new();
    for size in sizes {
        known_file(directory.path(), &size.to_string(), size);
        expected += &format!("{size}: {size} bytes read\n");
    }
    let names = sizes.map(|size| size.to_string());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for options in [&[][..], &["--chunk=4K"], &["--depth=1", "--chunk=64K"], &["--rate=1T"]] {
        let output = run("scrub", directory.path(), &[options, &names].concat());
        assert_eq!(stdout(&output), expected, "{options:?}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn what_can_not_be_read_is_named() {
    let Some(device) = Loop::new(4 << 20, 512) else { return };
    device.cut((1 << 20) + 8192);
    let name = device.path().to_str().unwrap();
    for chunk in ["--chunk=4K", "--chunk=512K", "--chunk=8192K"] {
        let output = run("scrub", "/".as_ref(), &[chunk, name]);
        let (readable, size) = ((1 << 20) + 8192, 4 << 20);
        let lines = [
            format!("{name}: {readable} bytes read\n"),
            format!("{name}: {readable}..{size} can't be read: Input/output error (os error 5)\n"),
        ];
        assert_eq!(stdout(&output), lines.concat(), "{chunk}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn what_is_no_file_is_said_and_the_others_are_read() {
    let directory = scratch();
    known_file(directory.path(), "file", 100);
    make_fifo(&directory.path().join("fifo"));
    let output = run("scrub", directory.path(), &["fifo", ".", "nowhere", "file"]);
    assert_eq!(stdout(&output), "file: 100 bytes read\n");
    let complaints = stderr(&output);
    for name in ["fifo", ".", "nowhere"] {
        assert!(complaints.contains(&format!("scrub: {name}: ")), "{complaints}");
    }
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn mistakes_in_the_command_line_are_told() {
    let directory = scratch();
    let mistakes: [&[&str]; 8] = [
        &[],
        &["--rate=0", "file"],
        &["--chunk=6K", "file"],
        &["--chunk=128M", "file"],
        &["--depth=4097", "file"],
        &["--status=x", "file"],
        &["--nonsense", "file"],
        &["-x"],
    ];
    for arguments in mistakes {
        let output = run("scrub", directory.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("try '--help'"), "{arguments:?}");
    }
    let output = run("scrub", directory.path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with("Usage: scrub "));
}

#[test]
fn one_thread_reads_says_how_far_it_is_and_is_stopped() {
    let directory = scratch();
    // Sparse; at this rate it would take hours.
    fs::File::create(directory.path().join("large")).unwrap().set_len(10 << 30).unwrap();
    let mut command = example("scrub", directory.path());
    command.args(["--rate=1M", "--status=0", "large"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut complaints = BufReader::new(child.stderr.take().unwrap());
    let id = child.id().to_string();
    // Only when it is ready for the signal: until then that would end it.
    let is_ready = || {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(blocked.trim(), 16).unwrap() & (1 << (libc::SIGUSR1 - 1)) != 0
    };
    support::eventually("it blocks its signals", is_ready);
    let mut line = String::new();
    while !line.contains(" of 10.00 GiB, ") {
        send(&child, Signal::SIGUSR1);
        line.clear();
        complaints.read_line(&mut line).unwrap();
        assert!(line.starts_with("scrub: large: "), "{line}");
    }
    assert_eq!(fs::read_dir(format!("/proc/{id}/task")).unwrap().count(), 1);
    interrupt(&child);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.starts_with("large: "), "{said}");
    assert!(said.ends_with(" bytes read before it was stopped\n"), "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
