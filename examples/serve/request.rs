//! What a client asks for.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use hyper::header::HOST;
use hyper::{Method, Request, StatusCode, Version};

/// The path of the file that is asked for, below the root; or the status that refuses the request.
pub(crate) fn path<B>(request: &Request<B>) -> Result<PathBuf, StatusCode> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    // RFC 9112, 3.2: without just one, a proxy before this server may see another request.
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let decoded = decode(request.uri().path()).ok_or(StatusCode::BAD_REQUEST)?;
    let path = PathBuf::from(OsString::from_vec(decoded));
    // `*`, or the name of another server.
    let below = path.strip_prefix("/").map_err(|_| StatusCode::BAD_REQUEST)?;
    let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !below.components().all(is_below) {
        return Err(StatusCode::FORBIDDEN);
    }
    Ok(Path::new(".").join(below))
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
