//! The colours of what is printed: those that grep has by default.

/// The parts of the output that have a colour.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Path,
    /// Between the parts of a line, and between groups of lines.
    Separator,
    Number,
    Match,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Coloured,
}

impl Paint {
    /// The text as it is to be printed.
    pub(crate) fn paint(self, part: Part, text: &[u8]) -> Vec<u8> {
        let (before, after) = self.around(part);
        [before, text, after].concat()
    }

    /// What comes before a part, and after it.
    pub(crate) fn around(self, part: Part) -> (&'static [u8], &'static [u8]) {
        // `ESC [ K` clears the rest of the line, in case that the terminal scrolled with a colour.
        match (self, part) {
            (Self::Plain, _) => (b"", b""),
            (Self::Coloured, Part::Path) => (b"\x1b[35m\x1b[K", b"\x1b[m\x1b[K"),
            (Self::Coloured, Part::Separator) => (b"\x1b[36m\x1b[K", b"\x1b[m\x1b[K"),
            (Self::Coloured, Part::Number) => (b"\x1b[32m\x1b[K", b"\x1b[m\x1b[K"),
            (Self::Coloured, Part::Match) => (b"\x1b[01;31m\x1b[K", b"\x1b[m\x1b[K"),
        }
    }
}
