//! The line of a file: what the main thread waits for, and how it is written.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::Arc;

use blake3::Hash;
use crossbeam_channel::Receiver;

/// A line to come. If a panic drops the sender of its outcome, the receiver hears of that.
pub(crate) struct Line {
    pub(crate) path: Arc<Path>,
    pub(crate) outcome: Receiver<Outcome>,
}

/// What became of a file.
pub(crate) struct Outcome {
    pub(crate) result: Result<Hash, Failure>,
    /// What the kernel said to `O_DIRECT`, if the file was read through the page cache for that.
    pub(crate) refusal: Option<io::Error>,
}

pub(crate) enum Failure {
    Io(io::Error),
    NotRegular,
    Stopped,
}

/// Appends the line of a file as b3sum writes it.
pub(crate) fn append(lines: &mut String, path: &Path, hash: Hash) {
    let (path, is_changed) = escaped(path);
    let mark = if is_changed { "\\" } else { "" };
    // Writing to a string does not fail.
    let _ = writeln!(lines, "{mark}{}  {path}", hash.to_hex());
}

/// A path as b3sum writes it, and whether that needed backslashes, which b3sum marks with another
/// at the front of the line.
pub(crate) fn escaped(path: &Path) -> (Cow<'_, str>, bool) {
    let text = path.to_string_lossy();
    if !text.contains(['\\', '\n', '\r']) {
        return (text, false);
    }
    let text = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    (text.into(), true)
}

impl From<Result<Hash, Failure>> for Outcome {
    fn from(result: Result<Hash, Failure>) -> Self {
        Self { result, refusal: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
