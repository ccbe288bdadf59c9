//! The answers to requests.

use std::io;
use std::path::Path;

use reapool::{Job, Submitter};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::STALL;
use crate::request::Request;
use crate::root::{Found, Root};

/// How much is read and sent at a time, in bytes.
const PIECE: usize = 64 << 10;

/// Answers a request, and returns the status of the answer.
pub(crate) async fn answer(
    to: &mut (impl AsyncWrite + Unpin),
    request: &Request,
    root: &Root,
    submitter: &Submitter,
) -> io::Result<u16> {
    let Some(wants_contents) = request.wants_contents() else { return refuse(to, 405).await };
    let Some(path) = request.path() else { return refuse(to, 403).await };
    let root = root.clone();
    // Opening may have to wait for a disk.
    let open = Job::blocking(move || root.open(&path), |found| found);
    let found = match submitter.spawn_async(open).await {
        Ok(opening) => opening.await,
        Err(refused) => Err(io::Error::other(refused.kind())),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return refuse(to, status(&error)).await,
    };
    let (size, kind) = (found.size, content_type(&found.path));
    let head = format!("Content-Length: {size}\r\nContent-Type: {kind}\r\n");
    send(to, head_of(200, &head).as_bytes()).await?;
    if wants_contents {
        contents(to, &found, submitter).await?;
    }
    to.shutdown().await?;
    Ok(200)
}

/// Sends a file: each piece while the next one is read.
async fn contents(
    to: &mut (impl AsyncWrite + Unpin),
    found: &Found,
    submitter: &Submitter,
) -> io::Result<()> {
    let read = |buffer: Vec<u8>, offset: u64| {
        let left = usize::try_from(found.size - offset).unwrap_or(usize::MAX);
        // A file that has become shorter is an error: its length has been promised.
        submitter.read(&found.file, buffer, offset).limit(left).exact()
    };
    let buffers = || Vec::with_capacity(PIECE.min(found.size as usize));
    let (mut offset, mut spare) = (0, buffers());
    let mut piece = buffers();
    while offset < found.size {
        // The first piece is empty, and there is nothing to send of it.
        let (sent, (result, next)) = tokio::join!(send(to, &piece), read(spare, offset));
        sent?;
        offset += result? as u64;
        spare = std::mem::replace(&mut piece, next);
    }
    send(to, &piece).await
}

/// Answers with a status that is not success.
pub(crate) async fn refuse(to: &mut (impl AsyncWrite + Unpin), status: u16) -> io::Result<u16> {
    let text = format!("{status} {}\n", reason(status));
    let about = format!("Content-Length: {}\r\nContent-Type: text/plain\r\n", text.len());
    send(to, (head_of(status, &about) + &text).as_bytes()).await?;
    to.shutdown().await?;
    Ok(status)
}

async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    timeout(STALL, to.write_all(bytes)).await?
}

fn head_of(status: u16, about: &str) -> String {
    format!("HTTP/1.0 {status} {}\r\n{about}\r\n", reason(status))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// The status for a file that can't be opened.
fn status(error: &io::Error) -> u16 {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => 404,
        io::ErrorKind::InvalidFilename => 404,
        io::ErrorKind::PermissionDenied => 403,
        _ => match error.raw_os_error() {
            // A loop of links, or a socket.
            Some(libc::ELOOP | libc::ENXIO) => 403,
            // Too many open files.
            Some(libc::EMFILE | libc::ENFILE) => 503,
            _ => 500,
        },
    }
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => "text/html",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("txt" | "md" | "rs" | "toml") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("svg") => "image/svg+xml",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}
