//! The option `--backend` of all example programs, also where AIO is forbidden.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::program::{Running, example, run, stderr, stdout};
use crate::support::confined::refuse;
use crate::support::{known_file, scratch};

/// The programs that end by themselves, with arguments for which they succeed.
const PROGRAMS: [(&str, &[&str]); 9] = [
    ("aio_callback", &["file"]),
    ("checksum", &["file"]),
    ("convert", &["--to=target", "--format=zstd", "source"]),
    ("copy_tree", &["source", "target"]),
    ("feed", &[]),
    ("histogram", &["file"]),
    ("labelled_reads", &["file"]),
    ("scrub", &["file"]),
    ("search", &["-c", "", "."]),
];

/// Runs it with this backend, and with AIO forbidden if so wanted.
fn run_on(name: &str, directory: &Path, backend: &str, is_forbidden: bool) -> Output {
    let (_, arguments) = PROGRAMS.iter().find(|(program, _)| *program == name).unwrap();
    let mut command = example(name, directory);
    command.stdin(File::open(directory.join("list")).unwrap());
    if is_forbidden {
        refuse(&mut command, &[libc::SYS_io_setup], libc::ENOSYS);
    }
    let output = command.args(["--backend", backend]).args(*arguments).output().unwrap();
    let _ = fs::remove_dir_all(directory.join("target"));
    output
}

#[test]
fn every_program_takes_a_backend() {
    let directory = scratch();
    known_file(directory.path(), "file", 100_000);
    fs::write(directory.path().join("list"), "file\n").unwrap();
    fs::create_dir(directory.path().join("source")).unwrap();
    known_file(&directory.path().join("source"), "large", (9 << 20) + 5);
    for (name, _) in PROGRAMS {
        let aio = run_on(name, directory.path(), "aio", false);
        assert_eq!((stderr(&aio), aio.status.code()), ("", Some(0)), "{name}");
        // In a loop they are no backend.
        let takes_threads = name != "scrub";
        for (backend, is_forbidden) in
            [("automatic", false), ("automatic", true), ("threads", false), ("threads", true)]
        {
            let output = run_on(name, directory.path(), backend, is_forbidden);
            let case = format!("{name} {backend} {is_forbidden}: {}", stderr(&output));
            if takes_threads || backend == "automatic" && !is_forbidden {
                assert_eq!(output.status.code(), Some(0), "{case}");
                assert_eq!(sorted(stdout(&output)), sorted(stdout(&aio)), "{case}");
            } else {
                let status = if backend == "threads" { 2 } else { 1 };
                assert_eq!(output.status.code(), Some(status), "{case}");
            }
        }
        // This is what the message of the failure recommends.
        let refused = run_on(name, directory.path(), "aio", true);
        assert!(stderr(&refused).contains("Backend::Automatic"), "{name}: {}", stderr(&refused));
        assert!(![0, 2].map(Some).contains(&refused.status.code()) || name == "search", "{name}");
    }
}

/// The programs print what comes first first.
fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_program_tells_of_it() {
    let directory = scratch();
    for (name, arguments) in PROGRAMS.iter().chain(&[("serve", &[][..])]) {
        let help = run(name, directory.path(), &["--help"]);
        assert!(stdout(&help).contains("--backend <BACKEND>"), "{name}");
        let wrong = [&["--backend=uring"], *arguments].concat();
        let output = run(name, directory.path(), &wrong);
        let values = if name == &"scrub" { "aio, automatic" } else { "aio, threads, automatic" };
        assert!(stderr(&output).contains("'--backend <BACKEND>'"), "{name}");
        assert!(stderr(&output).contains(&format!("[possible values: {values}]")), "{name}");
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
}

#[test]
fn a_server_begins_without_aio() {
    let directory = scratch();
    let begin = |backend: &str| {
        let mut command: Command = example("serve", directory.path());
        refuse(&mut command, &[libc::SYS_io_setup], libc::EPERM);
        command.args(["--listen=127.0.0.1:0", "--backend", backend]).stdout(Stdio::piped());
        let mut child = Running::start(command.stderr(Stdio::null()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line
    };
    assert_eq!(begin("aio"), "");
    for backend in ["threads", "automatic"] {
        assert!(begin(backend).starts_with("http://"), "{backend}");
    }
}
