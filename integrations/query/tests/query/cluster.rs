//! A cluster of processes.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Printed, directory, generate, query, run, table};

const SQL: &str = "SELECT count(*), sum(i1), sum(f1) FROM t";

fn end(child: &Child) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
}

#[test]
fn executors_say_what_they_have_read() {
    let data = directory();
    generate(data.path(), "parquet");
    let arguments = ["cluster", "--executors", "2", "--cold", "--table"];
    let printed = run(&[&arguments[..], &[&table(data.path()), SQL]].concat()).succeeded();
    let counts = printed.counts(" read: ");
    assert_eq!(counts.len(), 2, "{}", printed.stderr);
    let device_bytes: u64 = counts.iter().map(|counts| counts.device_bytes).sum();
    assert!(device_bytes > 2 * 8 * 30_000, "{counts:?}");
    assert!(counts.iter().all(|counts| counts.left == 0), "{counts:?}");
}

/// A cluster while it runs a query that would take much longer than the test.
struct Busy {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

impl Busy {
    fn start(data: &Path, temporary: &Path) -> Self {
        let sql = "SELECT sum(a.i1 * b.i1 % 7 + c.i1 % 3) FROM t a, t b, t c";
        let mut command = query(&["cluster", "--table", &table(data), sql]);
        command.env("TMPDIR", temporary).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut lines = stderr.by_ref().lines().map(Result::unwrap);
        let address = lines.find_map(|line| {
            let (address, _) = line.strip_prefix("scheduler at ")?.split_once(',')?;
            Some(address.to_owned())
        });
        let address = address.unwrap();
        Self { child, stderr, address }
    }

    /// Waits for the end of all its processes: then they have closed the pipe.
    fn end(mut self) -> ExitStatus {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        assert!(TcpStream::connect(&self.address).is_err());
        self.child.wait().unwrap()
    }
}

#[test]
fn a_cluster_that_is_asked_to_end_leaves_nothing() {
    let (data, temporary) = (directory(), directory());
    generate(data.path(), "parquet");
    let cluster = Busy::start(data.path(), temporary.path());
    end(&cluster.child);
    assert_eq!(cluster.end().code(), Some(130));
    assert!(fs::read_dir(temporary.path()).unwrap().next().is_none());
}

#[test]
fn a_cluster_that_is_killed_takes_its_processes_along() {
    let (data, temporary) = (directory(), directory());
    generate(data.path(), "parquet");
    let mut cluster = Busy::start(data.path(), temporary.path());
    cluster.child.kill().unwrap();
    assert_eq!(cluster.end().code(), None);
}

/// As on several hosts: each process is started by itself.
#[test]
fn scheduler_executor_and_client_are_programs_of_their_own() {
    let (data, temporary) = (directory(), directory());
    generate(data.path(), "parquet");
    let start = |arguments: &[&str]| {
        let mut command = query(arguments);
        command.env("TMPDIR", temporary.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        (child, lines, first)
    };
    let (scheduler, _lines, first) = start(&["scheduler", "--bind", "127.0.0.1:0"]);
    let address = first.strip_prefix("scheduler ").unwrap().to_owned();
    let (executor, mut lines, first) = start(&["executor", "--scheduler", &address]);
    assert_eq!(first, "executor ready");

    let table = table(data.path());
    let expected = run(&["--store", "local", "--table", &table, SQL]).succeeded().stdout;
    let printed = run(&["--remote", &address, "--cold", "--table", &table, SQL]).succeeded();
    assert_eq!(printed.stdout, expected);
    let failed = run(&["--remote", &address, "--table", &table, "SELECT nothing FROM t"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(failed.stderr.contains("nothing"), "{}", failed.stderr);

    end(&executor);
    let counts = lines.next().unwrap().unwrap();
    assert!(counts.starts_with("executor read: device "), "{counts}");
    assert!(!counts.contains("device 0 reads"), "{counts}");
    for child in [executor, scheduler] {
        // The executor has ended already, or is about to.
        let _ = kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM);
        Printed::of(child.wait_with_output().unwrap()).succeeded();
    }
    assert!(TcpStream::connect(&address).is_err());
    assert!(fs::read_dir(temporary.path()).unwrap().next().is_none());
}
