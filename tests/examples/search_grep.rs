//! The example `search` finds what grep finds.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Output;

use regex::bytes::RegexBuilder;
use tempfile::TempDir;

use crate::models::model;
use crate::program::{example, run, stderr, stdout};
use crate::support::scratch;

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

/// Files with the texts, and with one of them so far on that it lies across two chunks of 4096
/// bytes.
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
    let settings: [&[&str]; 2] = [&["--chunk=4K"], &["--policy=buffered"]];
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
            is_as(&theirs, directory.path(), &["--chunk=4K", ours], pattern, &names);
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
