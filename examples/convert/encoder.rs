//! Data into compressed files.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use reapool::TargetFile;

use crate::rule::Format;

/// How data is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encoding {
    /// As it is.
    Plain,
    /// In a format, with a level of compression.
    Compressed(Format, u32),
}

/// Writes data into a target.
pub(crate) enum Encoder<'a> {
    Plain(&'a mut TargetFile),
    Gzip(Box<GzEncoder<&'a mut TargetFile>>),
    Zstd(Box<zstd::Encoder<'static, &'a mut TargetFile>>),
}

/// What is known of data ahead.
pub(crate) struct Origin<'a> {
    /// When the file that it is from was changed.
    pub(crate) modified: SystemTime,
    /// The name of that file, if it is the data's own.
    pub(crate) name: Option<&'a OsStr>,
    /// How many bytes there will be, and no other number.
    pub(crate) len: Option<u64>,
}

impl Format {
    /// The levels, from the lowest to the highest, and the usual one: those of gzip and zstd.
    pub(crate) fn levels(self) -> (u32, u32, u32) {
        match self {
            Self::Gzip => (1, 9, 6),
            Self::Zstd => (1, 19, 3),
        }
    }
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(
        target: &'a mut TargetFile,
        encoding: Encoding,
        origin: &Origin<'_>,
    ) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Plain => Self::Plain(target),
            Encoding::Compressed(Format::Gzip, level) => {
                // As gzip does: `gzip -N` restores them.
                let mut header = GzBuilder::new().mtime(seconds(origin.modified));
                if let Some(name) = origin.name {
                    header = header.filename(name.as_bytes());
                }
                Self::Gzip(Box::new(header.write(target, Compression::new(level))))
            }
            Encoding::Compressed(Format::Zstd, level) => {
                let mut encoder = zstd::Encoder::new(target, level.cast_signed())?;
                encoder.include_checksum(true)?;
                // Small files take less memory then, and the size is in the header.
                encoder.set_pledged_src_size(origin.len)?;
                Self::Zstd(Box::new(encoder))
            }
        })
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(target) => target.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(encoder) => encoder.finish().map(drop),
            Self::Zstd(encoder) => encoder.finish().map(drop),
        }
    }
}

/// 0, which says nothing, if the header has no room for it.
fn seconds(time: SystemTime) -> u32 {
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    u32::try_from(since).unwrap_or(0)
}
