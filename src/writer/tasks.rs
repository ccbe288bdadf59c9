//! The traits by which libraries for tasks write. Closing, or shutting down, is
//! [`FileWriter::poll_finish`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::writer::FileWriter;

#[cfg(feature = "futures-io")]
impl futures_io::AsyncWrite for FileWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(self.get_mut(), context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self.get_mut(), context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_finish(context).map_ok(drop)
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncWrite for FileWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(self.get_mut(), context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self.get_mut(), context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_finish(context).map_ok(drop)
    }
}
