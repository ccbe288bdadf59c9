//! The example `search`: which inputs it searches, how it names them, and what it says of them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Output, Stdio};
use std::thread;

use nix::pty::openpty;

use crate::program::{Running, example, interrupt, run, stderr, stdout};
use crate::support::{make_fifo, scratch, watched};

/// Runs the program with this standard input.
fn with_input(directory: &Path, arguments: &[&str], input: impl Into<Stdio>) -> Output {
    example("search", directory).args(arguments).stdin(input).output().unwrap()
}

/// Runs the program with a pipe that has this text.
fn piped(directory: &Path, arguments: &[&str], text: &str) -> Output {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    drop(writer);
    with_input(directory, arguments, reader)
}

#[test]
fn standard_input_is_searched_if_it_is_named_or_nothing_else_is() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "x in a file\n").unwrap();
    let cases: [(&[&str], &str); 8] = [
        (&["x"], "x\n"),
        (&["x", "-"], "x\n"),
        (&["-c", "x"], "1\n"),
        (&["-l", "x"], "(standard input)\n"),
        (&["-nH", "x"], "(standard input):2:x\n"),
        (&["x", "f"], "x in a file\n"),
        (&["x", "f", "-", "f"], "f:x in a file\n(standard input):x\nf:x in a file\n"),
        (&["-C1", "x", "-", "f"], "(standard input)-no\n(standard input):x\n--\nf:x in a file\n"),
    ];
    for (arguments, expected) in cases {
        let output = piped(directory.path(), arguments, "no\nx\n");
        assert_eq!((stdout(&output), stderr(&output)), (expected, ""), "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
    // A file is an input that somebody wants to be read, too, and a device is none.
    let file = File::open(directory.path().join("f")).unwrap();
    assert_eq!(stdout(&with_input(directory.path(), &["x"], file)), "x in a file\n");
    assert_eq!(stdout(&with_input(directory.path(), &["x"], Stdio::null())), "f:x in a file\n");
    assert_eq!(piped(directory.path(), &["x"], "").status.code(), Some(1));
}

#[test]
fn lines_of_a_pipe_are_printed_as_they_come() {
    let directory = scratch();
    let mut command = example("search", directory.path());
    command.args(["-n", "-A1", "x"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    watched(move || {
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || lines.next().map(Result::unwrap);
        // The input has not come to its end when these lines are there.
        input.write_all(b"no\nx\nbeg").unwrap();
        assert_eq!(next().as_deref(), Some("2:x"));
        input.write_all(b"un\nno\nx").unwrap();
        assert_eq!(next().as_deref(), Some("3-begun"));
        drop(input);
        assert_eq!(next().as_deref(), Some("--"));
        assert_eq!(next().as_deref(), Some("5:x"));
        assert_eq!(next(), None);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn ctrl_c_ends_the_wait_for_input() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "x\n").unwrap();
    let mut command = example("search", directory.path());
    command.args(["x", "f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Running::start(command.stderr(Stdio::piped()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // With a line there, the handler is in place. The input has no end.
    let input = child.stdin.as_mut().unwrap();
    input.write_all(b"x\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "f:x");
    interrupt(&child);
    let status = watched(move || {
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.starts_with("search: interrupted: 2 files were searched, "), "{said}");
        child.wait().unwrap()
    });
    assert_eq!(status.code(), Some(130));
}

/// The lines of the file come although the input has sent nothing, which has no result.
#[test]
fn an_interrupted_input_has_no_result() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "x\n").unwrap();
    for (flag, first) in [("-L", "f\n"), ("-c", "f:0\n")] {
        let mut command = example("search", directory.path());
        command.args([flag, "y", "f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Running::start(command.stderr(Stdio::piped()));
        let printed = watched(move || {
            let mut output = BufReader::new(child.stdout.take().unwrap());
            let mut printed = String::new();
            // With a line there, the handler is in place.
            output.read_line(&mut printed).unwrap();
            interrupt(&child);
            output.read_to_string(&mut printed).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(130));
            printed
        });
        assert_eq!(printed, first, "{flag}");
    }
}

#[test]
fn the_first_match_is_enough_for_quiet() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "x\n").unwrap();
    // Nobody writes to it.
    make_fifo(&directory.path().join("fifo"));
    let output = watched({
        let directory = directory.path().to_owned();
        move || run("search", &directory, &["-q", "x", "f", "fifo"])
    });
    assert_eq!((stdout(&output), stderr(&output), output.status.code()), ("", "", Some(0)));
}

#[test]
fn pipes_and_devices_are_searched_if_they_are_named() {
    let directory = scratch();
    let fifo = directory.path().join("fifo");
    make_fifo(&fifo);
    fs::write(directory.path().join("f"), "x\n").unwrap();
    // Below a directory they are left out.
    assert_eq!(stdout(&run("search", directory.path(), &["x", "."])), "./f:x\n");
    assert_eq!(stdout(&run("search", directory.path(), &["x", "f", "/dev/null"])), "f:x\n");
    // A writer waits for the reader, and the reader for the writer.
    let writer = thread::spawn(move || fs::write(fifo, "no\nx in a pipe\n").unwrap());
    let output = watched({
        let directory = directory.path().to_owned();
        move || run("search", &directory, &["--order=input", "x", "f", "fifo"])
    });
    writer.join().unwrap();
    assert_eq!((stdout(&output), stderr(&output)), ("f:x\nfifo:x in a pipe\n", ""));
}

#[test]
fn one_named_file_needs_no_name_before_its_lines() {
    let directory = scratch();
    fs::create_dir(directory.path().join("d")).unwrap();
    fs::write(directory.path().join("d/f"), "x\n").unwrap();
    let cases: [(&[&str], &str); 8] = [
        (&["x", "d/f"], "x\n"),
        (&["-H", "x", "d/f"], "d/f:x\n"),
        (&["x", "d"], "d/f:x\n"),
        (&["-h", "x", "d"], "x\n"),
        (&["x", "d/f", "d/f"], "d/f:x\nd/f:x\n"),
        (&["-rn", "x"], "d/f:1:x\n"),
        (&["-Hh", "x", "d"], "x\n"),
        (&["-hH", "x", "d/f"], "d/f:x\n"),
    ];
    for (arguments, expected) in cases {
        let output = run("search", directory.path(), arguments);
        assert_eq!((stdout(&output), stderr(&output)), (expected, ""), "{arguments:?}");
    }
}

#[test]
fn no_messages_changes_messages_alone() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "x\n\0").unwrap();
    let cases: [(&[&str], &str, &str, i32); 6] = [
        (&["x", "none"], "", "search: none: No such file or directory (os error 2)\n", 2),
        (&["-s", "x", "none", "f"], "", "search: f: binary file matches\n", 2),
        (&["-sl", "x", "none", "f"], "f\n", "", 2),
        // Found before the error, or after it.
        (&["-q", "x", "f", "none"], "", "", 0),
        (&["-qs", "x", "none", "f"], "", "", 0),
        (&["-qs", "y", "none", "f"], "", "", 2),
    ];
    for (arguments, out, err, code) in cases {
        let output = run("search", directory.path(), &[&["--order=input"], arguments].concat());
        assert_eq!((stdout(&output), stderr(&output)), (out, err), "{arguments:?}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn no_lines_are_wanted_of_no_file() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "x\n").unwrap();
    for (flag, expected) in [("-n", ""), ("-c", ""), ("-l", ""), ("-L", "f\n")] {
        let output = run("search", directory.path(), &["-m0", flag, "x", "f"]);
        assert_eq!((stdout(&output), output.status.code()), (expected, Some(1)), "{flag}");
    }
}

#[test]
fn the_output_is_not_searched() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "x\n").unwrap();
    let out = directory.path().join("out");
    fs::write(&out, "x\n").unwrap();
    let appended = File::options().append(true).open(&out).unwrap();
    let mut command = example("search", directory.path());
    let status = command.arg("x").stdout(appended).status().unwrap();
    assert!(status.success());
    assert_eq!(fs::read_to_string(out).unwrap(), "x\nf:x\n");
}

#[test]
fn patterns_know_unicode_unless_they_say_otherwise() {
    let directory = scratch();
    fs::write(directory.path().join("f"), b"\xc3\xa9\n\xff\n").unwrap();
    let cases: [(&[&str], &str, i32); 7] = [
        (&["-c", "^.$", "f"], "1\n", 0),
        (&["-ci", "É", "f"], "1\n", 0),
        (&["-c", "\\w", "f"], "1\n", 0),
        (&["-c", "(?-u)\\w", "f"], "0\n", 1),
        (&["-c", "(?-u:^..$)", "f"], "1\n", 0),
        (&["-c", "(?-u:\\xff)", "f"], "1\n", 0),
        (&["-ciF", "É", "f"], "1\n", 0),
    ];
    for (arguments, expected, code) in cases {
        let output = run("search", directory.path(), arguments);
        assert_eq!((stdout(&output), stderr(&output)), (expected, ""), "{arguments:?}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

/// What the program prints if its output is a terminal.
fn on_terminal(directory: &Path, arguments: &[&str], environment: [(&str, &str); 2]) -> String {
    let pair = openpty(None, None).unwrap();
    let mut command = example("search", directory);
    command.args(arguments).envs(environment).stdout(pair.slave).stderr(Stdio::null());
    assert!(command.status().unwrap().success());
    // The last end of the terminal that can write to it.
    drop(command);
    let mut printed = Vec::new();
    // The terminal's end is an error. What is there comes first.
    let _ = File::from(pair.master).read_to_end(&mut printed);
    String::from_utf8(printed).unwrap()
}

#[test]
fn a_terminal_has_colours_unless_the_user_wants_none() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "-x-\n").unwrap();
    let (plain, coloured) = ("-x-\r\n", "-\u{1b}[01;31m\u{1b}[Kx\u{1b}[m\u{1b}[K-\r\n");
    let terminal = ("TERM", "xterm");
    let cases: [(&[&str], _, _); 7] = [
        (&["x", "f"], [terminal, ("NO_COLOR", "")], coloured),
        (&["x", "f"], [terminal, ("NO_COLOR", "1")], plain),
        (&["x", "f"], [("TERM", "dumb"), ("NO_COLOR", "")], plain),
        (&["--color", "x", "f"], [terminal, ("NO_COLOR", "")], coloured),
        (&["--colour=auto", "x", "f"], [terminal, ("NO_COLOR", "1")], plain),
        (&["--color=never", "x", "f"], [terminal, ("NO_COLOR", "")], plain),
        (&["--color=always", "x", "f"], [("TERM", "dumb"), ("NO_COLOR", "1")], coloured),
    ];
    for (arguments, environment, expected) in cases {
        let printed = on_terminal(directory.path(), arguments, environment);
        assert_eq!(printed, expected, "{arguments:?} {environment:?}");
    }
    assert_eq!(stdout(&run("search", directory.path(), &["x", "f"])), "-x-\n");
}
