//! The checksum of one file, one job at a time: it is opened, read piece by piece, and hashed by
//! the callbacks.

use std::io;
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};
use reapool::{Completion, FileHandle, FileKind, Job, Refused, Submitter};

/// The result for a path.
pub(crate) struct Digest {
    pub(crate) path: PathBuf,
    pub(crate) result: io::Result<Hash>,
}

/// A file that is being read.
struct Reading<F> {
    submitter: Submitter,
    path: PathBuf,
    hasher: Hasher,
    tell: F,
}

/// Submits the first job. The callback of the last calls `tell`.
pub(crate) fn digest<F>(
    submitter: &Submitter,
    path: PathBuf,
    chunk: usize,
    tell: F,
) -> Result<(), Refused<Job>>
where
    F: FnOnce(Digest) + Send + 'static,
{
    let (own, name) = (submitter.clone(), path.clone());
    let first = Job::blocking(
        move || open(&name),
        move |opened| {
            let reading = Reading { submitter: own, path, hasher: Hasher::new(), tell };
            match opened {
                Ok(file) if file.kind() == FileKind::Regular => {
                    reading.read(file, Vec::with_capacity(chunk), 0);
                }
                Ok(_) => reading.end(Err(io::Error::other("not a regular file"))),
                Err(error) => reading.end(Err(error)),
            }
        },
    );
    submitter.submit(first)
}

/// Opens a file, which Linux can't do asynchronously. It doesn't wait for the other end of a pipe.
fn open(path: &Path) -> io::Result<FileHandle> {
    let opened = FileHandle::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    // Who prints it names the path.
    opened.map_err(|error| error.source)
}

impl<F: FnOnce(Digest) + Send + 'static> Reading<F> {
    fn read(self, file: FileHandle, buffer: Vec<u8>, offset: u64) {
        let submitter = self.submitter.clone();
        let read = Job::read(file, buffer, offset, move |done| self.go_on(done));
        // It would be refused only if more jobs were parked than files are open at a time.
        drop(submitter.submit(read));
    }

    fn go_on(mut self, done: Completion<Vec<u8>>) {
        match done.result {
            Ok(0) => {
                let hash = self.hasher.finalize();
                self.end(Ok(hash));
            }
            Ok(count) => {
                self.hasher.update(&done.buffer);
                self.read(done.file, done.buffer, done.offset + count as u64);
            }
            Err(error) => self.end(Err(error)),
        }
    }

    fn end(self, result: io::Result<Hash>) {
        (self.tell)(Digest { path: self.path, result });
    }
}
