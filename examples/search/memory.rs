//! What the memory is for.

/// How many files may be in progress, from their beginning until they have been printed. Each can
/// hold a temporary file open.
pub(crate) const FILES: usize = 256;

/// The least for what is being read, in bytes.
const LEAST: usize = 2 << 20;

/// Numbers of bytes.
pub(crate) struct Memory {
    /// For what is being read.
    pub(crate) read: usize,
    /// For what is kept of all files under way.
    pub(crate) lines: usize,
    /// For lines of one file that wait for its turn to be printed.
    pub(crate) spool: usize,
    /// For what is kept of a file that has the room to itself.
    pub(crate) max_line: usize,
}

impl Memory {
    /// Divides the memory: a quarter for what is being read, another one for unfinished lines and
    /// those that are to be printed, and the rest for a long line. Fails with the most that
    /// `max_line` may be.
    pub(crate) fn divide(memory: usize, max_line: Option<usize>) -> Result<Self, usize> {
        let quarter = memory / 4;
        let read = quarter.max(LEAST);
        let most = memory - quarter - read;
        if max_line.is_some_and(|max_line| max_line > most) {
            return Err(most);
        }
        // A file in progress has its lines there twice: on their way to where they wait, and there.
        let spool = (quarter / 2 / (2 * FILES)).clamp(4 << 10, 64 << 10);
        Ok(Self { read, lines: quarter / 2, spool, max_line: max_line.unwrap_or(most) })
    }
}
