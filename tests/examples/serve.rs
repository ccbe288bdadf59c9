//! The example `serve`: what it sends and what not, to how many, and how it ends.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::program::{explains_itself, interrupt, run, stderr, stdout};
use crate::server::Server;
use crate::support::{HANG, contents, known_file, make_fifo, scratch};

#[test]
fn files_are_sent_as_they_are() {
    let directory = scratch();
    // The first piece has 256 KiB, and large files more than 1 MiB.
    let sizes = [0, 1, 4095, 65_537, 262_143, 262_144, 262_145, 1 << 20, (1 << 20) + 1, 5_000_001];
    for size in sizes {
        known_file(directory.path(), &size.to_string(), size);
    }
    fs::create_dir(directory.path().join("sub dir")).unwrap();
    fs::write(directory.path().join("sub dir/index.html"), "<p>index").unwrap();
    let name = OsStr::from_bytes(b"no UTF-8: \xff");
    fs::write(directory.path().join(name), "found").unwrap();
    let server = Server::start(directory.path(), &[]);
    for size in sizes {
        let (status, found) = server.get(&format!("/{size}"));
        assert_eq!((status, found.len() as u64), (200, size));
        assert!(found == contents(0..size), "{size} bytes");
    }
    for path in ["/sub%20dir", "/sub%20dir/", "/./sub%20dir/index.html?query", "http://y/sub%20dir"]
    {
        assert_eq!(server.get(path), (200, b"<p>index".to_vec()), "{path}");
    }
    assert_eq!(server.get("/no%20UTF-8:%20%fF"), (200, b"found".to_vec()));
    assert_eq!(server.stop(), (Some(0), String::new()));
}

#[test]
fn nothing_outside_is_sent() {
    let directory = scratch();
    let (root, secret) = (directory.path().join("root"), directory.path().join("secret"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(directory.path().join("root-not")).unwrap();
    fs::write(&secret, "secret").unwrap();
    fs::write(directory.path().join("root-not/file"), "secret").unwrap();
    fs::write(root.join("inside"), "inside").unwrap();
    symlink(&secret, root.join("link")).unwrap();
    symlink("../root-not", root.join("sibling")).unwrap();
    symlink("inside", root.join("harmless")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    make_fifo(&root.join("fifo"));
    let _socket = UnixListener::bind(root.join("socket")).unwrap();

    let server = Server::start(directory.path(), &["root", "--verbose"]);
    let absolute = format!("/{}", secret.display());
    for (path, status) in [
        ("/../secret", 403),
        ("/%2e%2e/secret", 403),
        ("/..%2fsecret", 403),
        ("/sub/../../secret", 403),
        ("/link", 403),
        ("/sibling/file", 403),
        ("/loop", 403),
        ("/fifo", 403),
        ("/socket", 403),
        (&absolute, 404),
        ("/missing", 404),
        ("/inside/of", 404),
        ("/", 404),
        ("/%", 400),
        ("/%4", 400),
        ("/%+1", 400),
        ("/%00", 400),
        ("*", 400),
    ] {
        let (found, contents) = server.get(path);
        assert_eq!(found, status, "{path}");
        assert!(!contents.windows(6).any(|bytes| bytes == b"secret"), "{path}");
    }
    assert_eq!(server.get("/harmless"), (200, b"inside".to_vec()));
    let (status, said) = server.stop();
    assert_eq!(status, Some(0));
    assert!(said.contains("serve: 403 GET /link\n"), "{said}");
    assert!(said.contains("serve: 200 GET /harmless\n"), "{said}");
}

#[test]
fn what_is_no_request_is_refused() {
    let directory = scratch();
    let server = Server::start(directory.path(), &[]);
    let long = [b"GET /".to_vec(), vec![b'x'; 10_000]].concat();
    let cases: [(&[u8], u16); 9] = [
        (b"POST / HTTP/1.0\r\n\r\n", 405),
        (b"GET /\r\n\r\n", 400),
        (b"GET / FTP/1.0\r\n\r\n", 400),
        (b"GET x HTTP/1.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nno header\r\n\r\n", 400),
        (b"\xff\xff / HTTP/1.0\n\n", 400),
        (&long[..8192], 431),
    ];
    for (request, status) in cases {
        let mut client = server.connect();
        client.stream().write_all(request).unwrap();
        assert_eq!(client.receive("GET").status, status, "{}", request.escape_ascii());
    }
    let refused = server.ask("DELETE", "/", "");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    let mut half = server.connect();
    half.stream().write_all(b"GET /half").unwrap();
    half.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(half.rest(), b"");
}

#[test]
fn many_clients_are_served_at_a_time_but_no_more_than_allowed() {
    let directory = scratch();
    known_file(directory.path(), "file", 300_000);
    let server = Server::start(directory.path(), &["--connections", "3", "--depth", "2"]);
    // Two that say nothing yet, one that has been answered, and one for which there is no place
    // until one of them ends.
    let mut first = [server.connect(), server.connect(), server.connect()];
    assert_eq!(first[0].ask("HEAD", "/file", "").status, 200);
    let mut fourth = server.connect();
    fourth.send("GET", "/file", "");
    fourth.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(fourth.0.read(&mut [0]).is_err(), "it has to wait");
    drop(first);
    fourth.stream().set_read_timeout(Some(HANG)).unwrap();
    assert!(fourth.receive("GET").contents == contents(0..300_000));
    drop(fourth);

    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert!(server.get("/file") == (200, contents(0..300_000)));
                }
            });
        }
    });
}

#[test]
fn a_client_that_asks_for_nothing_makes_room_for_another() {
    let directory = scratch();
    known_file(directory.path(), "file", 10);
    let server = Server::start(directory.path(), &["--connections=2"]);
    let mut silent = server.connect();
    let mut idle = server.connect();
    assert_eq!(idle.ask("GET", "/file", "").status, 200);
    assert_eq!(server.get("/file"), (200, contents(0..10)));
    assert_eq!((silent.rest(), idle.rest()), (Vec::new(), Vec::new()));
}

#[test]
fn the_first_signal_waits_for_the_answers_under_way() {
    let directory = scratch();
    known_file(directory.path(), "file", 50_000_000);
    let mut server = Server::start(directory.path(), &[]);
    let mut idle = [server.connect(), server.connect()];
    assert_eq!(idle[0].ask("HEAD", "/file", "").status, 200);
    let mut busy = server.connect();
    busy.send("GET", "/file", "");
    // More than the sockets' buffers hold: the rest is sent after the signal.
    let mut answer = busy.head();
    let begin = Instant::now();
    interrupt(&server.child);
    // It has seen the signal when those who are not being answered are let go.
    assert_eq!(idle.each_mut().map(|client| client.rest()), [[0; 0]; 2]);
    // Without the signal, they are after 10 seconds.
    assert!(begin.elapsed() < Duration::from_secs(8), "it waits for clients that ask for nothing");
    assert!(TcpStream::connect(server.address).is_err());
    answer.contents = busy.rest();
    assert!(answer.contents == contents(0..50_000_000));
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_second_signal_waits_for_nobody() {
    let directory = scratch();
    known_file(directory.path(), "file", 50_000_000);
    let mut server = Server::start(directory.path(), &[]);
    let mut client = server.connect();
    client.send("GET", "/file", "");
    assert_eq!(client.head().status, 200);
    interrupt(&server.child);
    // It has been seen when nobody listens any more.
    while TcpStream::connect(server.address).is_ok() {
        thread::yield_now();
    }
    assert!(server.child.try_wait().unwrap().is_none());
    let begin = Instant::now();
    interrupt(&server.child);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    // Without the second signal, it gives the client up after 30 seconds.
    assert!(begin.elapsed() < Duration::from_secs(25), "it waits for a client");
}

#[test]
fn it_says_why_it_can_not_serve() {
    let directory = scratch();
    explains_itself(
        "serve",
        directory.path(),
        &[
            (&["--listen", "x"], 2),
            (&["--depth", "0"], 2),
            (&["a", "b"], 2),
            (&["--connections=0"], 2),
            (&["--memory=3M"], 2),
        ],
    );
    let output = run("serve", directory.path(), &["missing"]);
    let reason = "serve: missing: No such file or directory (os error 2)\n";
    assert_eq!((stderr(&output), output.status.code()), (reason, Some(1)));
    let file = known_file(directory.path(), "file", 1);
    let output = run("serve", directory.path(), &[file.to_str().unwrap()]);
    assert!(stderr(&output).contains("not a directory"), "{}", stderr(&output));
    let taken = Server::start(directory.path(), &[]);
    let output = run("serve", directory.path(), &["--listen", &taken.address.to_string()]);
    assert!(stderr(&output).contains("in use"), "{}", stderr(&output));
    assert_eq!((stdout(&output), output.status.code()), ("", Some(1)));
}
