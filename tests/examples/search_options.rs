//! The options of the example `search` mean what they mean to grep.

use std::ffi::OsString;

use crate::grep::Asked;
use crate::program::example;
use crate::search_grep::{grep, grep_agrees, is_as_grep, make_texts, same, search};

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
        let case = format!("grep and search: {long:?}");
        grep_agrees(directory.path(), long, &names, (&ours.0, ours.1), &case);
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
    let out = grep(directory.path(), &asked, &names).out;
    let long = ["--order=input", "-nC2", "needle"].map(OsString::from);
    let ours = example("search", directory.path()).args(long).args(&names).output().unwrap();
    same(&ours.stdout, &out, "-C is both");
    // Each of the others counts for more than -C.
    let asked = Asked { before: Some(1), after: Some(0), ..asked };
    same(
        &search(directory.path(), &["-C2"], &asked, &names).stdout,
        &grep(directory.path(), &asked, &names).out,
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
