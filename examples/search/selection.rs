//! The lines that are selected: those with a match, or with `--invert-match` the others.

use std::ops::Range;

use memchr::memchr;

use crate::pattern::{Hits, Pattern};

/// An iterator over them, as ranges of the lines that are searched.
pub(crate) struct Selected<'a> {
    hits: Hits<'a>,
    others: Option<Others<'a>>,
}

/// The lines between those with a match.
struct Others<'a> {
    lines: &'a [u8],
    /// Where the next line begins, or beyond the end if there is none.
    at: usize,
    next_hit: Option<Range<usize>>,
}

impl<'a> Selected<'a> {
    /// Of lines that newlines separate.
    pub(crate) fn new(pattern: &'a Pattern, invert: bool, lines: &'a [u8]) -> Self {
        let mut hits = pattern.hits(lines);
        let others = invert.then(|| Others { lines, at: 0, next_hit: hits.next() });
        Self { hits, others }
    }
}

impl Iterator for Selected<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let Some(others) = &mut self.others else { return self.hits.next() };
        while let Some(hit) = others.next_hit.take_if(|hit| hit.start == others.at) {
            others.at = hit.end + 1;
            others.next_hit = self.hits.next();
        }
        let rest = others.lines.get(others.at..)?;
        let end = others.at + memchr(b'\n', rest).unwrap_or(rest.len());
        let begin = std::mem::replace(&mut others.at, end + 1);
        Some(begin..end)
    }
}
