//! The example `serve` while it runs, and a client that takes nothing for granted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;

use crate::program::{Running, example, interrupt};
use crate::support::HANG;

/// A server on a port of its own.
pub(crate) struct Server {
    pub(crate) child: Running,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut command = example("serve", directory);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let mut child = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("http://").unwrap().strip_suffix('/').unwrap();
        Self { address: address.parse().unwrap(), child }
    }

    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        Client(BufReader::new(stream))
    }

    /// The answer to a request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        self.connect().ask(method, path, headers)
    }

    /// The status and the contents.
    pub(crate) fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let answer = self.ask("GET", path, "");
        (answer.status, answer.contents)
    }

    /// Ends it as Ctrl-C does; its exit status and what it said on standard error.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        interrupt(&self.child);
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

/// A connection to a server.
pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

impl Client {
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }

    /// Sends a request. Each of the headers ends with a line break.
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &str) {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        self.stream().write_all(request.as_bytes()).unwrap();
    }

    /// The next answer, which is one to this method.
    pub(crate) fn receive(&mut self, method: &str) -> Answer {
        let mut answer = self.head();
        if method != "HEAD" && answer.status != 304 {
            answer.contents.resize(answer.length().unwrap(), 0);
            self.0.read_exact(&mut answer.contents).unwrap();
        }
        answer
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &str) -> Answer {
        self.send(method, path, headers);
        self.receive(method)
    }

    /// The head of the next answer.
    pub(crate) fn head(&mut self) -> Answer {
        let mut lines = self.0.by_ref().lines().map(Result::unwrap);
        let line = lines.next().expect("an answer");
        let status = line.strip_prefix("HTTP/1.").unwrap()[2..5].parse().unwrap();
        let headers = lines.take_while(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Answer { status, headers: headers.collect(), contents: Vec::new() }
    }

    /// What is left until the server closes the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) contents: Vec<u8>,
}

impl Answer {
    /// The value of the only header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other == name);
        let value = found.next().map(|(_, value)| &**value);
        assert!(found.next().is_none(), "{name} is there twice");
        value
    }

    pub(crate) fn length(&self) -> Option<usize> {
        self.header("content-length").map(|length| length.parse().unwrap())
    }
}
