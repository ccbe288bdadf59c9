//! Where a file has data. Between these places are holes, which read as zeros and take no room.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// The unit of `st_blocks`.
const BLOCK: u64 = 512;

/// The ranges of a file that have data, in order.
pub(crate) struct Segments<'a> {
    file: &'a File,
    at: u64,
    len: u64,
}

impl<'a> Segments<'a> {
    /// Those of the first `len` bytes.
    pub(crate) fn of(file: &'a File, len: u64) -> Self {
        Self { file, at: 0, len }
    }

    fn look(&self) -> io::Result<Option<Range<u64>>> {
        if self.at >= self.len {
            return Ok(None);
        }
        let data = match seek(self.file, SeekFrom::Data(self.at)) {
            // There is none any more.
            Err(Errno::NXIO) => return Ok(None),
            found => found?,
        };
        let hole = match seek(self.file, SeekFrom::Hole(data)) {
            // The file has become shorter.
            Err(Errno::NXIO) => self.len,
            found => found?,
        };
        Ok((data < self.len).then(|| data..hole.min(self.len)))
    }
}

impl Iterator for Segments<'_> {
    type Item = io::Result<Range<u64>>;

    fn next(&mut self) -> Option<io::Result<Range<u64>>> {
        let found = self.look().transpose();
        // After an error there is nothing to go on with.
        self.at = match &found {
            Some(Ok(segment)) => segment.end,
            _ => self.len,
        };
        found
    }
}

/// Whether a file has holes. File systems that can't say where say that it has none.
pub(crate) fn has_holes(file: &File) -> bool {
    let Ok(found) = file.metadata() else { return false };
    let (len, room) = (found.len(), found.blocks() * BLOCK);
    room < len
        && match Segments::of(file, len).next() {
            // A compressed file has few blocks, too.
            Some(Ok(first)) => first != (0..len),
            Some(Err(_)) => false,
            None => true,
        }
}
