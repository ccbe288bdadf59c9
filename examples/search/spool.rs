//! The lines to be printed of a file, which wait for its turn: in memory, or in a temporary file if
//! there are many.

use std::io::{self, Seek, Write};

use tempfile::SpooledTempFile;

pub(crate) struct Spool {
    file: SpooledTempFile,
    /// On their way to the file.
    ready: Vec<u8>,
    /// How many bytes may be on their way, and how many the file keeps in memory.
    limit: usize,
}

impl Spool {
    pub(crate) fn new(limit: usize) -> Self {
        Self { file: SpooledTempFile::new(limit), ready: Vec::new(), limit }
    }

    /// All that was written, to be read from its beginning. What comes next begins with nothing.
    pub(crate) fn take(&mut self) -> io::Result<SpooledTempFile> {
        self.flush()?;
        let mut file = std::mem::replace(&mut self.file, SpooledTempFile::new(self.limit));
        file.rewind()?;
        Ok(file)
    }

    pub(crate) fn discard(&mut self) {
        *self = Self::new(self.limit);
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.ready.len() + bytes.len() > self.limit {
            self.flush()?;
        }
        if bytes.len() < self.limit {
            self.ready.extend_from_slice(bytes);
        } else {
            // Not copied: a line may be as long as memory allows.
            self.file.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.ready)?;
        self.ready.clear();
        Ok(())
    }
}
