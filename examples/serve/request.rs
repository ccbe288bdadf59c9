//! A client's request.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::TcpStream;

/// How long a request may be, in bytes. It has no body.
pub(crate) const HEAD_LIMIT: u64 = 8192;

pub(crate) struct Request {
    method: String,
    /// As the client sent it.
    target: String,
    /// The path in it, decoded.
    path: PathBuf,
}

impl Request {
    /// Receives a request, and looks at its first line alone. `None` if that is no request line.
    pub(crate) async fn receive(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut bytes = BufReader::new(stream.take(HEAD_LIMIT));
        let mut head = Vec::new();
        while !is_complete(&head) {
            match bytes.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Self::parse(&head))
    }

    fn parse(head: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(head.split(|&byte| byte == b'\n').next()?).ok()?;
        let mut words = line.trim_end_matches('\r').split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let is_http = version.starts_with("HTTP/1.") && target.starts_with('/');
        let path = PathBuf::from(OsString::from_vec(decode(target.split(['?', '#']).next()?)?));
        let request = Self { method: method.to_owned(), target: target.to_owned(), path };
        (is_http && words.next().is_none()).then_some(request)
    }

    /// Whether the client wants the contents, and not only the head. `None` for other methods.
    pub(crate) fn wants_contents(&self) -> Option<bool> {
        match &*self.method {
            "GET" => Some(true),
            "HEAD" => Some(false),
            _ => None,
        }
    }

    /// The path below the root. `None` if it leads out of the root.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let below = self.path.strip_prefix("/").ok()?;
        let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        below.components().all(is_below).then(|| Path::new(".").join(below))
    }
}

fn is_complete(head: &[u8]) -> bool {
    head.ends_with(b"\r\n\r\n") || head.ends_with(b"\n\n")
}

/// Replaces escapes such as `%20` by the bytes that they stand for.
fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut decoded) = (text.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        decoded.push(if byte == b'%' { (digit()? * 16 + digit()?) as u8 } else { byte });
    }
    // No path has a zero byte, and the system would end the path there.
    (!decoded.contains(&0)).then_some(decoded)
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.escape_debug(), self.target.escape_debug())
    }
}
