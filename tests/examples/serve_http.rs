//! The example `serve`: ranges, conditions, and connections that are kept.

use std::fs::{self, File, FileTimes};
use std::net::Shutdown;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::server::{Answer, Server};
use crate::support::{contents, known_file, scratch};

/// When a file was changed, as HTTP says it: the example of RFC 9110.
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sunday, 06-Nov-94 08:49:38 GMT";

fn date() -> SystemTime {
    // Dates have no fractions of a second.
    UNIX_EPOCH + Duration::from_millis(784_111_777_900)
}

fn set_modified(path: &Path, time: SystemTime) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn an_answer_says_what_it_has() {
    let directory = scratch();
    set_modified(&known_file(directory.path(), "file.txt", 300_000), date());
    let server = Server::start(directory.path(), &[]);
    let mut client = server.connect();
    // An answer to HEAD has no contents: else they would be taken for the next answer.
    for method in ["HEAD", "GET", "HEAD"] {
        let answer = client.ask(method, "/file.txt", "");
        assert_eq!((answer.status, answer.length()), (200, Some(300_000)));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(answer.header("last-modified"), Some(DATE));
        assert!(answer.header("etag").unwrap().starts_with('"'), "a strong one");
        assert!(answer.header("date").unwrap().ends_with(" GMT"));
    }
    for (name, kind) in [
        ("page.html", "text/html"),
        ("style.css", "text/css; charset=utf-8"),
        ("film.mp4", "video/mp4"),
        ("unknown", "application/octet-stream"),
    ] {
        known_file(directory.path(), name, 0);
        let answer = client.ask("GET", &format!("/{name}"), "");
        assert_eq!((answer.header("content-type"), answer.length()), (Some(kind), Some(0)));
    }
}

#[test]
fn a_time_that_is_no_date_of_the_past_is_not_told() {
    let directory = scratch();
    let path = known_file(directory.path(), "file", 10);
    let server = Server::start(directory.path(), &[]);
    let modified_at = |time| {
        set_modified(&path, time);
        let answer = server.ask("GET", "/file", &format!("If-Modified-Since: {DATE}\r\n"));
        assert_eq!(answer.contents, contents(0..10));
        answer.header("last-modified").map(str::to_owned)
    };
    assert_eq!(modified_at(UNIX_EPOCH - Duration::from_secs(1)), None);
    // In 2096: no answer is that late.
    let told = modified_at(UNIX_EPOCH + Duration::from_secs(4_000_000_000)).unwrap();
    assert!(told.ends_with(" GMT") && !told.contains("2096"), "{told}");
}

#[test]
fn a_range_is_sent_by_itself() {
    let directory = scratch();
    known_file(directory.path(), "file", 1000);
    known_file(directory.path(), "empty", 0);
    let server = Server::start(directory.path(), &[]);
    let mut client = server.connect();
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=990-", 990, 1000),
        ("bytes=-10", 990, 1000),
        ("bytes=-5000", 0, 1000),
        ("bytes=999-999", 999, 1000),
        ("bytes=1-5000", 1, 1000),
        ("bytes=0-", 0, 1000),
        ("bytes=0-18446744073709551616", 0, 1000),
    ] {
        let answer = client.ask("GET", "/file", &format!("Range: {range}\r\n"));
        let told = format!("bytes {start}-{}/1000", end - 1);
        assert_eq!((answer.status, answer.header("content-range")), (206, Some(&*told)), "{range}");
        assert_eq!(answer.contents, contents(start..end), "{range}");
        assert!(answer.header("etag").is_some());
    }
    for (path, range, length) in [
        ("/file", "bytes=1000-", 1000),
        ("/file", "bytes=5000-6000", 1000),
        ("/file", "bytes=-0", 1000),
        ("/empty", "bytes=0-", 0),
    ] {
        let answer = client.ask("GET", path, &format!("Range: {range}\r\n"));
        let told = format!("bytes */{length}");
        assert_eq!((answer.status, answer.header("content-range")), (416, Some(&*told)), "{range}");
    }
    // To ignore a range is always right.
    for range in ["bytes=5-2", "bytes=x", "bytes=", "lines=0-1", "bytes=0-1,5-6", "bytes=1-2,x"] {
        let answer = client.ask("GET", "/file", &format!("Range: {range}\r\n"));
        assert_eq!((answer.status, answer.header("content-range")), (200, None), "{range}");
        assert_eq!(answer.contents, contents(0..1000), "{range}");
    }
    let head = client.ask("HEAD", "/file", "Range: bytes=0-0\r\n");
    assert_eq!((head.status, head.length()), (200, Some(1000)));
    assert_eq!(client.ask("GET", "/empty", "Range: bytes=-1\r\n").status, 200);
}

#[test]
fn conditions_are_met_or_the_file_is_not_sent() {
    let directory = scratch();
    set_modified(&known_file(directory.path(), "file", 1000), date());
    let server = Server::start(directory.path(), &[]);
    let mut client = server.connect();
    let etag = client.ask("HEAD", "/file", "").header("etag").unwrap().to_owned();
    let whole = [
        "If-None-Match: \"x\"",
        "If-None-Match: ETAGx",
        "If-Match: ETAG",
        "If-Match: \"x\", ETAG",
        "If-Match: *",
        "If-Modified-Since: BEFORE",
        "If-Modified-Since: yesterday",
        "If-Unmodified-Since: DATE",
        "If-Unmodified-Since: AFTER",
        "If-Unmodified-Since: yesterday",
        // A date has no meaning beside a tag.
        "If-None-Match: \"x\"\r\nIf-Modified-Since: DATE",
        "If-Match: ETAG\r\nIf-Unmodified-Since: BEFORE",
        // The range is one of another file, or may be.
        "Range: bytes=0-9\r\nIf-Range: \"x\"",
        "Range: bytes=0-9\r\nIf-Range: W/ETAG",
        "Range: bytes=0-9\r\nIf-Range: DATE",
        "Range: bytes=2000-\r\nIf-Range: \"x\"",
        "If-Range: ETAG",
    ];
    let not_modified = [
        "If-None-Match: ETAG",
        "If-None-Match: W/ETAG",
        "If-None-Match: \"x\", ETAG",
        "If-None-Match: \"x\"\r\nIf-None-Match: ETAG",
        "If-None-Match: *",
        "If-Modified-Since: DATE",
        "If-Modified-Since: AFTER",
        "If-None-Match: ETAG\r\nIf-Modified-Since: BEFORE",
        "If-None-Match: ETAG\r\nRange: bytes=0-9",
        "If-Match: *\r\nIf-None-Match: ETAG",
    ];
    let failed = [
        "If-Match: \"x\"",
        "If-Match: W/ETAG",
        "If-Unmodified-Since: BEFORE",
        "If-Match: \"x\"\r\nIf-Unmodified-Since: DATE",
        "If-Match: \"x\"\r\nIf-None-Match: ETAG",
        "If-Match: \"x\"\r\nRange: bytes=2000-",
    ];
    let part = ["Range: bytes=0-9\r\nIf-Range: ETAG", "Range: bytes=0-9\r\nIf-Match: ETAG"];
    for (status, cases) in
        [(200, &whole[..]), (304, &not_modified), (412, &failed), (206, &part), (200, &whole)]
    {
        for case in cases {
            let headers = case.replace("ETAG", &etag).replace("DATE", DATE);
            let headers = headers.replace("BEFORE", BEFORE).replace("AFTER", AFTER);
            for method in ["GET", "HEAD"] {
                let answer = client.ask(method, "/file", &format!("{headers}\r\n"));
                // The method HEAD knows no ranges.
                let expected = if (method, status) == ("HEAD", 206) { 200 } else { status };
                assert_eq!(answer.status, expected, "{method} {case}");
                if status == 304 {
                    assert_eq!((answer.header("etag"), answer.length()), (Some(&*etag), None));
                }
            }
        }
    }
}

#[test]
fn a_file_that_was_changed_has_another_tag() {
    let directory = scratch();
    let path = known_file(directory.path(), "file", 10);
    set_modified(&path, date());
    let server = Server::start(directory.path(), &[]);
    let tag = |answer: Answer| answer.header("etag").unwrap().to_owned();
    let mut tags = vec![tag(server.ask("HEAD", "/file", ""))];
    assert_eq!(tag(server.ask("HEAD", "/file", "")), tags[0]);
    // Within the same second.
    set_modified(&path, date() + Duration::from_millis(1));
    tags.push(tag(server.ask("HEAD", "/file", "")));
    fs::write(&path, "longer than it was").unwrap();
    set_modified(&path, date());
    tags.push(tag(server.ask("HEAD", "/file", "")));
    // Another file, as old and as long.
    let other = known_file(directory.path(), "other", 10);
    set_modified(&other, date());
    fs::rename(other, &path).unwrap();
    tags.push(tag(server.ask("HEAD", "/file", "")));
    for (place, tag) in tags.iter().enumerate() {
        assert!(!tags[..place].contains(tag), "{tags:?}");
    }
}

#[test]
fn a_connection_is_kept() {
    let directory = scratch();
    known_file(directory.path(), "file", 300_000);
    let server = Server::start(directory.path(), &["--connections=1"]);
    let mut client = server.connect();
    for _ in 0..3 {
        assert!(client.ask("GET", "/file", "").contents == contents(0..300_000));
        assert_eq!(client.ask("GET", "/missing", "").status, 404);
        assert_eq!(client.ask("POST", "/file", "Content-Length: 0\r\n").status, 405);
    }
    let last = client.ask("GET", "/missing", "Connection: close\r\n");
    assert_eq!((last.header("connection"), client.rest()), (Some("close"), Vec::new()));

    // Many requests before the first answer is read.
    let mut client = server.connect();
    let requests = [("GET", "/file", 200), ("HEAD", "/file", 200), ("GET", "/missing", 404)];
    for _ in 0..50 {
        for (method, path, _) in requests {
            client.send(method, path, "");
        }
    }
    for _ in 0..50 {
        for (method, _, status) in requests {
            let answer = client.receive(method);
            assert_eq!(answer.status, status);
            assert!(answer.status != 200 || method == "HEAD" || answer.contents.len() == 300_000);
        }
    }
}

#[test]
fn a_client_may_say_that_it_asks_for_nothing_more() {
    let directory = scratch();
    known_file(directory.path(), "file", 5_000_000);
    let server = Server::start(directory.path(), &[]);
    let mut client = server.connect();
    client.send("GET", "/file", "");
    client.stream().shutdown(Shutdown::Write).unwrap();
    assert!(client.receive("GET").contents == contents(0..5_000_000));
    assert_eq!(client.rest(), b"");
}
