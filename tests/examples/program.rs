//! The example programs, to be run as their users run them.

use std::fs;
use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::{on_threads, public, skipped};

/// An example, to be run in a directory, with the engine that the tests are run for if it can have
/// another. `cargo test` builds it beside the directory of this test, but `cargo test --test NAME`
/// does not.
pub(crate) fn example(name: &str, directory: &Path) -> Command {
    let mut command = Command::new(program(name));
    command.current_dir(directory).stdin(Stdio::null());
    if on_threads() && name != "scrub" {
        command.arg("--backend=threads");
    }
    command
}

/// Where an example is; it has to be up to date.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    assert!(
        modified(&program) >= sources(name).iter().map(|source| modified(source)).max().unwrap(),
        "{} is missing or out of date: run cargo build --examples, or all of cargo test",
        program.display()
    );
    program
}

/// An example's one file with the modules that it names, or all files in its directory and in the
/// one that such examples share.
fn sources(name: &str) -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = |directory: &str| {
        let entries = fs::read_dir(examples.join(directory)).ok()?;
        Some(entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>())
    };
    match files(name) {
        Some(own) => own.into_iter().chain(files("shared").unwrap()).collect(),
        None => {
            let source = examples.join(name).with_extension("rs");
            let text = fs::read_to_string(&source).unwrap();
            let shared = text.lines().filter_map(|line| line.strip_prefix("#[path = \""));
            let shared = shared.map(|path| examples.join(path.trim_end_matches("\"]")));
            shared.chain([source.clone()]).collect()
        }
    }
}

pub(crate) fn run(name: &str, directory: &Path, arguments: &[&str]) -> Output {
    example(name, directory).args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// An example prints its usage when asked to, and says what is wrong with a command line, or with
/// what it names, by this status.
pub(crate) fn explains_itself(name: &str, directory: &Path, mistakes: &[(&[&str], i32)]) {
    // Of grep, `-h` is another option.
    let options = if name == "search" { &["--help"][..] } else { &["--help", "-h"] };
    for option in options {
        let output = run(name, directory, &[option]);
        assert!(stdout(&output).starts_with(&format!("Usage: {name}")));
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    }
    for (mistake, code) in mistakes {
        let output = run(name, directory, mistake);
        assert!(stderr(&output).starts_with(&format!("{name}: ")), "{mistake:?}");
        assert_eq!((stdout(&output), output.status.code()), ("", Some(*code)), "{mistake:?}");
    }
}

/// The user and group that own nothing.
const NOBODY: u32 = 65_534;

/// An example to be run by a user who may not read everything, in a [`public`] directory; there is
/// another one with a copy of the program, to be kept meanwhile. `None`, said loudly, where that
/// can't be done: only root can become another user.
pub(crate) fn unprivileged(name: &str, directory: &Path) -> Option<(Command, TempDir)> {
    let copy = public();
    let program = copy.path().join(name);
    fs::copy(self::program(name), &program).unwrap();
    let by_nobody = || {
        let mut command = Command::new(&program);
        command.current_dir(directory).stdin(Stdio::null()).uid(NOBODY).gid(NOBODY);
        command
    };
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let can_run = || loop {
        match by_nobody().arg("--help").stdout(Stdio::null()).status() {
            // Another test's child, which has not got to its own program yet, has the copy open as
            // this process had it.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            status => return status.is_ok_and(|it| it.success()),
        }
    };
    if !is_root || !can_run() {
        skipped(&format!("{name} without the right to read: it can't be run as another user"));
        return None;
    }
    Some((by_nobody(), copy))
}

/// A program that runs, and is killed if its test fails.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has been waited for if its test succeeded.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether the process has a file open in this directory that is not complete: it has no name, or
/// one that begins with a dot.
pub(crate) fn is_writing_in(process: &Child, directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", process.id())) else { return false };
    let files = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    files.into_iter().any(|file| {
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        // So the kernel shows a file that has no name.
        let is_unnamed = name.starts_with(b"#") && name.ends_with(b" (deleted)");
        file.parent() == Some(directory) && (is_unnamed || name.starts_with(b"."))
    })
}

/// The most memory that the process has had at a time, in bytes.
pub(crate) fn most_memory(process: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    most.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

/// Ctrl-C.
pub(crate) fn interrupt(child: &Child) {
    send(child, Signal::SIGINT);
}

pub(crate) fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}
