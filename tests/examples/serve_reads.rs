//! The example `serve`: how it reads, and in how much memory.

use std::fs::File;
use std::io::Read;
use std::thread;

use crate::program::most_memory;
use crate::server::{Client, Server};
use crate::support::cache::forget;
use crate::support::{contents, known_file, scratch};

#[test]
fn files_that_are_not_cached_are_sent_as_they_are() {
    let directory = scratch();
    let sizes = [1, 5000, 600_001, 10_000_001];
    let path = |size: u64| directory.path().join(size.to_string());
    for size in sizes {
        known_file(directory.path(), &size.to_string(), size);
    }
    let server = Server::start(directory.path(), &[]);
    // The first time past the page cache, and then into it.
    for _ in 0..3 {
        for size in sizes {
            forget(&path(size));
            assert!(server.get(&format!("/{size}")) == (200, contents(0..size)), "{size} bytes");
        }
        // Neither begins nor ends where pieces do, or blocks.
        for (start, end) in [(1, 2), (262_143, 262_145), (100_000, 9_999_999)] {
            forget(&path(10_000_001));
            let range = format!("Range: bytes={start}-{}\r\n", end - 1);
            let answer = server.ask("GET", "/10000001", &range);
            assert!(answer.status == 206 && answer.contents == contents(start..end), "{range}");
        }
    }
}

/// A file of which its client has received the beginning of the answer, and not much more than fits
/// into the sockets' buffers.
fn begin(server: &Server) -> Client {
    let mut client = server.connect();
    client.send("GET", "/file", "");
    let head = client.head();
    assert_eq!((head.status, head.length()), (200, Some(50_000_000)));
    client
}

#[test]
fn a_file_that_becomes_shorter_ends_the_connection() {
    let directory = scratch();
    for is_cached in [true, false] {
        let path = known_file(directory.path(), "file", 50_000_000);
        if !is_cached {
            forget(&path);
        }
        let server = Server::start(directory.path(), &["--verbose"]);
        let mut client = begin(&server);
        File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
        // It may be shorter before anything of it was read.
        let rest = client.rest();
        let known = rest.len().min(1000);
        assert!(rest.len() < 50_000_000 && rest[..known] == contents(0..known as u64));
        // Others are served as before.
        assert_eq!(server.get("/file"), (200, contents(0..1000)));
        let (status, said) = server.stop();
        assert_eq!(status, Some(0));
        assert!(said.lines().any(|line| line.starts_with("serve: GET /file: ")), "{said}");
    }
}

#[test]
fn a_file_that_becomes_longer_is_sent_as_long_as_it_was() {
    let directory = scratch();
    let path = known_file(directory.path(), "file", 50_000_000);
    let server = Server::start(directory.path(), &[]);
    let mut client = begin(&server);
    File::options().write(true).open(&path).unwrap().set_len(60_000_000).unwrap();
    let mut found = vec![0; 50_000_000];
    client.0.read_exact(&mut found).unwrap();
    assert!(found == contents(0..50_000_000));
    assert_eq!(client.ask("HEAD", "/file", "").length(), Some(60_000_000));
}

#[test]
fn many_clients_share_little_memory() {
    const CLIENTS: usize = 150;
    let directory = scratch();
    // More than the sockets' buffers hold.
    known_file(directory.path(), "file", 20_000_000);
    for is_cached in [true, false] {
        let server = Server::start(directory.path(), &["--memory=4M"]);
        assert_eq!(server.ask("GET", "/file", "Range: bytes=0-0\r\n").status, 206);
        let before = most_memory(&server.child);
        if !is_cached {
            forget(&directory.path().join("file"));
        }
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send("GET", "/file", "");
        }
        // Who waits for memory has been told that there is a file.
        for client in &mut clients {
            assert_eq!(client.head().length(), Some(20_000_000));
        }
        let expected = contents(0..20_000_000);
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| {
                    let mut found = vec![0; expected.len() / 100];
                    for part in expected.chunks(found.len()) {
                        client.0.read_exact(&mut found).unwrap();
                        assert!(found == part);
                    }
                });
            }
        });
        let grown = most_memory(&server.child) - before;
        // A piece for each client would be 37 MiB. Each connection takes some memory as well.
        assert!(grown < 16 << 20, "{grown} bytes, cached: {is_cached}");
    }
}
