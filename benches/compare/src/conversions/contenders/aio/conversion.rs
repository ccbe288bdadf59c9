//! A file that is being converted, and how it is opened.

use std::cell::{Cell, RefCell};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use super::super::super::pair::Pair;
use super::super::super::workload::Workload;
use crate::stop::{Trouble, failed};

/// Offsets and lengths of direct reads and writes are multiples of this.
pub(super) const BLOCK: u64 = 4096;

pub(super) struct Conversion<'a> {
    pub(super) pair: &'a Pair,
    pub(super) source: File,
    pub(super) target: File,
    pub(super) size: u64,
    /// The bytes that are still to be read, if they are compressed, or else to be written.
    pub(super) left: Cell<u64>,
    /// What is to be compressed.
    pub(super) contents: RefCell<Vec<u8>>,
}

/// Small files are copied into the page cache, which writes them together. Large ones would have to
/// wait for it.
pub(super) fn writes_directly(workload: Workload) -> bool {
    workload == Workload::Large
}

impl<'a> Conversion<'a> {
    /// Opens the source and makes a temporary target.
    pub(super) fn begin(pair: &'a Pair, workload: Workload) -> Result<Self, Trouble> {
        Self::open(pair, workload).map_err(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => Trouble::Unavailable("the file system has no direct I/O".into()),
            _ => failed(pair.source.display())(error),
        })
    }

    fn open(pair: &'a Pair, workload: Workload) -> io::Result<Self> {
        let source =
            OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(&pair.source)?;
        let size = source.metadata()?.len();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        if writes_directly(workload) {
            options.custom_flags(libc::O_DIRECT);
        }
        let target = options.open(pair.temporary())?;
        if writes_directly(workload) {
            // A direct write that makes its file longer waits for those before it.
            target.set_len(size.next_multiple_of(BLOCK))?;
        }
        let contents = if workload == Workload::Compress { vec![0; size as usize] } else { vec![] };
        let (left, contents) = (Cell::new(size), RefCell::new(contents));
        Ok(Self { pair, source, target, size, left, contents })
    }

    /// Counts bytes that are done. Says whether all are.
    pub(super) fn advance(&self, len: u64) -> bool {
        self.left.set(self.left.get() - len);
        self.left.get() == 0
    }
}
