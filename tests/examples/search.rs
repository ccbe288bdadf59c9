//! The example `search`, run as its users run it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use crate::program::{example, explains_itself, interrupt, run, stderr, stdout, unprivileged};
use crate::support::{make_fifo, public, scratch};

#[test]
fn a_line_may_be_as_long_as_allowed() {
    let directory = scratch();
    let line = |len: usize, end: &str| [vec![b'-'; len - 3], b"end".to_vec(), end.into()].concat();
    let write = |name: &str, contents: &[u8]| fs::write(directory.path().join(name), contents);
    write("as allowed", &line(1 << 20, "\n")).unwrap();
    write("without end", &line(1 << 20, "")).unwrap();
    write("too long", &line((1 << 20) + 1, "\n")).unwrap();
    write("too long without end", &line((1 << 20) + 1, "")).unwrap();
    write("too long later", &[&*b"end\n".repeat(3), &*line(2 << 20, "\nend\n")].concat()).unwrap();
    let options = ["--chunk=4K", "--max-line=1M", "--order=input", "-c", "end$", "."];
    let output = run("search", directory.path(), &options);
    assert_eq!(stdout(&output), "./as allowed:1\n./without end:1\n");
    let complaint = |name: &str| {
        format!("search: ./{name}: a line is longer than 1048576 bytes (--max-line)\n")
    };
    let complaints = ["too long", "too long later", "too long without end"].map(complaint).concat();
    assert_eq!((stderr(&output), output.status.code()), (&*complaints, Some(2)));
    let output =
        run("search", directory.path(), &["--chunk=4K", "--order=input", "-c", "end$", "."]);
    assert!(stdout(&output).contains("./too long later:5\n"), "{}", stdout(&output));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_is_ignored_or_hidden_is_left_out_unless_wanted() {
    let directory = scratch();
    let files = [".hidden", "dir/kept", "dir/skipped.log", "kept", "skipped.log"];
    fs::create_dir(directory.path().join("dir")).unwrap();
    for file in files {
        fs::write(directory.path().join(file), "x\n").unwrap();
    }
    fs::write(directory.path().join(".ignore"), "*.log\n").unwrap();
    let found = |options: &[&str]| {
        let output =
            run("search", directory.path(), &[&["-l", "--order=input", "x"], options].concat());
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{options:?}");
        stdout(&output).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found(&[]), ["dir/kept", "kept"]);
    assert_eq!(found(&["."]), ["./dir/kept", "./kept"]);
    assert_eq!(found(&["--hidden"]), [".hidden", "dir/kept", "kept"]);
    let all = ["dir/kept", "dir/skipped.log", "kept", "skipped.log"];
    assert_eq!(found(&["--no-ignore"]), all);
    assert_eq!(found(&["--hidden", "--no-ignore"]).len(), 5);
    // What is named is wanted.
    assert_eq!(found(&["skipped.log", ".hidden"]), ["skipped.log", ".hidden"]);
}

#[test]
fn broken_rules_are_mentioned_and_the_others_hold() {
    let directory = scratch();
    fs::create_dir(directory.path().join("d")).unwrap();
    for file in ["a.log", "f", "d/a.txt", "d/f"] {
        fs::write(directory.path().join(file), "x\n").unwrap();
    }
    fs::write(directory.path().join(".ignore"), "[z-a]\n*.log\n").unwrap();
    fs::write(directory.path().join("d/.ignore"), "*.txt\n{\n").unwrap();
    let output = run("search", directory.path(), &["--order=input", "x"]);
    assert_eq!((stdout(&output), output.status.code()), ("d/f:x\nf:x\n", Some(0)));
    let messages: Vec<_> = stderr(&output).lines().collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].starts_with("search: ./.ignore: line 1: "), "{messages:?}");
    assert!(messages[1].starts_with("search: ./d/.ignore: line 2: "), "{messages:?}");
    let output = run("search", directory.path(), &["-s", "--order=input", "x"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    // Nobody asks for them here.
    let output = run("search", directory.path(), &["--no-ignore", "-l", "x"]);
    assert_eq!((stderr(&output), stdout(&output).lines().count()), ("", 4));
}

#[test]
fn exit_statuses_are_those_of_grep() {
    let directory = scratch();
    fs::write(directory.path().join("file"), "text\n").unwrap();
    symlink("nowhere", directory.path().join("dangling")).unwrap();
    make_fifo(&directory.path().join("fifo"));
    let cases: [(&[&str], &str, &str, i32); 5] = [
        (&["text", "file"], "text\n", "", 0),
        (&["none", "file"], "", "", 1),
        (
            &["text", "vanished", "file", "dangling"],
            "file:text\n",
            "search: vanished: No such file or directory (os error 2)\n\
             search: dangling: No such file or directory (os error 2)\n",
            2,
        ),
        (&["text", "."], "./file:text\n", "", 0),
        (&["-l", "none", "file", "."], "", "", 1),
    ];
    for (arguments, out, err, code) in cases {
        let arguments = [&["--order=input"], arguments].concat();
        let output = run("search", directory.path(), &arguments);
        assert_eq!((stdout(&output), stderr(&output)), (out, err), "{arguments:?}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn what_may_not_be_read_is_reported() {
    let directory = public();
    fs::create_dir(directory.path().join("closed")).unwrap();
    for (name, mode) in [("closed", 0), ("secret", 0), ("open", 0o644)] {
        let path = directory.path().join(name);
        if !path.exists() {
            fs::write(&path, "text\n").unwrap();
        }
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let Some((mut command, _program)) = unprivileged("search", directory.path()) else {
        return;
    };
    let output = command.args(["--order=input", "text", "."]).output().unwrap();
    assert_eq!(stdout(&output), "./open:text\n");
    let mut complaints: Vec<&str> = stderr(&output).lines().collect();
    complaints.sort_unstable();
    assert_eq!(
        complaints,
        [
            "search: ./closed: Permission denied (os error 13)",
            "search: ./secret: Permission denied (os error 13)",
        ]
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn search_explains_itself() {
    let directory = scratch();
    let mistakes: [&[&str]; 7] = [
        &[],
        &["-h"],
        &["--unknown", "x"],
        &["("],
        &["a\\nb"],
        &["--max-line=0", "x"],
        &["--order", "x"],
    ];
    explains_itself("search", directory.path(), &mistakes.map(|mistake| (mistake, 2)));
    let bytes = OsStr::from_bytes(b"\xff");
    fs::write(directory.path().join("bytes"), b"\xff\n").unwrap();
    let output = example("search", directory.path()).arg(bytes).arg("bytes").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let mut command = example("search", directory.path());
    let output = command.arg("-Fc").arg(bytes).arg("bytes").output().unwrap();
    assert_eq!((stdout(&output), output.status.code()), ("1\n", Some(0)));
}

/// More lines than fit into a pipe and what the program keeps ready.
const MANY: usize = 40_000;

#[test]
fn a_closed_pipe_ends_search_quietly() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "line\n").unwrap();
    let mut command = example("search", directory.path());
    command.arg("line").args(vec!["f"; MANY]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
}

#[test]
fn ctrl_c_ends_search_early() {
    let directory = scratch();
    fs::write(directory.path().join("f"), "line\n").unwrap();
    let mut command = example("search", directory.path());
    command.arg("line").args(vec!["f"; MANY]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut lines = String::new();
    // With a line there, the handler is in place; as nobody reads on, the program can't come to its
    // end before the signal.
    reader.read_line(&mut lines).unwrap();
    interrupt(&child);
    reader.read_to_string(&mut lines).unwrap();
    let output = child.wait_with_output().unwrap();
    let count = lines.lines().count();
    assert_eq!(lines, "f:line\n".repeat(count));
    assert!(count < MANY);
    assert!(stderr(&output).starts_with("search: interrupted: "), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(130));
}
