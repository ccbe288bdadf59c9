//! The example `serve`, asked as its users ask it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use crate::program::{example, interrupt, run, stderr, stdout};
use crate::support::{HANG, contents, known_file, make_fifo, scratch};

/// A server on a port of its own.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut command = example("serve", directory);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("http://").unwrap().strip_suffix('/').unwrap();
        Self { address: address.parse().unwrap(), child }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream
    }

    /// The whole answer to these bytes.
    fn answer(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    /// The status and the contents.
    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let answer = self.answer(format!("GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes());
        parts(&answer)
    }

    /// Ends it as Ctrl-C does; its exit status and what it said on standard error.
    fn stop(mut self) -> (Option<i32>, String) {
        interrupt(&self.child);
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Of a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parts(answer: &[u8]) -> (u16, Vec<u8>) {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let head = str::from_utf8(&answer[..end]).unwrap();
    let status = head.strip_prefix("HTTP/1.0 ").unwrap()[..3].parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let contents = answer[end + 4..].to_vec();
    assert_eq!(length.parse(), Ok(contents.len()));
    (status, contents)
}

#[test]
fn files_are_sent_as_they_are() {
    let directory = scratch();
    for size in [0, 1, 4095, 65_535, 65_536, 65_537, 3 * 65_536, 1_000_001] {
        known_file(directory.path(), &size.to_string(), size);
    }
    fs::create_dir(directory.path().join("sub dir")).unwrap();
    fs::write(directory.path().join("sub dir/index.html"), "<p>index").unwrap();
    let server = Server::start(directory.path(), &[]);
    for size in [0, 1, 4095, 65_535, 65_536, 65_537, 3 * 65_536, 1_000_001] {
        let (status, found) = server.get(&format!("/{size}"));
        assert_eq!((status, found.len() as u64), (200, size));
        assert!(found == contents(0..size), "{size} bytes");
    }
    for path in ["/sub%20dir", "/sub%20dir/", "/./sub%20dir/index.html?query"] {
        assert_eq!(server.get(path), (200, b"<p>index".to_vec()), "{path}");
    }
    let head = server.answer(b"HEAD /4095 HTTP/1.1\r\n\r\n");
    let text =
        "HTTP/1.0 200 OK\r\nContent-Length: 4095\r\nContent-Type: application/octet-stream\r\n\r\n";
    assert_eq!(str::from_utf8(&head), Ok(text));
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
        (&absolute, 404),
        ("/missing", 404),
        ("/inside/of", 404),
        ("/", 404),
        ("/%", 400),
        ("/%4", 400),
        ("/%+1", 400),
        ("/%00", 400),
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
    let cases: [(&[u8], u16); 6] = [
        (b"POST / HTTP/1.0\r\n\r\n", 405),
        (b"GET /\r\n\r\n", 400),
        (b"GET / FTP/1.0\r\n\r\n", 400),
        (b"GET x HTTP/1.0\r\n\r\n", 400),
        (b"\xff\xff / HTTP/1.0\n\n", 400),
        (&long[..8192], 400),
    ];
    for (request, status) in cases {
        assert_eq!(parts(&server.answer(request)).0, status, "{}", request.escape_ascii());
    }
    let mut stream = server.connect();
    stream.write_all(b"GET /half").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(parts(&answer).0, 400);
}

#[test]
fn many_clients_are_served_at_a_time_but_no_more_than_allowed() {
    let directory = scratch();
    known_file(directory.path(), "file", 300_000);
    let server = Server::start(directory.path(), &["--connections", "3", "--depth", "2"]);
    // Three that say nothing yet, and one for which there is no place until one of them ends.
    let mut silent: Vec<_> = (0..3).map(|_| server.connect()).collect();
    let mut fourth = server.connect();
    fourth.write_all(b"GET /file HTTP/1.0\r\n\r\n").unwrap();
    fourth.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(fourth.read(&mut [0]).is_err(), "it has to wait");
    drop(silent.pop());
    fourth.set_read_timeout(Some(HANG)).unwrap();
    let mut answer = Vec::new();
    fourth.read_to_end(&mut answer).unwrap();
    assert!(parts(&answer) == (200, contents(0..300_000)));
    drop(silent);

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
fn the_first_signal_waits_for_the_answers_under_way() {
    let directory = scratch();
    known_file(directory.path(), "file", 5_000_000);
    let mut server = Server::start(directory.path(), &[]);
    let mut stream = server.connect();
    stream.write_all(b"GET /file HTTP/1.0\r\n\r\n").unwrap();
    // More than the sockets' buffers hold: the rest is sent after the signal.
    let mut answer = vec![0; 1];
    stream.read_exact(&mut answer).unwrap();
    interrupt(&server.child);
    stream.read_to_end(&mut answer).unwrap();
    assert!(parts(&answer) == (200, contents(0..5_000_000)));
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_second_signal_waits_for_nobody() {
    let directory = scratch();
    known_file(directory.path(), "file", 50_000_000);
    let mut server = Server::start(directory.path(), &[]);
    let mut stream = server.connect();
    stream.write_all(b"GET /file HTTP/1.0\r\n\r\n").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    interrupt(&server.child);
    // It has been seen when nobody listens any more.
    while TcpStream::connect(server.address).is_ok() {
        thread::yield_now();
    }
    assert!(server.child.try_wait().unwrap().is_none());
    interrupt(&server.child);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn it_says_why_it_can_not_serve() {
    let directory = scratch();
    let output = run("serve", directory.path(), &["--help"]);
    assert!(stdout(&output).starts_with("Usage: serve"));
    assert_eq!(output.status.code(), Some(0));

    let output = run("serve", directory.path(), &["missing"]);
    let reason = "serve: missing: No such file or directory (os error 2)\n";
    assert_eq!((stderr(&output), output.status.code()), (reason, Some(1)));
    let file = known_file(directory.path(), "file", 1);
    let output = run("serve", directory.path(), &[file.to_str().unwrap()]);
    assert!(stderr(&output).contains("not a directory"), "{}", stderr(&output));
    let taken = Server::start(directory.path(), &[]);
    let output = run("serve", directory.path(), &["--listen", &taken.address.to_string()]);
    assert!(stderr(&output).contains("in use"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));

    for arguments in [&["--listen", "x"][..], &["--depth", "0"], &["a", "b"], &["--connections=0"]]
    {
        let output = run("serve", directory.path(), arguments);
        assert!(stderr(&output).starts_with("serve: "), "{arguments:?}");
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{arguments:?}");
    }
}
