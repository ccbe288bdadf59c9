//! The pattern, and how it is found in many lines at once.
//!
//! Starting a matcher for each line costs more than searching the line. So the matcher gets many
//! lines together, and only where it finds something, the ends of that line are looked up.
//!
//! A find may lie across lines, as `a\sb` does in "a\nb". Then it is no match, but the line where
//! it begins may match by itself. No line is missed, for this reason: if a match begins somewhere
//! when a line is searched by itself, a match begins there, too, when the line is searched among
//! others. That holds for all expressions but those that ask for the beginning or the end of the
//! text. For those, lines are searched one by one.

use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use regex::bytes::{Regex, RegexBuilder};

#[derive(Debug)]
pub(crate) struct Pattern {
    matcher: Matcher,
    /// Lines have to be searched one by one.
    by_line: bool,
}

#[derive(Debug)]
enum Matcher {
    Fixed(Box<Finder<'static>>),
    Regex(Regex),
}

impl Pattern {
    pub(crate) fn new(pattern: &OsStr, fixed: bool, ignore_case: bool) -> Result<Self, String> {
        if pattern.as_bytes().contains(&b'\n') {
            return Err("a PATTERN of several lines never matches".to_owned());
        }
        if fixed && !ignore_case {
            let finder = Box::new(Finder::new(pattern.as_bytes()).into_owned());
            return Ok(Self { matcher: Matcher::Fixed(finder), by_line: false });
        }
        let text =
            if fixed { escaped(pattern.as_bytes()) } else { expression(pattern)?.to_owned() };
        let regex = RegexBuilder::new(&text)
            .unicode(false)
            .multi_line(true)
            .case_insensitive(ignore_case)
            .build()
            .map_err(|error| format!("the PATTERN is no regular expression: {error}"))?;
        Ok(Self { matcher: Matcher::Regex(regex), by_line: !fixed && knows_text_ends(&text) })
    }

    /// The lines that match, as ranges of `lines`. Newlines separate these, so there is one line
    /// more than there are newlines.
    pub(crate) fn hits<'a>(&'a self, lines: &'a [u8]) -> Hits<'a> {
        Hits { pattern: self, lines, at: 0, by_line: self.by_line }
    }

    fn find_at(&self, lines: &[u8], at: usize) -> Option<Range<usize>> {
        match &self.matcher {
            Matcher::Fixed(finder) => {
                let begin = at + finder.find(&lines[at..])?;
                Some(begin..begin + finder.needle().len())
            }
            Matcher::Regex(regex) => Some(regex.find_at(lines, at)?.range()),
        }
    }

    fn matches(&self, line: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Fixed(finder) => finder.find(line).is_some(),
            Matcher::Regex(regex) => regex.is_match(line),
        }
    }
}

fn expression(pattern: &OsStr) -> Result<&str, &'static str> {
    pattern.to_str().ok_or("an expression has to be UTF-8 (\\xNN stands for a byte)")
}

/// An expression for these bytes.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// Whether the expression may tell the ends of a line from those of the text: by `\A`, `\z`, or
/// flags that change the meaning of `^` and `$`. True for some other expressions, too.
fn knows_text_ends(expression: &str) -> bool {
    let flags = expression.split("(?").skip(1).any(|group| {
        let flags = group.split(|c: char| !c.is_ascii_alphabetic() && c != '-').next();
        flags.is_some_and(|flags| flags.contains(['m', 'R']))
    });
    flags || expression.contains("\\A") || expression.contains("\\z")
}

/// An iterator over the lines that match.
pub(crate) struct Hits<'a> {
    pattern: &'a Pattern,
    lines: &'a [u8],
    /// Where the next line begins, or beyond the end if there is none.
    at: usize,
    by_line: bool,
}

impl Hits<'_> {
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
            let (line, found) = if self.by_line {
                (self.line_around(self.at), None)
            } else {
                let Some(found) = self.pattern.find_at(self.lines, self.at) else {
                    self.at = self.lines.len() + 1;
                    return None;
                };
                (self.line_around(found.start), Some(found))
            };
            self.at = line.end + 1;
            if found.is_some_and(|found| found.end <= line.end) {
                return Some(line);
            }
            // An expression that runs across lines here may do so in every line, and each time as
            // far as the last line. The time would grow with the square of the length.
            self.by_line = true;
            if self.pattern.matches(&self.lines[line.clone()]) {
                return Some(line);
            }
        }
        None
    }
}
