//! All example programs, and what could hold them: pipes without another end, and their user's
//! first signal, which ends them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::program::{Running, example, is_writing_in, run, send, stderr};
use crate::support::confined::ignore;
use crate::support::{contents, eventually, known_file, make_fifo, scratch, watched};

const ENDING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

#[test]
fn pipes_are_not_waited_for() {
    watched(|| {
        let directory = scratch();
        let path = |name: &str| directory.path().join(name);
        make_fifo(&path("fifo"));
        known_file(directory.path(), "file", 10);
        fs::create_dir(path("source")).unwrap();
        make_fifo(&path("source/fifo"));
        // But for search, which reads pipes as grep does.
        let cases: [(&str, &[&str], i32); 5] = [
            ("checksum", &["fifo", "file"], 1),
            ("convert", &["fifo", "file"], 1),
            ("copy_tree", &["source", "target"], 1),
            ("histogram", &["fifo", "file"], 1),
            ("scrub", &["fifo", "file"], 1),
        ];
        for (name, arguments, status) in cases {
            let output = run(name, directory.path(), arguments);
            let said = stderr(&output);
            assert!(said.contains("fifo: "), "{name}: {said}");
            assert_eq!((said.lines().count(), output.status.code()), (1, Some(status)), "{name}");
            assert_eq!(output.stdout.is_empty(), makes_files(name), "{name}");
        }
    });
}

/// Whether it makes files, and prints nothing.
fn makes_files(name: &str) -> bool {
    ["convert", "copy_tree"].contains(&name)
}

/// Starts a program, whatever the tests themselves do about signals.
fn start(name: &str, directory: &Path, arguments: &[&str]) -> Running {
    let mut command = example(name, directory);
    for signal in ENDING {
        ignore(&mut command, signal as i32, false);
    }
    spawn(command.args(arguments))
}

fn spawn(command: &mut Command) -> Running {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::start(command)
}

/// Waits until a program listens to a signal: until then, that would end it without more ado.
fn await_listener(child: &mut Running, name: &str, signal: Signal) {
    // It blocks the signals for its signalfd. In other programs each new thread begins so.
    let field = if name == "scrub" { "SigBlk:" } else { "SigCgt:" };
    eventually("it listens", || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        assert!(child.try_wait().unwrap().is_none(), "{name} doesn't listen to {signal}");
        u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal as i32 - 1) & 1 == 1
    });
}

/// A tree with a file that takes long to read, of zeros.
fn make_large(directory: &Path) {
    fs::create_dir(directory.join("source")).unwrap();
    let large = File::create(directory.join("source/large")).unwrap();
    large.set_len(1 << 40).unwrap();
}

#[test]
fn the_first_signal_ends_a_program_at_work() {
    watched(|| {
        let directory = scratch();
        make_large(directory.path());
        let programs: [(&str, &[&str]); 7] = [
            ("checksum", &["source"]),
            ("convert", &["--format=zstd", "--to=target", "source"]),
            // A hole is not copied, and hashed if it is to be verified.
            ("copy_tree", &["--verify", "--reflink=never", "source", "target"]),
            ("histogram", &["source/large"]),
            ("scrub", &["--rate=1M", "--status=0", "source/large"]),
            ("search", &["-c", "x", "source"]),
            ("feed", &[]),
        ];
        for (name, arguments) in programs {
            for signal in ENDING {
                let mut child = start(name, directory.path(), arguments);
                await_listener(&mut child, name, signal);
                if makes_files(name) {
                    let target = directory.path().join("target");
                    eventually("a part of a file", || is_writing_in(&child, &target));
                }
                send(&child, signal);
                // Whoever gives it paths is still there.
                let input = child.stdin.take();
                let status = child.wait().unwrap();
                drop(input);
                assert_eq!(status.code(), Some(128 + signal as i32), "{name} {signal}: {status}");
                if makes_files(name) {
                    let left = fs::read_dir(directory.path().join("target")).unwrap();
                    assert_eq!(left.count(), 0, "{signal}");
                }
            }
        }
    });
}

#[test]
fn the_first_signal_ends_a_server() {
    watched(|| {
        let directory = scratch();
        for signal in ENDING {
            let mut child = start("serve", directory.path(), &["--listen=127.0.0.1:0"]);
            let mut line = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            send(&child, signal);
            assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        }
    });
}

/// The small programs know nothing of signals, so that the system ends them.
#[test]
fn the_first_signal_ends_what_waits_for_a_pipe() {
    watched(|| {
        let directory = scratch();
        make_fifo(&directory.path().join("fifo"));
        for name in ["aio_callback", "labelled_reads"] {
            for signal in ENDING {
                let mut child = start(name, directory.path(), &["fifo"]);
                send(&child, signal);
                assert_eq!(child.wait().unwrap().code(), None, "{name} {signal}");
            }
        }
    });
}

#[test]
fn a_program_that_begins_with_sighup_ignored_goes_on() {
    watched(|| {
        let directory = scratch();
        fs::write(directory.path().join("file"), contents(0..10)).unwrap();
        let mut command = example("feed", directory.path());
        ignore(&mut command, libc::SIGHUP, true);
        let mut child = spawn(&mut command);
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        for _ in 0..2 {
            stdin.write_all(b"file\n").unwrap();
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            assert!(line.ends_with("  file\n"), "{line}");
            send(&child, Signal::SIGHUP);
        }
        drop(stdin);
        lines.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    });
}
