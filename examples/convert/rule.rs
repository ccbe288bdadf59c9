//! Which files are converted, from what to what: the suffixes of their names decide.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::ValueEnum;

/// A format of compressed files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Gzip,
    Zstd,
}

/// What is taken for the contents of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// What the suffix of each says.
    Auto,
    /// They are not compressed.
    Plain,
    Compressed(Format),
}

/// From what to what files are converted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) from: From,
    /// `None`: they are decompressed.
    pub(crate) to: Option<Format>,
}

/// What becomes of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is converted, and the result has this name.
    Take(OsString),
    LeaveOut(Reason),
}

/// Why a file is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its suffix is that of a compressed file.
    Compressed,
    /// Its suffix is none of those that are wanted.
    Suffix,
    /// It has the name of a file that another run has not finished.
    Temporary,
    Link,
    /// A pipe, a socket or a device.
    Special,
}

/// Suffixes of the formats, each with what is in its place after decompression.
const SUFFIXES: [(&str, Format, &str); 4] = [
    ("gz", Format::Gzip, ""),
    ("tgz", Format::Gzip, ".tar"),
    ("zst", Format::Zstd, ""),
    ("tzst", Format::Zstd, ".tar"),
];

/// Suffixes of compressed files that can't be read here.
const OTHERS: [&str; 12] =
    ["7z", "br", "bz2", "lz", "lz4", "lzma", "rar", "tbz2", "txz", "xz", "z", "zip"];

/// What a name says of a file.
enum Contents {
    Plain,
    Compressed(Format, OsString),
    /// Compressed in another way.
    Other,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// The format of a file with this name, if it is one of those here.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        match Contents::of(path) {
            Contents::Compressed(format, _) => Some(format),
            _ => None,
        }
    }
}

impl Contents {
    fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default();
        // A name that begins with its only dot has no suffix.
        let (Some(stem), Some(suffix)) = (path.file_stem(), path.extension()) else {
            return Self::Plain;
        };
        let is = |other: &str| suffix.eq_ignore_ascii_case(other);
        match SUFFIXES.iter().find(|(suffix, ..)| is(suffix)) {
            Some((_, format, rest)) => Self::Compressed(*format, joined(stem, rest)),
            None if OTHERS.iter().any(|other| is(other)) && stem != name => Self::Other,
            None => Self::Plain,
        }
    }
}

impl Rule {
    /// What becomes of the file with this name.
    pub(crate) fn decide(self, path: &Path) -> Decision {
        let name = path.file_name().unwrap_or_default();
        if is_temporary(name) {
            return Decision::LeaveOut(Reason::Temporary);
        }
        let to = self.to.map_or("", Format::suffix);
        match (Contents::of(path), self.from) {
            (Contents::Plain, From::Auto | From::Plain) if self.to.is_some() => {
                Decision::Take(joined(name, to))
            }
            (Contents::Compressed(format, plain), From::Auto) if self.to != Some(format) => {
                Decision::Take(joined(&plain, to))
            }
            (Contents::Compressed(format, plain), From::Compressed(wanted)) if format == wanted => {
                Decision::Take(joined(&plain, to))
            }
            (Contents::Plain, _) | (_, From::Compressed(_)) => Decision::LeaveOut(Reason::Suffix),
            _ if self.to.is_none() => Decision::LeaveOut(Reason::Suffix),
            _ => Decision::LeaveOut(Reason::Compressed),
        }
    }

    /// The targets can be the sources themselves.
    pub(crate) fn is_in_place(self) -> bool {
        matches!((self.from, self.to), (From::Compressed(from), Some(to)) if from == to)
    }
}

impl Reason {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Compressed => "its suffix says that it is compressed already",
            Self::Suffix => "its suffix is none of those that are taken",
            Self::Temporary => "its name is that of an unfinished file",
            Self::Link => "a symbolic link",
            Self::Special => "neither file nor directory",
        }
    }
}

fn joined(name: &OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}

/// Whether it is a name that the library gives to files that are not finished,
/// `.NAME.RANDOM.tmp`. Only a process that was killed leaves such files.
fn is_temporary(name: &OsStr) -> bool {
    let Some(rest) = name.as_bytes().strip_suffix(b".tmp") else { return false };
    let Some((rest, random)) = rest.split_last_chunk::<16>() else { return false };
    rest.starts_with(b".") && rest.ends_with(b".") && random.iter().all(u8::is_ascii_hexdigit)
}
