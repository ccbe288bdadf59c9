//! How the example `search` finds lines in chunks: the same as one line after the other.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use regex::bytes::RegexBuilder;

use crate::carry::Room;
use crate::pattern::Pattern;
use crate::scan::{Found, Outcome, Query, Scan, Wanted};
use crate::support::watched;

/// Expressions that see more than one line if they are shown more than one, or know where the text
/// begins and ends.
const PATTERNS: [&str; 34] = [
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
    "(?u)\\w\\s",
];

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end as u64) as usize
    }
}

/// The lines that match by themselves, each with its number.
fn expected(pattern: &str, text: &[u8]) -> Vec<u8> {
    let regex = RegexBuilder::new(pattern).unicode(false).multi_line(true).build().unwrap();
    let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let mut printed = Vec::new();
    for (number, line) in (1..).zip(lines).filter(|(_, line)| regex.is_match(line)) {
        printed.extend([format!("label:{number}:").as_bytes(), line, b"\n"].concat());
    }
    printed
}

/// Begins a search that has more room than it needs.
fn begin(query: &Arc<Query>, label: &str) -> Scan {
    Scan::begin(query, &Room::for_one(1000), Path::new(label))
}

fn finish(scan: Scan) -> Found {
    match scan.finish().unwrap() {
        Outcome::Found(found) => found,
        Outcome::Later => panic!("there was room"),
    }
}

/// The same by the program, which gets the text in pieces.
fn found(query: &Arc<Query>, text: &[u8], random: &mut Random) -> (u64, Vec<u8>) {
    let mut scan = begin(query, "label");
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, more) = rest.split_at(1 + random.below(rest.len().min(20)));
        rest = more;
        if scan.chunk(chunk).is_break() {
            break;
        }
    }
    let mut found = finish(scan);
    let mut lines = Vec::new();
    found.lines.read_to_end(&mut lines).unwrap();
    (found.count, lines)
}

#[test]
fn lines_are_found_wherever_chunks_end() {
    let mut random = Random(1);
    for pattern in PATTERNS {
        let query = |wanted| {
            let pattern = Pattern::new(OsStr::new(pattern), false, false).unwrap();
            Arc::new(Query { pattern, wanted, max_line: 100, spool: 50 })
        };
        let lines = query(Wanted::Lines { numbers: true });
        let (counts, names) = (query(Wanted::Counts), query(Wanted::Names));
        for _ in 0..400 {
            let len = random.below(30);
            let text: Vec<u8> = (0..len).map(|_| b"aabc\n\n\n \r\xff"[random.below(10)]).collect();
            let expected = expected(pattern, &text);
            let count = expected.iter().filter(|&&byte| byte == b'\n').count() as u64;
            let case = format!("{pattern:?} in {:?}", text.escape_ascii().to_string());
            assert_eq!(found(&lines, &text, &mut random), (count, expected), "{case}");
            assert_eq!(found(&counts, &text, &mut random), (count, Vec::new()), "{case}");
            assert_eq!(found(&names, &text, &mut random).0, count.min(1), "{case}");
        }
    }
}

#[test]
fn the_first_match_is_enough_for_a_name() {
    let pattern = Pattern::new(OsStr::new("b"), true, false).unwrap();
    let query = Arc::new(Query { pattern, wanted: Wanted::Names, max_line: 100, spool: 50 });
    let mut scan = begin(&query, "");
    assert!(scan.chunk(b"a\n").is_continue());
    assert!(scan.chunk(b"b").is_continue(), "the line has not come to its end");
    assert!(scan.chunk(b"\nc\n").is_break());
    assert_eq!(finish(scan).count, 1);
}

#[test]
fn expressions_across_lines_take_no_longer_than_lines() {
    // For each line that it begins in, the expression looks for its end up to that of the text.
    let query = |pattern: &str| {
        let pattern = Pattern::new(OsStr::new(pattern), false, false).unwrap();
        Arc::new(Query { pattern, wanted: Wanted::Counts, max_line: 100, spool: 50 })
    };
    let text = [&*b"a\n".repeat(1 << 20), b"c"].concat();
    let mut scan = begin(&query("a[^b]*c"), "");
    let found = watched(move || {
        assert!(scan.chunk(&text).is_continue());
        finish(scan).count
    });
    assert_eq!(found, 0);
}

#[test]
fn a_line_without_room_is_searched_later_and_gives_back_what_it_had() {
    let pattern = Pattern::new(OsStr::new("b"), true, false).unwrap();
    let query = Arc::new(Query { pattern, wanted: Wanted::Counts, max_line: 100, spool: 50 });
    let room = Room::new(50);
    let begin = || Scan::begin(&query, &room, Path::new(""));
    let (mut first, mut second) = (begin(), begin());
    assert!(first.chunk(&[b'b'; 30]).is_continue());
    assert!(second.chunk(&[b'b'; 30]).is_break(), "there are 20 bytes left");
    assert!(matches!(second.finish().unwrap(), Outcome::Later));
    // At the end of the line its room is free again, and while it is printed it isn't.
    assert!(first.chunk(&[b'b'; 20]).is_continue());
    assert!(begin().chunk(b"b").is_break());
    assert!(first.chunk(b"\n").is_continue());
    let mut third = begin();
    assert!(third.chunk(&[b'b'; 50]).is_continue());
    assert_eq!((finish(first).count, finish(third).count), (1, 1));
    // A line that is too long is no matter of room.
    let mut fourth = begin();
    assert!(fourth.chunk(&[b'b'; 101]).is_break());
    assert!(fourth.finish().is_err());
}
