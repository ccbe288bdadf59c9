//! The example programs where few files may be open at a time: they take longer, and lose nothing.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::program::{Running, example, interrupt, stderr, stdout};
use crate::support::confined::limit_files;
use crate::support::{known_file, scratch, watched};

/// How many files there are, and how many may be open.
const FILES: usize = 400;
const LIMIT: u64 = 64;

fn make_files(directory: &Path, contents: &str) -> Vec<String> {
    fs::create_dir(directory).unwrap();
    let names: Vec<String> = (0..FILES).map(|number| number.to_string()).collect();
    names.iter().for_each(|name| fs::write(directory.join(name), contents).unwrap());
    names
}

fn limited(name: &str, directory: &Path, limit: u64) -> Command {
    let mut command = example(name, directory);
    limit_files(&mut command, limit);
    command
}

fn succeeds(output: &Output) {
    assert_eq!((stderr(output), output.status.code()), ("", Some(0)));
}

#[test]
fn feed_and_checksum_read_all_files() {
    let directory = scratch();
    let names = make_files(&directory.path().join("files"), "contents");
    let list = directory.path().join("list");
    fs::write(&list, names.join("\n")).unwrap();
    for options in [&[][..], &["--files=1024"]] {
        let mut command = limited("feed", &directory.path().join("files"), LIMIT);
        let command = command.args(options).stdin(fs::File::open(&list).unwrap());
        let output = command.output().unwrap();
        succeeds(&output);
        assert_eq!(stdout(&output).lines().count(), FILES);
    }
    let output = limited("checksum", directory.path(), LIMIT).arg("files").output().unwrap();
    succeeds(&output);
    assert_eq!(stdout(&output).lines().count(), FILES);
}

#[test]
fn copy_tree_copies_all_files() {
    let directory = scratch();
    let names = make_files(&directory.path().join("source"), "contents");
    let direct = &["--policy=direct", "--verify"][..];
    // With the larger limit, the files layer itself would have many files open at a time.
    for (limit, options) in [(LIMIT, &[][..]), (LIMIT, direct), (150, &[]), (150, direct)] {
        let mut command = limited("copy_tree", directory.path(), limit);
        succeeds(&command.args(options).args(["source", "target"]).output().unwrap());
        for name in &names {
            let copy = directory.path().join("target").join(name);
            assert_eq!(fs::read(copy).unwrap(), b"contents");
        }
        fs::remove_dir_all(directory.path().join("target")).unwrap();
    }
}

#[test]
fn convert_converts_all_files() {
    let directory = scratch();
    let names = make_files(&directory.path().join("source"), "contents");
    let verify = &["--policy=direct", "--verify"][..];
    for (limit, options) in [(LIMIT, &[][..]), (LIMIT, verify), (150, &["--fsync"]), (150, verify)]
    {
        let mut command = limited("convert", directory.path(), limit);
        succeeds(&command.args(options).args(["--to=target", "source"]).output().unwrap());
        let mut command = limited("convert", directory.path(), limit);
        let back = ["--decompress", "--remove", "target"];
        succeeds(&command.args(options).args(back).output().unwrap());
        for name in &names {
            assert_eq!(fs::read(directory.path().join("target").join(name)).unwrap(), b"contents");
        }
        fs::remove_dir_all(directory.path().join("target")).unwrap();
    }
}

#[test]
fn search_prints_all_lines() {
    let directory = scratch();
    // More than is kept in memory of each file, so that all have temporary files.
    let lines = 7000;
    make_files(&directory.path().join("files"), &"line ten..\n".repeat(lines));
    // All have to wait until this one has been searched.
    fs::write(directory.path().join("first"), "-\n".repeat(20 << 20)).unwrap();
    for limit in [LIMIT, 150] {
        let mut command = limited("search", directory.path(), limit);
        let output = command.args(["--order=input", "ten", "first", "files"]).output().unwrap();
        succeeds(&output);
        assert_eq!(stdout(&output).lines().count(), FILES * lines);
    }
}

#[test]
fn serve_answers_all_clients() {
    watched(|| {
        let directory = scratch();
        known_file(directory.path(), "file", 1000);
        let mut command = limited("serve", directory.path(), LIMIT);
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = Running::start(&mut command);
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
        // All connect before the first asks, and each is answered in its turn.
        let clients: Vec<_> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
        for mut client in clients {
            client.write_all(b"GET /file HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).unwrap();
            assert!(answer.starts_with(b"HTTP/1.0 200 "), "{}", answer.escape_ascii());
        }
        interrupt(&server);
        let mut said = String::new();
        server.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
    });
}
