//! The traits by which libraries for tasks read.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::reader::FileReader;

/// Copies what is there, and has the task woken if nothing is.
fn poll_copy(
    reader: &mut FileReader,
    context: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    if !buffer.is_empty() {
        ready!(reader.poll_fill_buf(context))?;
    }
    // It doesn't wait now.
    Poll::Ready(reader.read(buffer))
}

#[cfg(feature = "futures-io")]
impl futures_io::AsyncRead for FileReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        poll_copy(self.get_mut(), context, buffer)
    }
}

#[cfg(feature = "futures-io")]
impl futures_io::AsyncBufRead for FileReader {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Self::poll_fill_buf(self.get_mut(), context)
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        BufRead::consume(self.get_mut(), count);
    }
}

/// Seeks as [`Seek`] does, which waits for nothing but statx(2).
#[cfg(feature = "futures-io")]
impl futures_io::AsyncSeek for FileReader {
    fn poll_seek(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        Poll::Ready(self.get_mut().seek(to))
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for FileReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = ready!(poll_copy(self.get_mut(), context, buffer.initialize_unfilled()))?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncBufRead for FileReader {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Self::poll_fill_buf(self.get_mut(), context)
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        BufRead::consume(self.get_mut(), count);
    }
}

/// Seeks as [`Seek`] does, which waits for nothing but statx(2).
#[cfg(feature = "tokio")]
impl tokio::io::AsyncSeek for FileReader {
    fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        self.get_mut().seek(to).map(drop)
    }

    fn poll_complete(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(self.get_mut().stream_position())
    }
}
