//! Names of files and reasons of failures, as the user gets to see them.

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::path::Path;

use blake3::Hash;
use reapool::{FileError, FileErrorKind, FileOperation};

/// A path on one line, as b3sum writes it, and whether that needed backslashes. If so, b3sum puts
/// another one at the front of the line.
pub(crate) fn escaped(path: &Path) -> (Cow<'_, str>, bool) {
    let text = path.to_string_lossy();
    if !text.contains(['\\', '\n', '\r']) {
        return (text, false);
    }
    let text = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    (text.into(), true)
}

/// The line of a file's checksum, as b3sum writes it.
pub(crate) fn checksum_line(path: &Path, hash: Hash) -> String {
    let (path, is_changed) = escaped(path);
    let mark = if is_changed { "\\" } else { "" };
    format!("{mark}{hash}  {path}\n")
}

/// The error at the bottom, which the others explain: for a line that has the path already.
pub(crate) fn innermost(error: &io::Error) -> &dyn Error {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

/// Why a file could not be read, or its target not be written.
pub(crate) fn reason(error: &FileError) -> String {
    match (error.kind(), error.operation) {
        (FileErrorKind::NotAFile, _) => "not a regular file".to_owned(),
        (FileErrorKind::Refused, _) => "a symbolic link has taken its place".to_owned(),
        // The message of the panic is on the standard error already.
        (FileErrorKind::Panicked, _) => "given up because of an internal error".to_owned(),
        (_, FileOperation::Read) => format!("read at offset {}: {}", error.offset, error.source),
        _ => error.source.to_string(),
    }
}
