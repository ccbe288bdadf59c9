//! The example `search` finds what grep finds.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::grep::{Answer, Asked};
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
    b"\0needle\0\n\xff\xfe needle \xff\n\xff\n",
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

/// The files' names and what is in them.
fn read<'a>(directory: &Path, names: &'a [OsString]) -> Vec<(&'a [u8], Vec<u8>)> {
    names.iter().map(|name| (name.as_bytes(), fs::read(directory.join(name)).unwrap())).collect()
}

/// What grep prints and exits with. It agrees, if it is to be asked.
pub(crate) fn grep<'a>(directory: &Path, asked: &Asked, names: &'a [OsString]) -> Answer<'a> {
    let answer = asked.all(read(directory, names).into_iter());
    let case = format!("grep and what it is to print: {asked:?}");
    grep_agrees(directory, &asked.options(), names, (&answer.out, Some(answer.code)), &case);
    answer
}

/// With these options grep prints this and exits with this, if it is to be asked.
pub(crate) fn grep_agrees(
    directory: &Path,
    options: &[impl AsRef<OsStr>],
    names: &[OsString],
    (out, code): (&[u8], Option<i32>),
    case: &str,
) {
    let Some(mut command) = model("grep") else { return };
    // It takes no two kinds of patterns.
    let is_fixed = |option: &OsStr| option == "-F" || option == "--fixed-strings";
    let is_fixed = options.iter().any(|option| is_fixed(option.as_ref()));
    command.args((!is_fixed).then_some("-E")).args(options).args(names);
    let theirs = command.env("LC_ALL", "C.UTF-8").current_dir(directory).output().unwrap();
    same(&theirs.stdout, out, case);
    assert_eq!(theirs.status.code(), code, "{case}");
}

/// Shows bytes that are not text, and which part differs.
pub(crate) fn same(left: &[u8], right: &[u8], case: &str) {
    if left != right {
        let begin = left.iter().zip(right).take_while(|(left, right)| left == right).count();
        let rest = |bytes: &[u8]| {
            let end = bytes.len().min(begin + 300);
            bytes[begin.saturating_sub(40).min(end)..end].escape_ascii().to_string()
        };
        panic!("{case}:\n{}\n{}", rest(left), rest(right));
    }
}

pub(crate) fn search(
    directory: &Path,
    options: &[&str],
    asked: &Asked,
    names: &[OsString],
) -> Output {
    let mut command = example("search", directory);
    command.arg("--order=input").args(options).args(asked.options()).args(names).output().unwrap()
}

/// Files with the texts, and with one of them so far on that it lies across two chunks of 4096
/// bytes.
pub(crate) fn make_texts() -> (TempDir, Vec<OsString>) {
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

/// The program prints and answers what grep does.
pub(crate) fn is_as_grep(directory: &Path, options: &[&str], asked: &Asked, names: &[OsString]) {
    let Answer { out, binary, code } = grep(directory, asked, names);
    let ours = search(directory, options, asked, names);
    let message =
        |name: &&[u8]| format!("search: {}: binary file matches\n", String::from_utf8_lossy(name));
    let messages: String = binary.iter().map(message).collect();
    same(&ours.stdout, &out, &format!("search and grep: {asked:?}"));
    assert_eq!((stderr(&ours), ours.status.code()), (&*messages, Some(code)), "{asked:?}");
}

#[test]
fn counts_are_those_of_grep() {
    let (directory, names) = make_texts();
    let names: Vec<_> = names.into_iter().step_by(2).collect();
    for pattern in PATTERNS {
        for flags in ["c", "ci", "cF", "cFi"] {
            let asked = Asked::new(&format!("{flags}a"), pattern);
            is_as_grep(directory.path(), &["--chunk=4K"], &asked, &names);
        }
        // The settings change nothing about what matches.
        let asked = Asked::new("ca", pattern);
        is_as_grep(directory.path(), &["--policy=buffered"], &asked, &names);
    }
}

#[test]
fn lines_and_names_are_those_of_grep() {
    let (directory, names) = make_texts();
    let names: Vec<_> = names.into_iter().step_by(2).collect();
    for pattern in PATTERNS {
        for flags in ["na", "la", "a", "Fna"] {
            let asked = Asked::new(flags, pattern);
            is_as_grep(directory.path(), &["--chunk=4K", "--no-progress"], &asked, &names);
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
    let theirs = grep(directory.path(), &Asked::new("nF", "line"), &names).out;
    assert!(theirs.len() > 5 * 400_000);
    let ours = search(directory.path(), &[], &Asked::new("n", "line"), &names);
    assert!(ours.stdout == theirs);
    // In the order of completion files may change places, but lines don't.
    let ours = run("search", directory.path(), &["-n", "line", "."]);
    let mut lines: Vec<&str> = stdout(&ours).lines().map(|line| &line[2..]).collect();
    lines.sort_by_key(|line| line.as_bytes()[0]);
    assert!(lines == str::from_utf8(&theirs).unwrap().lines().collect::<Vec<_>>());
}
