//! Whether a client wants a file, and which part of it: conditional requests and ranges, by RFC
//! 9110, sections 13 and 14.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headers::{
    ETag, HeaderMap, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfRange,
    IfUnmodifiedSince, LastModified,
};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};
use hyper::Method;
use hyper::header::RANGE;
use reapool::Metadata;

/// HTTP has no dates from here on: the year 10000, since 1970.
const DATES_END: Duration = Duration::from_secs(253_402_300_800);

/// What the conditions of a request are compared with. A file that was changed has others, if the
/// system's clock has gone on meanwhile.
pub(crate) struct Validators {
    etag: ETag,
    /// `None` if HTTP has no such date.
    modified: Option<SystemTime>,
}

impl Validators {
    pub(crate) fn of(file: &Metadata) -> Self {
        let Metadata { device, inode, size, modified, .. } = file;
        let (is_date, time) = match modified.duration_since(UNIX_EPOCH) {
            Ok(time) => (time < DATES_END, time),
            Err(before) => (false, before.duration()),
        };
        let etag = format!("\"{device:x}-{inode:x}-{size:x}-{:x}\"", time.as_nanos());
        // No date may be later than that of the answer (RFC 9110, 8.8.2.1).
        let modified = is_date.then(|| (*modified).min(SystemTime::now()));
        Self { etag: etag.parse().expect("digits in quotes"), modified }
    }

    /// Tells the client, for its next request.
    pub(crate) fn insert_into(self, headers: &mut HeaderMap) {
        headers.typed_insert(self.etag);
        if let Some(time) = self.modified {
            headers.typed_insert(LastModified::from(time));
        }
    }
}

/// The answer that a client wants.
pub(crate) enum Wanted {
    Whole,
    Part(Range<u64>),
    /// A range in which the file has nothing.
    NoneInRange,
    /// The client has the file already.
    NotModified,
    /// The file is not the one that the client has in mind.
    PreconditionFailed,
}

impl Wanted {
    /// For a file of `size` bytes. The conditions are evaluated in the order of section 13.2.2.
    pub(crate) fn by(
        method: &Method,
        headers: &HeaderMap,
        validators: &Validators,
        size: u64,
    ) -> Self {
        if !is_expected(headers, validators) {
            return Self::PreconditionFailed;
        }
        if is_known(headers, validators) {
            return Self::NotModified;
        }
        // A HEAD is answered as if it had no range.
        let range = headers.get(RANGE).filter(|_| method == Method::GET);
        let range = range.filter(|_| is_of_this_file(headers, validators));
        match range.and_then(|range| range.to_str().ok()) {
            Some(range) => Self::range(range, size),
            None => Self::Whole,
        }
    }

    fn range(range: &str, size: u64) -> Self {
        let ranges = parse_range_header(range).and_then(|ranges| ranges.validate(size));
        match ranges.as_deref() {
            Ok([range]) => Self::Part(*range.start()..range.end() + 1),
            Err(RangeUnsatisfiableError::Unsatisfiable) => Self::NoneInRange,
            // A server may ignore any range (14.2). This one ignores what it can't parse, and
            // several ranges at once, which would take an answer of several parts.
            Ok(_) | Err(_) => Self::Whole,
        }
    }
}

/// Whether the file is one that the client wants to have anything from.
fn is_expected(headers: &HeaderMap, validators: &Validators) -> bool {
    match (headers.typed_get::<IfMatch>(), headers.typed_get::<IfUnmodifiedSince>()) {
        (Some(condition), _) => condition.precondition_passes(&validators.etag),
        (None, Some(condition)) => {
            validators.modified.is_none_or(|time| condition.precondition_passes(time))
        }
        (None, None) => true,
    }
}

/// Whether the client has the file as it is.
fn is_known(headers: &HeaderMap, validators: &Validators) -> bool {
    match (headers.typed_get::<IfNoneMatch>(), headers.typed_get::<IfModifiedSince>()) {
        (Some(condition), _) => !condition.precondition_passes(&validators.etag),
        (None, Some(condition)) => {
            validators.modified.is_some_and(|time| !condition.is_modified(time))
        }
        (None, None) => false,
    }
}

/// Whether a range is one of the file as it is, and not of an older one.
///
/// A date never says so: the file may have been changed twice in its second. Nor does a client give
/// one that knows the `ETag` (13.1.5), which all answers have.
fn is_of_this_file(headers: &HeaderMap, validators: &Validators) -> bool {
    let condition = headers.typed_get::<IfRange>();
    condition.is_none_or(|condition| !condition.is_modified(Some(&validators.etag), None))
}
