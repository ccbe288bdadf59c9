//! The answers to requests.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use headers::{AcceptRanges, ContentLength, ContentRange, ContentType, HeaderMapExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Bytes;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Request, Response, StatusCode};
use mime_guess::{Mime, mime};
use reapool::Job;

use crate::Server;
use crate::conditions::{Validators, Wanted};
use crate::contents::Contents;
use crate::request;
use crate::root::Found;

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

impl Server {
    pub(crate) async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Answer {
        let asked = format!("{} {}", request.method(), request.uri());
        let found = match request::path(&request) {
            Ok(path) => self.find(path).await,
            Err(status) => Err(status),
        };
        let answer = match found {
            Ok(found) => self.send(&request, found, &asked),
            Err(status) => refuse(status),
        };
        self.note(format_args!("{} {}", answer.status().as_u16(), asked.escape_debug()));
        answer
    }

    async fn find(&self, path: PathBuf) -> Result<Found, StatusCode> {
        let root = self.root.clone();
        // Opening may have to wait for a disk.
        let open = Job::blocking(move || root.open(&path), |found| found);
        match self.reader.submitter.spawn_async(open).await {
            Ok(opening) => opening.await.map_err(|error| status(&error)),
            Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// As much of the file as the client wants, or why it gets nothing of it.
    fn send<B>(self: &Arc<Self>, request: &Request<B>, found: Found, asked: &str) -> Answer {
        let Found { size, ref validators, .. } = found;
        match Wanted::by(request.method(), request.headers(), validators, size) {
            Wanted::Whole => self.contents(found, 0..size, asked),
            Wanted::Part(part) => {
                let range = ContentRange::bytes(part.clone(), size).expect("it has both ends");
                let mut answer = self.contents(found, part, asked);
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                answer.headers_mut().typed_insert(range);
                answer
            }
            Wanted::NoneInRange => {
                let mut answer = refuse(StatusCode::RANGE_NOT_SATISFIABLE);
                answer.headers_mut().typed_insert(ContentRange::unsatisfied_bytes(size));
                answer
            }
            Wanted::NotModified => not_modified(found.validators),
            Wanted::PreconditionFailed => refuse(StatusCode::PRECONDITION_FAILED),
        }
    }

    /// An answer with this part of the file. Of an answer to HEAD, hyper sends the head alone, and
    /// nothing is read.
    fn contents(self: &Arc<Self>, found: Found, part: Range<u64>, asked: &str) -> Answer {
        let length = part.end - part.start;
        let contents = Contents::new(self.reader.clone(), found.file, part);
        let (server, asked) = (Arc::clone(self), asked.to_owned());
        let frames = contents.into_frames().inspect_err(move |error| {
            server.note(format_args!("{}: {error}", asked.escape_debug()));
        });
        let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
        let headers = answer.headers_mut();
        headers.typed_insert(AcceptRanges::bytes());
        headers.typed_insert(ContentLength(length));
        headers.typed_insert(content_type(&found.path));
        found.validators.insert_into(headers);
        answer
    }
}

fn not_modified(validators: Validators) -> Answer {
    let mut answer = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    validators.insert_into(answer.headers_mut());
    answer
}

fn refuse(status: StatusCode) -> Answer {
    let text = Full::from(format!("{status}\n"));
    let mut answer = Response::new(text.map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().typed_insert(ContentType::text());
    if status == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    answer
}

/// The status for a file that can't be opened.
fn status(error: &io::Error) -> StatusCode {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};

    match (error.kind(), error.raw_os_error()) {
        (NotFound | NotADirectory | InvalidFilename, _) => StatusCode::NOT_FOUND,
        // Also a loop of links, or a socket.
        (PermissionDenied, _) | (_, Some(libc::ELOOP | libc::ENXIO)) => StatusCode::FORBIDDEN,
        // Too many open files.
        (_, Some(libc::EMFILE | libc::ENFILE)) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// By the ending of the name. Text is taken to be UTF-8, but for pages, which say what they are.
fn content_type(path: &Path) -> ContentType {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    if kind.type_() != mime::TEXT || kind.subtype() == mime::HTML {
        return kind.into();
    }
    format!("{kind}; charset=utf-8").parse::<Mime>().unwrap_or(kind).into()
}
