//! The standard input, from which paths come whenever its writer writes them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use reapool::{FileHandle, Job, PollEvents};

/// How many bytes are read at a time: what a pipe holds.
const PIECE: usize = 64 << 10;

pub(crate) struct Input {
    file: FileHandle,
    /// An epoll instance that watches the file, for a file that can't be polled itself.
    watch: Option<FileHandle>,
    separator: u8,
    /// The beginning of a path whose end has not come.
    rest: Vec<u8>,
    ended: bool,
}

impl Input {
    pub(crate) fn new(input: impl AsFd, separator: u8) -> io::Result<Self> {
        let owned: OwnedFd = input.as_fd().try_clone_to_owned()?;
        let file = FileHandle::from(owned);
        Ok(Self { file, watch: None, separator, rest: Vec::new(), ended: false })
    }

    /// Has an epoll instance watch the input from now on, which native AIO can poll although it
    /// can't poll a terminal. False if it does so already.
    pub(crate) fn begin_to_watch(&mut self) -> io::Result<bool> {
        if self.watch.is_some() {
            return Ok(false);
        }
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&self.file, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        self.watch = Some(FileHandle::from(epoll.0));
        Ok(true)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// A job that waits until there is input, reads it, and calls `tell` with it.
    pub(crate) fn poll(&self, tell: impl FnOnce(io::Result<Vec<u8>>) + Send + 'static) -> Job {
        let file = self.file.clone();
        let polled = self.watch.as_ref().unwrap_or(&self.file);
        Job::poll(polled, PollEvents::READABLE, move |done| {
            // The poll has waited, so that read(2) doesn't: nobody else reads from here.
            tell(done.result.and_then(|_| read(&file)));
        })
    }

    /// The paths that these bytes complete. No bytes at all are the end of the input.
    pub(crate) fn paths(&mut self, bytes: Vec<u8>) -> Vec<PathBuf> {
        self.ended = bytes.is_empty();
        let mut pieces = if self.ended {
            // The last path needs no separator after it.
            vec![std::mem::take(&mut self.rest)]
        } else {
            self.rest.extend(bytes);
            let mut pieces: Vec<_> =
                self.rest.split(|&byte| byte == self.separator).map(<[u8]>::to_vec).collect();
            self.rest = pieces.pop().unwrap_or_default();
            pieces
        };
        pieces.retain(|piece| !piece.is_empty());
        pieces.into_iter().map(|piece| OsString::from_vec(piece).into()).collect()
    }
}

fn read(file: &FileHandle) -> io::Result<Vec<u8>> {
    let mut file = File::from(file.as_fd().try_clone_to_owned()?);
    let mut bytes = vec![0; PIECE];
    let count = file.read(&mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}
