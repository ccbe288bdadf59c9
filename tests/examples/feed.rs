//! The example `feed`, run as its users run it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use nix::pty::openpty;

use crate::program::{example, interrupt, run, stderr, stdout};
use crate::support::{contents, known_file, make_fifo, scratch, watched};

fn line(directory: &Path, name: &str) -> String {
    format!("{}  {name}", blake3::hash(&fs::read(directory.join(name)).unwrap()).to_hex())
}

/// Runs it with this as its standard input.
fn fed(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = example("feed", directory);
    let mut child = piped(command.args(arguments));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output
}

fn piped(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn sorted<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_path_has_its_line() {
    watched(|| {
        let directory = scratch();
        let sizes = (0..300).map(|number| number * number % 20_011).chain([0, 4096, 3 << 20]);
        let names: Vec<String> = sizes
            .enumerate()
            .map(|(number, size)| {
                let name = format!("file {number}");
                known_file(directory.path(), &name, size);
                name
            })
            .collect();
        let lines: Vec<String> = names.iter().map(|name| line(directory.path(), name)).collect();
        let expected = sorted(lines.iter().map(String::as_str));
        let (by_line, by_zero) = (names.join("\n"), names.join("\0") + "\0");
        for arguments in [&[][..], &["--files", "1"], &["--files=3", "--chunk=4K"]] {
            let output = fed(directory.path(), arguments, by_line.as_bytes());
            assert_eq!(sorted(stdout(&output).lines()), expected, "{arguments:?}");
            assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{arguments:?}");
        }
        let output = fed(directory.path(), &["-0"], by_zero.as_bytes());
        assert_eq!(sorted(stdout(&output).lines()), expected);

        // The paths in a file, which is never waited for.
        fs::write(directory.path().join("list"), by_line).unwrap();
        let list = File::open(directory.path().join("list")).unwrap();
        let output = example("feed", directory.path()).stdin(list).output().unwrap();
        assert_eq!(sorted(stdout(&output).lines()), expected);
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    });
}

/// Sends a path, and returns the line that comes back before there is another path or the end.
fn ask(stdin: &mut ChildStdin, lines: &mut impl BufRead, path: &str) -> String {
    let (half, other) = path.split_at(path.len() / 2);
    stdin.write_all(half.as_bytes()).unwrap();
    stdin.write_all(other.as_bytes()).unwrap();
    stdin.write_all(b"\n").unwrap();
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line
}

#[test]
fn each_line_comes_before_the_next_path() {
    watched(|| {
        let directory = scratch();
        known_file(directory.path(), "one", 10);
        known_file(directory.path(), "another", 100_000);
        let mut child = piped(&mut example("feed", directory.path()));
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(stdout);
        for name in ["one", "another", "one"] {
            let answer = ask(&mut stdin, &mut lines, name);
            assert_eq!(answer, line(directory.path(), name) + "\n");
        }
        drop(stdin);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    });
}

#[test]
fn what_cannot_be_read_is_said_and_costs_nothing_else() {
    watched(|| {
        let directory = scratch();
        known_file(directory.path(), "good", 10);
        fs::create_dir(directory.path().join("directory")).unwrap();
        // Nobody ever opens the other end.
        make_fifo(&directory.path().join("fifo"));
        let paths = "missing\n\ndirectory\nfifo\n/dev/null\ngood\n";
        let output = fed(directory.path(), &[], paths.as_bytes());
        assert_eq!(stdout(&output).lines().collect::<Vec<_>>(), [line(directory.path(), "good")]);
        let complaints = [
            "feed: /dev/null: not a regular file",
            "feed: directory: not a regular file",
            "feed: fifo: not a regular file",
            "feed: missing: No such file or directory (os error 2)",
        ];
        assert_eq!(sorted(stderr(&output).lines()), complaints);
        assert_eq!(output.status.code(), Some(1));
    });
}

#[test]
fn ctrl_c_ends_it_while_it_waits_for_paths() {
    watched(|| {
        let directory = scratch();
        fs::write(directory.path().join("file"), contents(0..10)).unwrap();
        let mut child = piped(&mut example("feed", directory.path()));
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(stdout);
        // It has begun, and waits for more, when this has come back.
        assert_eq!(ask(&mut stdin, &mut lines, "file"), line(directory.path(), "file") + "\n");
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        drop(stdin);
    });
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_files() {
    watched(|| {
        let directory = scratch();
        // A terabyte of zeros.
        File::create(directory.path().join("huge")).unwrap().set_len(1 << 40).unwrap();
        known_file(directory.path(), "file", 10);
        let mut child = piped(&mut example("feed", directory.path()));
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(stdout);
        stdin.write_all(b"huge\n").unwrap();
        assert_eq!(ask(&mut stdin, &mut lines, "file"), line(directory.path(), "file") + "\n");
        interrupt(&child);
        while child.try_wait().unwrap().is_none() {
            interrupt(&child);
        }
        assert_eq!(child.wait().unwrap().code(), Some(130));
    });
}

/// A terminal, and the other end of it.
fn terminal() -> (File, Stdio) {
    let pair = openpty(None, None).unwrap();
    (pair.master.into(), pair.slave.into())
}

#[test]
fn paths_may_be_typed_on_a_terminal() {
    watched(|| {
        let directory = scratch();
        known_file(directory.path(), "one", 10);
        known_file(directory.path(), "another", 100_000);
        for backend in ["--backend=aio", "--backend=threads"] {
            let (mut keyboard, terminal) = terminal();
            let mut command = example("feed", directory.path());
            command.arg(backend).stdin(terminal).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            // The terminal is the child's alone, but for its keyboard.
            drop(command);
            let mut lines = BufReader::new(child.stdout.take().unwrap());
            for name in ["one", "another", "one"] {
                keyboard.write_all(format!("{name}\n").as_bytes()).unwrap();
                let mut answer = String::new();
                lines.read_line(&mut answer).unwrap();
                assert_eq!(answer, line(directory.path(), name) + "\n", "{backend}");
            }
            // Ctrl-D.
            keyboard.write_all(b"\x04").unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{backend}");
        }
    });
}

#[test]
fn ctrl_c_ends_it_while_it_waits_for_a_terminal() {
    watched(|| {
        let directory = scratch();
        known_file(directory.path(), "file", 10);
        let (mut keyboard, terminal) = terminal();
        let mut command = example("feed", directory.path());
        let mut child = command.stdin(terminal).stdout(Stdio::piped()).spawn().unwrap();
        keyboard.write_all(b"file\n").unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut String::new()).unwrap();
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(130));
    });
}

#[test]
fn mistakes_in_the_command_line_are_explained() {
    let directory = scratch();
    for arguments in [&["path"][..], &["--files", "0"], &["--chunk=3K"], &["--nonsense"]] {
        let output = run("feed", directory.path(), arguments);
        assert!(stderr(&output).starts_with("feed: "), "{arguments:?}");
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{arguments:?}");
    }
    let output = run("feed", directory.path(), &["--help"]);
    assert!(stdout(&output).starts_with("Usage: feed"));
    assert_eq!(output.status.code(), Some(0));
}
