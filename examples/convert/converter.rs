//! Makes the contents of one target out of one source.

use std::ffi::OsStr;
use std::io;

use blake3::{Hash, Hasher};
use reapool::{FileHandle, Metadata, SourceFile, TargetFile};

use crate::decoder::decode;
use crate::encoder::{Encoder, Encoding, Origin};
use crate::rule::Format;
use crate::shared::interrupt::Interrupt;

/// How all files are converted.
pub(crate) struct Converter {
    pub(crate) encoding: Encoding,
    /// The checksum of each file's data is wanted.
    pub(crate) hashes: bool,
    pub(crate) interrupt: Interrupt,
}

/// What is to be known of a file that has been converted.
pub(crate) struct Made {
    /// The target, open.
    pub(crate) file: FileHandle,
    /// The source's, when it was opened.
    pub(crate) metadata: Metadata,
    /// Of its data, decompressed.
    pub(crate) hash: Option<Hash>,
}

impl Converter {
    pub(crate) fn convert(
        &self,
        source: &mut SourceFile,
        target: &mut TargetFile,
    ) -> io::Result<Made> {
        let (info, file) = (source.info().clone(), target.file().clone());
        let metadata = info.metadata().clone();
        let format = Format::of_path(info.path());
        let mut rest = Rest::new(format, &metadata);
        let name = info.path().file_name().filter(|_| format.is_none());
        let origin = origin(&metadata, name, &rest);
        let mut encoder = Encoder::new(target, self.encoding, &origin)?;
        let mut hasher = self.hashes.then(Hasher::new);
        decode(source, format, |piece| {
            // A source of few bytes may have very many in it.
            if self.interrupt.has_come() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let piece = rest.take(piece);
            if let Some(hasher) = &mut hasher {
                hasher.update(piece);
            }
            encoder.write_all(piece)
        })?;
        rest.check()?;
        encoder.finish()?;
        Ok(Made { file, metadata, hash: hasher.map(|hasher| hasher.finalize()) })
    }
}

fn origin<'a>(metadata: &Metadata, name: Option<&'a OsStr>, rest: &Rest) -> Origin<'a> {
    Origin { modified: metadata.modified, name, len: rest.0 }
}

/// How many bytes are still to come of a file that is not compressed. The header of the target says
/// how many there are, so it has as many, also if the source grows meanwhile.
struct Rest(Option<u64>);

impl Rest {
    fn new(format: Option<Format>, metadata: &Metadata) -> Self {
        // Files in /proc have a size of 0, and contents.
        Self((format.is_none() && metadata.size > 0).then_some(metadata.size))
    }

    /// The part of a piece that is within.
    fn take<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let Some(rest) = &mut self.0 else { return piece };
        let len = usize::try_from(*rest).map_or(piece.len(), |rest| rest.min(piece.len()));
        *rest -= len as u64;
        &piece[..len]
    }

    fn check(&self) -> io::Result<()> {
        match self.0 {
            None | Some(0) => Ok(()),
            Some(_) => Err(io::Error::other("became shorter while it was being read")),
        }
    }
}
