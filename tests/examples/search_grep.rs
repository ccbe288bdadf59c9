//! The example `search` finds what grep finds.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::grep::Asked;
use crate::models::model;
use crate::program::{example, run, stderr, stdout};
use crate::random::Random;
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
fn grep(directory: &Path, asked: &Asked, names: &[OsString]) -> (Vec<u8>, i32) {
    let (out, code) = asked.all(read(directory, names).into_iter());
    if let Some(mut command) = model("grep") {
        command.args((!asked.has('F')).then_some("-E")).args(asked.options()).args(names);
        let theirs = command.env("LC_ALL", "C.UTF-8").current_dir(directory).output().unwrap();
        same(&theirs.stdout, &out, &format!("grep and what it is to print: {asked:?}"));
        assert_eq!(theirs.status.code(), Some(code), "{asked:?}");
    }
    (out, code)
}

/// Shows bytes that are not text, and which part differs.
fn same(left: &[u8], right: &[u8], case: &str) {
    if left != right {
        let begin = left.iter().zip(right).take_while(|(left, right)| left == right).count();
        let rest = |bytes: &[u8]| {
            let end = bytes.len().min(begin + 300);
            bytes[begin.saturating_sub(40).min(end)..end].escape_ascii().to_string()
        };
        panic!("{case}:\n{}\n{}", rest(left), rest(right));
    }
}

fn search(directory: &Path, options: &[&str], asked: &Asked, names: &[OsString]) -> Output {
    let mut command = example("search", directory);
    command.arg("--order=input").args(options).args(asked.options()).args(names).output().unwrap()
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

/// The program prints and answers what grep does.
fn is_as_grep(directory: &Path, options: &[&str], asked: &Asked, names: &[OsString]) {
    let (out, code) = grep(directory, asked, names);
    let ours = search(directory, options, asked, names);
    let prints = !asked.flags.contains(['c', 'l', 'L', 'q', 'a']);
    let (regex, mut messages) = (asked.regex(), String::new());
    for (name, text) in read(directory, names) {
        if prints && text.contains(&0) && asked.file(&regex, None, &text).is_binary {
            let name = String::from_utf8_lossy(name);
            messages.push_str(&format!("search: {name}: binary file matches\n"));
        }
    }
    same(&ours.stdout, &out, &format!("search and grep: {asked:?}"));
    assert_eq!((stderr(&ours), ours.status.code()), (&*messages, Some(code)), "{asked:?}");
}

#[test]
fn counts_are_those_of_grep() {
    let (directory, names) = make_texts();
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
    for pattern in PATTERNS {
        for flags in ["na", "la", "a", "Fna"] {
            let asked = Asked::new(flags, pattern);
            is_as_grep(directory.path(), &["--chunk=4K", "--no-progress"], &asked, &names);
        }
    }
}

/// Each option that both have, by itself and with others that it has to do with.
#[test]
fn options_mean_what_they_mean_to_grep() {
    let (directory, names) = make_texts();
    let names: Vec<_> = names.into_iter().step_by(5).collect();
    let flags = [
        "", "i", "w", "x", "wx", "v", "vw", "vx", "c", "cv", "l", "lv", "L", "Lv", "lc", "q", "qv",
        "ql", "o", "on", "ov", "oc", "n", "H", "h", "hn", "a", "I", "Ic", "IL", "cx", "F", "Fw",
        "Fx", "Fxi",
    ];
    for flags in flags {
        for pattern in ["needle", "e", "[^ ]a?"] {
            let asked = Asked::new(flags, pattern);
            is_as_grep(directory.path(), &["--chunk=4K"], &asked, &names);
            is_as_grep(directory.path(), &["--chunk=4K"], &asked, &names[2..3]);
        }
    }
    let mut asked = Asked::new("n", "needle");
    asked.patterns.extend(["ab\n-", "-b"]);
    is_as_grep(directory.path(), &[], &asked, &names);
}

/// The names of options that both have, and other ones for the same.
const LONG: [(&[&str], &[&str]); 20] = [
    (&["-e", "needle"], &["--regexp=needle"]),
    (&["-F", "-e."], &["--fixed-strings", "-e."]),
    (&["-e", "e{2}d"], &["--extended-regexp", "-ee{2}d"]),
    (&["-i", "-eneedle"], &["--ignore-case", "-eneedle"]),
    (&["-eneedle"], &["-i", "--no-ignore-case", "-eneedle"]),
    (&["-w", "-eneed"], &["--word-regexp", "-eneed"]),
    (&["-x", "-eneedle"], &["--line-regexp", "-eneedle"]),
    (&["-v", "-ee"], &["--invert-match", "-ee"]),
    (&["-c", "-ee"], &["--count", "-ee"]),
    (&["-l", "-ee"], &["-L", "--files-with-matches", "-ee"]),
    (&["-L", "-ee"], &["-l", "--files-without-match", "-ee"]),
    (&["-m1", "-ee"], &["--max-count=1", "-ee"]),
    (&["-o", "-ee"], &["--only-matching", "-ee"]),
    (&["-q", "-ee"], &["--silent", "--quiet", "-ee"]),
    (&["-n", "-ee"], &["--line-number", "-ee"]),
    (&["-H", "-ee"], &["-h", "--with-filename", "-ee"]),
    (&["-h", "-ee"], &["-H", "--no-filename", "-ee"]),
    (&["-A1", "-B1", "-eneedle"], &["--context=1", "-eneedle"]),
    (&["-A", "1", "-B", "2", "-ee"], &["--before-context=2", "--after-context=1", "-ee"]),
    (&["-a", "-s", "-ee"], &["-I", "--text", "--no-messages", "--recursive", "-ee"]),
];

#[test]
fn long_names_of_options_are_those_of_grep() {
    let (directory, names) = make_texts();
    let names: Vec<_> = names.into_iter().step_by(11).collect();
    for (short, long) in LONG {
        let run = |options: &[&str]| {
            let mut command = example("search", directory.path());
            let output = command.arg("--order=input").args(options).args(&names).output().unwrap();
            (output.stdout, output.status.code())
        };
        let ours = run(long);
        assert_ne!(ours.1, Some(2), "{long:?}");
        assert!(ours == run(short), "{short:?} and {long:?}");
        if let Some(mut command) = model("grep") {
            let names = names.iter();
            // It has no conflict with the one that it is by default.
            let default = (!long[0].starts_with("--fixed")).then_some("-E");
            let command = command.args(default).args(long).args(names).env("LC_ALL", "C.UTF-8");
            let theirs = command.current_dir(directory.path()).output().unwrap();
            same(&theirs.stdout, &ours.0, &format!("grep and search: {long:?}"));
            assert_eq!(theirs.status.code(), ours.1, "{long:?}");
        }
    }
}

#[test]
fn lines_around_are_those_of_grep() {
    let (directory, names) = make_texts();
    for (before, after, max_count) in [
        (None, Some(0), None),
        (Some(0), None, None),
        (Some(1), Some(1), None),
        (Some(3), None, Some(2)),
        (None, Some(2), Some(1)),
        (Some(10_000), Some(10_000), Some(1)),
    ] {
        for flags in ["a", "na", "oa", "va", "voa", "ca", "la", ""] {
            let asked = Asked { before, after, max_count, ..Asked::new(flags, "needle|^a|^   ") };
            is_as_grep(directory.path(), &["--chunk=4K"], &asked, &names);
        }
    }
    let asked = Asked { before: Some(2), after: Some(2), ..Asked::new("n", "needle") };
    let (out, _) = grep(directory.path(), &asked, &names);
    let long = ["--order=input", "-nC2", "needle"].map(OsString::from);
    let ours = example("search", directory.path()).args(long).args(&names).output().unwrap();
    same(&ours.stdout, &out, "-C is both");
    // Each of the others counts for more than -C.
    let asked = Asked { before: Some(1), after: Some(0), ..asked };
    same(
        &search(directory.path(), &["-C2"], &asked, &names).stdout,
        &grep(directory.path(), &asked, &names).0,
        "-B1 -A0 -C2",
    );
}

#[test]
fn colours_are_those_of_grep() {
    let (directory, names) = make_texts();
    for flags in ["", "n", "on", "v", "vn", "vo", "c", "l", "L"] {
        for context in [None, Some(1)] {
            let mut asked = Asked::new(flags, "needle|e");
            (asked.is_coloured, asked.before, asked.after) = (true, context, context);
            is_as_grep(directory.path(), &["--chunk=4K"], &asked, &names);
        }
    }
}

/// Pieces of texts in which these patterns find something.
const PIECES: [&str; 14] =
    ["a", "b", "ab", "A", "x", "_", " ", "\n", "\n", "\n\n", "é", "É", "b\n", "a b"];

const RANDOM_PATTERNS: [&str; 18] = [
    "a", "b+", "^a", "a$", "^$", "b|x", ".", "é", "[^a]b", "x*", "a.b", "\\w+", "\\W", "ab\\b",
    "(a|b)+", "^.?$", "É|_", "a b",
];

fn random_text(random: &mut Random) -> Vec<u8> {
    let mut text = String::new();
    // So that lines cross the borders of chunks.
    match random.below(4) {
        0 => text.push_str(&"-".repeat(4080 + random.below(20))),
        1 => text.push_str(&"-\n".repeat(2030 + random.below(20))),
        2 => text.push_str(&"b a\nx\n".repeat(680 + random.below(4))),
        _ => {}
    }
    (0..random.below(60)).for_each(|_| text.push_str(PIECES[random.below(PIECES.len())]));
    let mut text = text.into_bytes();
    if random.below(6) == 0 {
        let at = random.below(text.len() + 1);
        text.splice(at..at, [0; 2]);
    }
    text
}

fn random_search(random: &mut Random) -> Asked {
    let mut asked = Asked::new("", RANDOM_PATTERNS[random.below(RANDOM_PATTERNS.len())]);
    let flags = [
        ('F', 6),
        ('i', 3),
        ('w', 5),
        ('x', 7),
        ('v', 4),
        ('c', 8),
        ('l', 10),
        ('q', 20),
        ('o', 4),
        ('n', 2),
        ('a', 2),
    ];
    for (flag, odds) in flags {
        if random.below(odds) == 0 {
            asked.flags.push(flag);
        }
    }
    if asked.has('x') {
        // grep 3.8 prints empty lines too many for -w -x -o.
        asked.flags.retain(|flag| flag != 'w');
    }
    asked.max_count = (random.below(4) == 0).then(|| 1 + random.below(4));
    asked.before = (random.below(2) == 0).then(|| random.below(5));
    asked.after = (random.below(2) == 0).then(|| random.below(5));
    asked.is_coloured = random.below(5) == 0;
    // Where several match, grep takes the longest.
    if !asked.is_coloured && !asked.has('o') && random.below(3) == 0 {
        asked.patterns.push(RANDOM_PATTERNS[random.below(RANDOM_PATTERNS.len())]);
    }
    asked
}

#[test]
fn random_searches_find_what_grep_finds() {
    let mut random = Random(7);
    for _ in 0..40 {
        let directory = scratch();
        let names: Vec<OsString> =
            (0..1 + random.below(4)).map(|it| format!("{it}").into()).collect();
        for name in &names {
            fs::write(directory.path().join(name), random_text(&mut random)).unwrap();
        }
        for _ in 0..6 {
            let asked = random_search(&mut random);
            is_as_grep(directory.path(), &["--chunk=4K"], &asked, &names);
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
    let (theirs, _) = grep(directory.path(), &Asked::new("nF", "line"), &names);
    assert!(theirs.len() > 5 * 400_000);
    let ours = search(directory.path(), &[], &Asked::new("n", "line"), &names);
    assert!(ours.stdout == theirs);
    // In the order of completion files may change places, but lines don't.
    let ours = run("search", directory.path(), &["-n", "line", "."]);
    let mut lines: Vec<&str> = stdout(&ours).lines().map(|line| &line[2..]).collect();
    lines.sort_by_key(|line| line.as_bytes()[0]);
    assert!(lines == str::from_utf8(&theirs).unwrap().lines().collect::<Vec<_>>());
}
