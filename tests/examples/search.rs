//! The example `search`, run as its users run it, and compared with grep.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Output, Stdio};

use regex::bytes::RegexBuilder;
use tempfile::TempDir;

use crate::models::model;
use crate::program::{example, explains_itself, interrupt, run, stderr, stdout, unprivileged};
use crate::support::{make_fifo, public, scratch};

/// Lines, and ends of lines and files, that a search may stumble over.
const TEXTS: [&[u8]; 14] = [
    b"",
    b"\n",
    b"\n\n\n",
    b"x",
    b"needle",
    b"needle\n",
    b"one needle, two needles\nnone\nNeedle\n\nneedle at the end",
    b"a\nb\na b\n",
    b"dos\r\nneedle\r\n\r\nend\r\n",
    b"nee\ndle\nneed\nle\n",
    b"\0needle\0\n\xff\xfeneedle\xff\n\xff\n",
    b"ab\nac\n\nbc\n \n\t\n",
    b"   \nneedle\n   ",
    b"no match here\nnor here\n",
];

/// Expressions that mean the same to grep -E.
const PATTERNS: [&str; 22] = [
    "needle",
    "^needle",
    "needle$",
    "^needle$",
    "^$",
    "^",
    "$",
    "",
    ".",
    "^.$",
    "[^a]",
    "[^a]$",
    "^[^a]*$",
    "a|c",
    "(ab|ac)+",
    "x*",
    "\\bneedle\\b",
    "\\w+",
    "\\W",
    "e{2}d",
    " +",
    "[[:space:]]",
];

/// What grep is to print, and how it finds.
#[derive(Clone, Copy)]
struct Asked {
    print: Print,
    is_fixed: bool,
    ignores_case: bool,
    /// The options of grep for that.
    options: &'static str,
}

#[derive(Clone, Copy)]
enum Print {
    Counts,
    Names,
    Lines { numbers: bool },
}

/// What grep prints and exits with: of lines one by one, so found out in the simplest way.
fn expected(directory: &Path, asked: Asked, pattern: &str, files: &[OsString]) -> (Vec<u8>, i32) {
    let pattern = if asked.is_fixed { regex::escape(pattern) } else { pattern.to_owned() };
    let mut builder = RegexBuilder::new(&pattern);
    let regex = builder.unicode(false).case_insensitive(asked.ignores_case).build().unwrap();
    let (mut printed, mut has_matched) = (Vec::new(), false);
    for file in files {
        let text = fs::read(directory.join(file)).unwrap();
        let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        if lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        let hits: Vec<_> = (1..).zip(lines).filter(|(_, line)| regex.is_match(line)).collect();
        has_matched |= !hits.is_empty();
        let mut print = |rest: &[&[u8]]| printed.extend([file.as_bytes(), &rest.concat()].concat());
        match asked.print {
            Print::Counts => print(&[format!(":{}\n", hits.len()).as_bytes()]),
            Print::Names if hits.is_empty() => {}
            Print::Names => print(&[b"\n"]),
            Print::Lines { numbers } => hits.iter().for_each(|(number, line)| {
                let number = if numbers { format!(":{number}:") } else { ":".to_owned() };
                print(&[number.as_bytes(), line, b"\n"]);
            }),
        }
    }
    (printed, i32::from(!has_matched))
}

/// As [`expected`], and that grep agrees, if it is to be asked.
fn grep(directory: &Path, asked: Asked, pattern: &str, files: &[OsString]) -> (Vec<u8>, i32) {
    let expected = expected(directory, asked, pattern, files);
    if let Some(mut command) = model("grep") {
        command.args(["-a", "-H", asked.options, "-e", pattern]).args(files);
        let theirs = command.env("LC_ALL", "C").current_dir(directory).output().unwrap();
        let case = format!("grep {} {pattern:?}", asked.options);
        assert!(theirs.stdout == expected.0, "{case}");
        assert_eq!(theirs.status.code(), Some(expected.1), "{case}");
    }
    expected
}

fn search(directory: &Path, options: &[&str], pattern: &str, files: &[OsString]) -> Output {
    let mut command = example("search", directory);
    command.arg("--order=input").args(options).args(["--", pattern]).args(files).output().unwrap()
}

/// Files with the texts, and with one of them so far on that it lies across two chunks of 4096 bytes.
fn make_texts() -> (TempDir, Vec<OsString>) {
    let directory = scratch();
    let mut names = Vec::new();
    let mut add = |name: String, text: &[u8]| {
        fs::write(directory.path().join(&name), text).unwrap();
        names.push(name.into());
    };
    for (index, text) in TEXTS.iter().enumerate() {
        add(format!("text {index}"), text);
        for before in [4090, 4095, 4096, 8191] {
            add(format!("{index} from {before}"), &[&*b"-".repeat(before), text].concat());
            let lines = b"-\n".repeat(before / 2);
            add(format!("{index} after {before} in lines"), &[&*lines, text].concat());
        }
    }
    let name = OsString::from_vec(b"not UTF-8 \xff".to_vec());
    fs::write(directory.path().join(&name), "needle\n").unwrap();
    names.push(name);
    (directory, names)
}

/// The program says and answers what grep does.
fn is_as(
    (out, code): &(Vec<u8>, i32),
    directory: &Path,
    options: &[&str],
    pattern: &str,
    names: &[OsString],
) {
    let ours = search(directory, options, pattern, names);
    let differ = format!("{pattern:?} {options:?}: {}", stderr(&ours));
    assert!(ours.stdout == *out, "{differ}");
    assert_eq!((stderr(&ours), ours.status.code()), ("", Some(*code)));
}

/// Options of both, and what they ask for.
const fn asked(options: &'static str, print: Print, is_fixed: bool, ignores_case: bool) -> Asked {
    Asked { print, is_fixed, ignores_case, options }
}

#[test]
fn counts_are_those_of_grep() {
    let (directory, names) = make_texts();
    let settings: [&[&str]; 2] = [&["--chunk=4"], &["--policy=buffered"]];
    let ways = [
        ("-c", asked("-Ec", Print::Counts, false, false)),
        ("-ci", asked("-Eci", Print::Counts, false, true)),
        ("-cF", asked("-Fc", Print::Counts, true, false)),
        ("-cFi", asked("-Fci", Print::Counts, true, true)),
    ];
    for pattern in PATTERNS {
        for (ours, theirs) in ways {
            let theirs = grep(directory.path(), theirs, pattern, &names);
            // The settings change nothing about what matches.
            for setting in &settings[..if ours == "-c" { 2 } else { 1 }] {
                let options = [setting, &[ours][..]].concat();
                is_as(&theirs, directory.path(), &options, pattern, &names);
            }
        }
    }
}

#[test]
fn lines_and_names_are_those_of_grep() {
    let (directory, names) = make_texts();
    let ways = [
        ("-n", asked("-En", Print::Lines { numbers: true }, false, false)),
        ("-l", asked("-El", Print::Names, false, false)),
        ("--quiet", asked("-E", Print::Lines { numbers: false }, false, false)),
        ("-Fn", asked("-Fn", Print::Lines { numbers: true }, true, false)),
    ];
    for pattern in PATTERNS {
        for (ours, theirs) in ways {
            let theirs = grep(directory.path(), theirs, pattern, &names);
            is_as(&theirs, directory.path(), &["--chunk=4", ours], pattern, &names);
        }
    }
}

/// With more lines to be printed of a file than are kept in memory.
#[test]
fn many_lines_are_printed_in_order() {
    let directory = scratch();
    let lines = |file: usize| (0..20_000).map(move |line| format!("{file}: line {line}\n"));
    let names: Vec<OsString> = (0..5).map(|file| format!("{file}").into()).collect();
    for (file, name) in names.iter().enumerate() {
        fs::write(directory.path().join(name), lines(file).collect::<String>()).unwrap();
    }
    let numbered = asked("-n", Print::Lines { numbers: true }, false, false);
    let (theirs, _) = grep(directory.path(), numbered, "line", &names);
    assert!(theirs.len() > 5 * 400_000);
    let ours = search(directory.path(), &["-n"], "line", &names);
    assert!(ours.stdout == theirs);
    // In the order of completion files may change places, but lines don't.
    let ours = run("search", directory.path(), &["-n", "line", "."]);
    let mut lines: Vec<&str> = stdout(&ours).lines().map(|line| &line[2..]).collect();
    lines.sort_by_key(|line| line.as_bytes()[0]);
    assert!(lines == str::from_utf8(&theirs).unwrap().lines().collect::<Vec<_>>());
}

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
    let options = ["--chunk=4", "--max-line=1", "--order=input", "-c", "end$", "."];
    let output = run("search", directory.path(), &options);
    assert_eq!(stdout(&output), "./as allowed:1\n./without end:1\n");
    let complaint =
        |name: &str| format!("search: ./{name}: a line is longer than 1 MiB (--max-line)\n");
    let complaints = ["too long", "too long later", "too long without end"].map(complaint).concat();
    assert_eq!((stderr(&output), output.status.code()), (&*complaints, Some(2)));
    let output =
        run("search", directory.path(), &["--chunk=4", "--order=input", "-c", "end$", "."]);
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
    assert_eq!(found(&[]), ["./dir/kept", "./kept"]);
    assert_eq!(found(&["--hidden"]), ["./.hidden", "./dir/kept", "./kept"]);
    let all = ["./dir/kept", "./dir/skipped.log", "./kept", "./skipped.log"];
    assert_eq!(found(&["--no-ignore"]), all);
    assert_eq!(found(&["--hidden", "--no-ignore"]).len(), 5);
    // What is named is wanted.
    assert_eq!(found(&["skipped.log", ".hidden"]), ["skipped.log", ".hidden"]);
}

#[test]
fn exit_statuses_are_those_of_grep() {
    let directory = scratch();
    fs::write(directory.path().join("file"), "text\n").unwrap();
    symlink("nowhere", directory.path().join("dangling")).unwrap();
    make_fifo(&directory.path().join("fifo"));
    let cases: [(&[&str], &str, &str, i32); 5] = [
        (&["text", "file"], "file:text\n", "", 0),
        (&["none", "file"], "", "", 1),
        (
            &["text", "vanished", "file", "dangling", "fifo"],
            "file:text\n",
            "search: vanished: No such file or directory (os error 2)\n\
             search: dangling: No such file or directory (os error 2)\n\
             search: fifo: not a regular file\n",
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
        &["--unknown", "x"],
        &["("],
        &["two\nlines"],
        &["--max-line=0", "x"],
        &["--order", "x"],
        &["-F", "two\nlines"],
    ];
    explains_itself("search", directory.path(), &mistakes.map(|mistake| (mistake, 2)));
    let bytes = OsStr::from_bytes(b"\xff");
    fs::write(directory.path().join("bytes"), b"\xff\n").unwrap();
    let output = example("search", directory.path()).arg(bytes).arg("bytes").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let mut command = example("search", directory.path());
    let output = command.arg("-Fc").arg(bytes).arg("bytes").output().unwrap();
    assert_eq!((stdout(&output), output.status.code()), ("bytes:1\n", Some(0)));
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
    assert_eq!((stderr(&output), output.status.code()), ("", Some(2)));
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
