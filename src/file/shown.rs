//! Names as messages show them: on one line, and without commands to a terminal.

use std::fmt::{self, Write};
use std::path::Path;

/// A path for people to read. Bytes that are no text are replaced, as by [`Path::display`].
/// Characters that command a terminal, end a line, or change the direction of text are escaped.
pub(crate) struct Shown<'a>(pub(crate) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string_lossy().chars() {
            if is_harmless(character) {
                f.write_char(character)?;
            } else {
                write!(f, "{}", character.escape_default())?;
            }
        }
        Ok(())
    }
}

/// Whether it is neither a control character nor one that sets the direction of text or ends a line
/// (`Bidi_Control` of Unicode, U+2028 and U+2029).
fn is_harmless(character: char) -> bool {
    !(character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        ))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use super::Shown;

    #[test]
    fn a_name_is_one_line_of_text() {
        for (name, expected) in [
            (&b"a file, \"quoted\" \\ 'so'"[..], "a file, \"quoted\" \\ 'so'"),
            ("Grüße, e\u{301}, 日本".as_bytes(), "Grüße, e\u{301}, 日本"),
            (b"two\nlines\r", "two\\nlines\\r"),
            (b"\x1b]0;title\x07\x1b[2J\x7f", "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{7f}"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("exe.\u{202e}txt".as_bytes(), "exe.\\u{202e}txt"),
            (b"\xff\x9b31m", "\u{fffd}\u{fffd}31m"),
            (b"", ""),
        ] {
            assert_eq!(Shown(Path::new(OsStr::from_bytes(name))).to_string(), expected);
        }
    }
}
