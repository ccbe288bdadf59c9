//! How the example `search` finds lines in chunks: the same as one line after the other.

use std::io::Read;
use std::sync::Arc;

use crate::carry::Room;
use crate::grep::Asked;
use crate::paint::Paint;
use crate::pattern::{Extent, Pattern, Rules};
use crate::print::Layout;
use crate::query::{Context, Query, Wanted};
use crate::scan::Scan;
use crate::support::traffic::Random;
use crate::support::watched;
use crate::tally::Found;
use crate::zeros::{BinaryFiles, HEAD};

/// Expressions that see more than one line if they are shown more than one, or know where the text
/// begins and ends.
const PATTERNS: [&str; 35] = [
    "a",
    "b+",
    "^a",
    "a$",
    "^$",
    "$",
    "^",
    "",
    "^a*$",
    "\\s",
    "\\S",
    "a\\s+b",
    "a\\s*b",
    "\\s$",
    "^\\s",
    "[^a]",
    "[^a]b",
    "a[^b]*c",
    "(?s).",
    "(?s)a.b",
    "(?s)a.*c",
    "\\W",
    "\\b",
    "\\B",
    "a\\b",
    "\\Bb",
    "\\Aa",
    "b\\z",
    "\\A\\z",
    "(?-m)^a",
    "(?-m:b$)",
    "(?R)\\r$",
    "(?i)A|C",
    "(?-u)\\w\\s",
    "(?-u:\\xff)",
];

/// The most that is kept of a file.
pub(crate) const MAX: usize = 200;

/// The search that is asked for.
pub(crate) fn query(asked: &Asked, wanted: Wanted) -> Arc<Query> {
    let patterns: Vec<_> = asked.patterns.iter().map(Into::into).collect();
    let extent = match (asked.has('x'), asked.has('w')) {
        (true, _) => Extent::Line,
        (_, true) => Extent::Words,
        _ => Extent::Any,
    };
    let rules = Rules { fixed: asked.has('F'), ignore_case: asked.has('i'), extent };
    let (before, after) = (asked.before.unwrap_or(0), asked.after.unwrap_or(0));
    Arc::new(Query {
        pattern: Pattern::new(&patterns, rules).unwrap(),
        invert: asked.has('v'),
        max_count: asked.max_count.unwrap_or(usize::MAX),
        binary_files: match (asked.has('a'), asked.has('I')) {
            (true, _) => BinaryFiles::Text,
            (_, true) => BinaryFiles::Skipped,
            _ => BinaryFiles::Named,
        },
        wanted,
        layout: Layout {
            numbers: asked.has('n'),
            only_matches: asked.has('o'),
            paint: if asked.is_coloured { Paint::Coloured } else { Paint::Plain },
        },
        context: asked.has_groups().then_some(Context { before, after }),
        max_line: MAX,
        spool: 50,
    })
}

/// Begins a search that has more room than it needs.
fn begin(query: &Arc<Query>) -> Scan {
    Scan::begin(query, &Room::for_one(MAX), Some(b"label"))
}

pub(crate) fn finish(scan: Scan) -> Found {
    scan.finish().unwrap().found().expect("there was room")
}

/// What is found in the pieces of a text that have these lengths, and the lines that are printed.
fn found(query: &Arc<Query>, text: &[u8], mut len: impl FnMut() -> usize) -> (Found, Vec<u8>) {
    let mut scan = begin(query);
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, more) = rest.split_at(len().min(rest.len()));
        rest = more;
        if scan.chunk(chunk).is_break() {
            break;
        }
    }
    let mut found = finish(scan);
    let mut lines = Vec::new();
    found.lines.read_to_end(&mut lines).unwrap();
    (found, lines)
}

/// Options that look random.
fn options(pattern: &'static str, random: &mut Random) -> Asked {
    let mut asked = Asked::new("", pattern);
    for (flag, odds) in [('v', 4), ('n', 2), ('o', 4), ('w', 6), ('x', 8), ('i', 4)] {
        if random.index(odds) == 0 {
            asked.flags.push(flag);
        }
    }
    asked.flags.push_str(["", "", "a", "I"][random.index(4)]);
    asked.max_count = (random.index(4) == 0).then(|| 1 + random.index(4));
    asked.before = (random.index(2) == 0).then(|| random.index(4));
    asked.after = (random.index(2) == 0).then(|| random.index(4));
    asked.is_coloured = random.index(4) == 0;
    asked
}

#[test]
fn lines_are_found_wherever_chunks_end() {
    let mut random = Random::new(1);
    for pattern in PATTERNS {
        for _ in 0..10 {
            let asked = options(pattern, &mut random);
            let regex = asked.regex();
            let [lines, counts, whether] = [Wanted::Lines, Wanted::Counts, Wanted::Whether]
                .map(|wanted| query(&asked, wanted));
            for _ in 0..60 {
                let len = random.index(50);
                let bytes = [&b"aabc\n\n\n \r\xff"[..], b"aabc\n\n\n  \0"][random.index(2)];
                let text: Vec<u8> = (0..len).map(|_| bytes[random.index(10)]).collect();
                let expected = asked.file(&regex, Some(b"label"), &text);
                let case = format!("{asked:?} in {:?}", text.escape_ascii().to_string());
                let mut find = |query| found(query, &text, || 1 + random.index(20));
                let (ours, printed) = find(&lines);
                let is_found = expected.count > 0;
                assert_eq!(printed, expected.lines, "{case}");
                assert_eq!(
                    (ours.count > 0, ours.is_binary),
                    (is_found, expected.is_binary),
                    "{case}"
                );
                assert_eq!(find(&counts).0.count, expected.count, "{case}");
                assert_eq!(find(&whether).0.count > 0, is_found, "{case}");
            }
        }
    }
}

#[test]
fn lines_can_be_taken_when_they_are_there() {
    let mut asked = Asked::new("noa", "b+");
    (asked.before, asked.after) = (Some(1), Some(1));
    let mut scan = begin(&query(&asked, Wanted::Lines));
    let mut printed = Vec::new();
    for (chunk, expected) in [("a", ""), ("\nb\nb", "label:2:b\n"), ("b\na", "label:3:bb\n")] {
        assert!(scan.chunk(chunk.as_bytes()).is_continue());
        let (mut lines, has_lines) = scan.take_lines().unwrap();
        lines.read_to_end(&mut printed).unwrap();
        assert_eq!((str::from_utf8(&printed), has_lines), (Ok(expected), !expected.is_empty()));
        printed.clear();
    }
    let mut found = finish(scan);
    assert_eq!(found.lines.read_to_end(&mut printed).unwrap(), 0);
    assert!(found.has_lines);
}

#[test]
fn text_before_the_first_zero_is_printed_unless_that_comes_early() {
    // The zero comes after so many bytes.
    let text = |before: usize| {
        let last = if before.is_multiple_of(2) { "bb\na\0a\na\n" } else { "b\na\0a\na\n" };
        [&*b"a\n".repeat((before - 3) / 2), last.as_bytes()].concat()
    };
    let head = HEAD as usize;
    for (before, flags, printed, is_binary) in
        [(head - 1, "", 0, true), (head, "", head / 2 - 2, true), (head, "I", 0, false)]
    {
        assert_eq!(text(before)[before], 0);
        let query = query(&Asked::new(flags, "a"), Wanted::Lines);
        for len in [1, 1000, 4096, usize::MAX] {
            let (found, out) = found(&query, &text(before), || len);
            assert!(out == b"label:a\n".repeat(printed), "{before} {flags} {len}");
            assert_eq!(found.is_binary, is_binary, "{before} {flags} {len}");
        }
    }
    // No line after the zero matches, so there is nothing to say.
    let query = query(&Asked::new("", "b"), Wanted::Lines);
    let (found, out) = found(&query, &text(head + 1), || 1000);
    assert_eq!((out, found.is_binary), (b"label:b\n".to_vec(), false));
}

#[test]
fn the_first_match_is_enough_for_a_name() {
    let mut scan = begin(&query(&Asked::new("F", "b"), Wanted::Whether));
    assert!(scan.chunk(b"a\n").is_continue());
    assert!(scan.chunk(b"b").is_continue(), "the line has not come to its end");
    assert!(scan.chunk(b"\nc\n").is_break());
    assert_eq!(finish(scan).count, 1);
}

#[test]
fn the_rest_of_a_file_is_not_read_when_all_lines_are_there() {
    let mut asked = Asked::new("a", "a");
    (asked.max_count, asked.after) = (Some(2), Some(1));
    let mut scan = begin(&query(&asked, Wanted::Lines));
    assert!(scan.chunk(b"a\na\n").is_continue(), "a line after it is wanted");
    assert!(scan.chunk(b"b\n").is_break());
    let mut scan = begin(&query(&asked, Wanted::Counts));
    assert!(scan.chunk(b"a\na\n").is_break());
}

#[test]
fn expressions_across_lines_take_no_longer_than_lines() {
    // For each line that it begins in, the expression could look for its end up to that of the
    // text.
    let query = query(&Asked::new("", "a[^b]*c"), Wanted::Counts);
    let text = [&*b"a\n".repeat(1 << 20), b"c"].concat();
    let mut scan = begin(&query);
    let found = watched(move || {
        assert!(scan.chunk(&text).is_continue());
        finish(scan).count
    });
    assert_eq!(found, 0);
}
