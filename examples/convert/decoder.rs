//! Data out of compressed files: pulled from a source that is converted, and pushed from a target
//! that is read back.

use std::io::{self, BufRead, Read, Write};

use blake3::{Hash, Hasher};
use flate2::bufread;
use flate2::write;
use reapool::SourceFile;
use zstd::stream::read::Decoder as ZstdReader;
use zstd::stream::write::Decoder as ZstdWriter;

use crate::rule::Format;

/// How much is decompressed at once.
const PIECE: usize = 64 << 10;

/// Gives all of a file's data to a function, piece by piece. `None`: the file is not compressed.
pub(crate) fn decode(
    source: &mut SourceFile,
    format: Option<Format>,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let Some(format) = format else {
        loop {
            let piece = source.fill_buf()?;
            if piece.is_empty() {
                return Ok(());
            }
            take(piece)?;
            let len = piece.len();
            source.consume(len);
        }
    };
    let failed = |error| failed(format, error);
    let mut reader: Box<dyn Read> = match format {
        Format::Gzip => Box::new(bufread::MultiGzDecoder::new(source)),
        Format::Zstd => Box::new(ZstdReader::with_buffer(source)?),
    };
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece).map_err(failed)? {
            0 => return Ok(()),
            len => take(&piece[..len])?,
        }
    }
}

/// Computes the checksum of the data that is in a file.
pub(crate) enum Check {
    Plain(Box<Hasher>),
    Gzip(Box<write::MultiGzDecoder<Hasher>>),
    Zstd(Box<ZstdWriter<'static, Hasher>>),
}

impl Check {
    pub(crate) fn new(format: Option<Format>) -> io::Result<Self> {
        let hasher = Hasher::new();
        Ok(match format {
            None => Self::Plain(Box::new(hasher)),
            Some(Format::Gzip) => Self::Gzip(Box::new(write::MultiGzDecoder::new(hasher))),
            Some(Format::Zstd) => Self::Zstd(Box::new(ZstdWriter::new(hasher)?)),
        })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(hasher) => hasher.write_all(bytes),
            Self::Gzip(decoder) => {
                decoder.write_all(bytes).map_err(|error| failed(Format::Gzip, error))
            }
            Self::Zstd(decoder) => {
                decoder.write_all(bytes).map_err(|error| failed(Format::Zstd, error))
            }
        }
    }

    /// Fails if the data has not come to its end.
    pub(crate) fn finish(self) -> io::Result<Hash> {
        let hasher = match self {
            Self::Plain(hasher) => *hasher,
            Self::Gzip(decoder) => decoder.finish().map_err(|error| failed(Format::Gzip, error))?,
            Self::Zstd(decoder) => decoder.finish().map_err(|error| failed(Format::Zstd, error))?,
        };
        Ok(hasher.finalize())
    }
}

fn failed(format: Format, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("decoding {}: {error}", format.name()))
}
