//! The end of the text that has been searched of a file: the last lines that have not been printed,
//! as many as `--before-context` asks for, and the line whose end has not come yet.

use std::sync::Arc;

use memchr::{memchr_iter, memrchr_iter};

use crate::carry::{Carry, NotCarried, Room};

pub(crate) struct Kept {
    carry: Carry,
    /// Where the unfinished line begins. Each line before it ends with a newline.
    begin: usize,
    /// How many lines before it are wanted.
    wanted: usize,
    /// Lines that came after the last printed one, and before those here, have been left out.
    has_gap: bool,
}

/// The lines before others that have not been printed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Before<'a> {
    /// Each ends with a newline.
    pub(crate) lines: &'a [u8],
    /// Some before these have been left out.
    pub(crate) has_gap: bool,
}

/// What is kept, with a line that has come to its end.
pub(crate) struct Finished {
    kept: Kept,
}

impl Finished {
    pub(crate) fn before(&self) -> Before<'_> {
        self.kept.before()
    }

    pub(crate) fn line(&self) -> &[u8] {
        &self.kept.carry.bytes()[self.kept.begin..]
    }
}

impl Kept {
    pub(crate) fn new(room: &Arc<Room>, max: usize, wanted: usize) -> Self {
        Self { carry: Carry::new(room, max), begin: 0, wanted, has_gap: false }
    }

    /// Whether a line waits for its end.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.begin < self.carry.bytes().len()
    }

    /// What is before the unfinished line.
    pub(crate) fn before(&self) -> Before<'_> {
        Before { lines: &self.carry.bytes()[..self.begin], has_gap: self.has_gap }
    }

    /// Adds to the unfinished line.
    pub(crate) fn extend(&mut self, bytes: &[u8]) -> Result<(), NotCarried> {
        self.carry.extend(bytes)
    }

    /// Takes all out, with the line that has come to its end.
    pub(crate) fn finish_line(&mut self) -> Finished {
        let carry = self.carry.take();
        let begin = std::mem::take(&mut self.begin);
        let has_gap = std::mem::take(&mut self.has_gap);
        Finished { kept: Self { carry, begin, wanted: self.wanted, has_gap } }
    }

    /// Puts back what was taken out. The line has not been printed.
    pub(crate) fn put_back(&mut self, finished: Finished) -> Result<(), NotCarried> {
        *self = finished.kept;
        if self.wanted > 0 {
            self.carry.extend(b"\n")?;
            self.begin = self.carry.bytes().len();
            self.leave(self.wanted);
        } else {
            drop(self.carry.take());
            self.has_gap = true;
        }
        Ok(())
    }

    /// Adds lines that have not been printed, each with its newline, while no line is unfinished.
    pub(crate) fn add(&mut self, lines: &[u8]) -> Result<(), NotCarried> {
        let added = last(lines, self.wanted);
        self.leave(self.wanted - memchr_iter(b'\n', added).count());
        self.has_gap |= added.len() < lines.len();
        self.carry.extend(added)?;
        self.begin = self.carry.bytes().len();
        Ok(())
    }

    /// Forgets what is before the unfinished line: it has been printed, or never will be.
    pub(crate) fn forget(&mut self) {
        self.leave(0);
        self.has_gap = false;
    }

    /// Leaves so many lines before the unfinished one.
    fn leave(&mut self, lines: usize) {
        let surplus = self.begin - last(self.before().lines, lines).len();
        self.has_gap |= surplus > 0;
        if surplus == self.carry.bytes().len() {
            // Its room goes back.
            drop(self.carry.take());
        } else {
            self.carry.remove(surplus);
        }
        self.begin -= surplus;
    }
}

/// The last lines of a text of which each line ends with a newline.
pub(crate) fn last(text: &[u8], lines: usize) -> &[u8] {
    let Some(lines) = lines.checked_sub(1) else { return &[] };
    let Some(before_end) = text.len().checked_sub(1) else { return &[] };
    let begin = memrchr_iter(b'\n', &text[..before_end]).nth(lines);
    &text[begin.map_or(0, |newline| newline + 1)..]
}
