//! How a checksum is printed.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use blake3::{BLOCK_LEN, OutputReader};

use crate::options::Options;
use crate::shared::names::escaped;

/// The kinds of b3sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The checksum, and the path behind it.
    Names,
    /// As BSD has it.
    Tag,
    NoNames,
    /// The bytes themselves.
    Raw,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    kind: Kind,
    /// How many bytes a checksum has.
    length: u64,
}

impl Style {
    pub(crate) fn new(options: &Options) -> Self {
        let kind = match () {
            () if options.raw => Kind::Raw,
            () if options.no_names => Kind::NoNames,
            () if options.tag => Kind::Tag,
            () => Kind::Names,
        };
        Self { kind, length: options.length }
    }

    /// Prints the checksum of the file. It begins where the reader is.
    pub(crate) fn print(
        self,
        mut output: impl Write,
        path: &Path,
        mut checksum: OutputReader,
    ) -> io::Result<()> {
        let (path, is_changed) = escaped(path);
        let mark = if is_changed { "\\" } else { "" };
        match self.kind {
            Kind::Names => {
                write!(output, "{mark}")?;
                self.hex(&mut output, &mut checksum)?;
                writeln!(output, "  {path}")
            }
            Kind::Tag => {
                write!(output, "{mark}BLAKE3 ({path}) = ")?;
                self.hex(&mut output, &mut checksum)?;
                writeln!(output)
            }
            Kind::NoNames => {
                self.hex(&mut output, &mut checksum)?;
                writeln!(output)
            }
            Kind::Raw => self.blocks(&mut checksum, |block| output.write_all(block)),
        }
    }

    fn hex(self, output: &mut impl Write, checksum: &mut OutputReader) -> io::Result<()> {
        self.blocks(checksum, |block| {
            let mut text = String::new();
            for byte in block {
                // A string takes all that is written.
                let _ = write!(text, "{byte:02x}");
            }
            output.write_all(text.as_bytes())
        })
    }

    /// Hands out the bytes of the checksum, which may be long, in pieces.
    fn blocks(
        self,
        checksum: &mut OutputReader,
        mut each: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut block, mut left) = ([0; BLOCK_LEN], self.length);
        while left > 0 {
            checksum.fill(&mut block);
            let piece = left.min(BLOCK_LEN as u64);
            each(&block[..piece as usize])?;
            left -= piece;
        }
        Ok(())
    }
}
