//! What is searched for, and how the lines with matches are found among many at once.
//!
//! Starting a matcher for each line costs more than searching the line. So the matcher gets many
//! lines together, and only where it finds something, the ends of that line are looked up.
//!
//! The crate grep-regex makes matchers whose matches never lie across lines. Expressions that ask
//! for the beginning or the end of the text see a difference between one line and many: for those,
//! lines are searched one by one.

use std::ffi::OsString;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

use grep_matcher::{LineMatchKind, Matcher, NoError};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use memchr::{memchr, memrchr};

/// How much of a line a match has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    #[default]
    Any,
    /// Neither the character before it nor the one after it may be part of a word.
    Words,
    Line,
}

/// How patterns are meant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) fixed: bool,
    pub(crate) ignore_case: bool,
    pub(crate) extent: Extent,
}

#[derive(Debug)]
pub(crate) struct Pattern {
    matcher: RegexMatcher,
    /// Lines have to be searched one by one.
    by_line: bool,
}

impl Pattern {
    /// Matches where one of the patterns does. Each line of a pattern is one, as for grep.
    pub(crate) fn new(patterns: &[OsString], rules: Rules) -> Result<Self, String> {
        let mut expressions = Vec::new();
        for pattern in patterns.iter().flat_map(|it| it.as_bytes().split(|&byte| byte == b'\n')) {
            expressions.push(if rules.fixed { escaped(pattern) } else { expression(pattern)? });
        }
        let matcher = RegexMatcherBuilder::new()
            .multi_line(true)
            .line_terminator(Some(b'\n'))
            .case_insensitive(rules.ignore_case)
            .word(rules.extent == Extent::Words)
            .whole_line(rules.extent == Extent::Line)
            .build_many(&expressions)
            .map_err(|error| format!("the PATTERN is no regular expression: {error}"))?;
        let by_line = matcher.line_terminator().is_none()
            || expressions.iter().any(|expression| knows_line_ends(expression));
        Ok(Self { matcher, by_line })
    }

    /// The lines with matches, as ranges of `lines`. Newlines separate these, so there is one line
    /// more than there are newlines.
    pub(crate) fn hits<'a>(&'a self, lines: &'a [u8]) -> Hits<'a> {
        Hits { pattern: self, lines, at: 0 }
    }

    /// The matches in a line, but for those of nothing.
    pub(crate) fn matches<'a>(&'a self, line: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut at = 0;
        std::iter::from_fn(move || {
            while at < line.len() {
                let found = certain(self.matcher.find_at(line, at))?;
                at = found.end().max(found.start() + 1);
                if !found.is_empty() {
                    return Some(found.start()..found.end());
                }
            }
            None
        })
    }

    fn is_in(&self, line: &[u8]) -> bool {
        certain(self.matcher.is_match(line))
    }
}

/// The result of a matcher that can't fail.
fn certain<T>(result: Result<T, NoError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => unreachable!("{error}"),
    }
}

fn expression(pattern: &[u8]) -> Result<String, &'static str> {
    let text = str::from_utf8(pattern);
    text.map(str::to_owned).map_err(|_| "an expression has to be UTF-8 ((?-u:\\xNN) is a byte)")
}

/// An expression for these bytes.
fn escaped(bytes: &[u8]) -> String {
    let piece = |piece: std::str::Utf8Chunk<'_>| {
        let others = piece.invalid().iter().map(|byte| format!("(?-u:\\x{byte:02x})"));
        regex::escape(piece.valid()) + &others.collect::<String>()
    };
    bytes.utf8_chunks().map(piece).collect()
}

/// Whether the expression may have the flag by which `$` tells a line's end from `\r` before it.
/// True for some other expressions, too.
fn knows_line_ends(expression: &str) -> bool {
    expression.split("(?").skip(1).any(|group| {
        let flags = group.split(|c: char| !c.is_ascii_alphabetic() && c != '-').next();
        flags.is_some_and(|flags| flags.contains('R'))
    })
}

/// An iterator over the lines with matches.
pub(crate) struct Hits<'a> {
    pattern: &'a Pattern,
    lines: &'a [u8],
    /// Where the next line begins, or beyond the end if there is none.
    at: usize,
}

impl Hits<'_> {
    /// Where a match may be, no earlier than `at`, and whether it is one.
    fn candidate(&self) -> Option<(usize, bool)> {
        if self.pattern.by_line {
            return Some((self.at, false));
        }
        Some(match certain(self.pattern.matcher.find_candidate_line(&self.lines[self.at..]))? {
            LineMatchKind::Confirmed(offset) => (self.at + offset, true),
            LineMatchKind::Candidate(offset) => (self.at + offset, false),
        })
    }

    /// The line around an offset, no earlier than `at`. An offset at the line's end belongs to it.
    fn line_around(&self, offset: usize) -> Range<usize> {
        let begin =
            memrchr(b'\n', &self.lines[self.at..offset]).map_or(self.at, |n| self.at + n + 1);
        let end = memchr(b'\n', &self.lines[offset..]).map_or(self.lines.len(), |n| offset + n);
        begin..end
    }
}

impl Iterator for Hits<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while self.at <= self.lines.len() {
            let Some((offset, is_certain)) = self.candidate() else {
                self.at = self.lines.len() + 1;
                break;
            };
            let line = self.line_around(offset);
            self.at = line.end + 1;
            if is_certain || self.pattern.is_in(&self.lines[line.clone()]) {
                return Some(line);
            }
        }
        None
    }
}
