//! Mounting, and the end of it.
//!
//! **Nothing is left behind, and nothing waits for ever.** A request that the server doesn't answer
//! holds the thread that made it in the kernel, unkillably, until the connection ends: until the
//! last descriptor of `/dev/fuse` is closed, or somebody writes to the connection's `abort` file
//! (the kernel's Documentation/filesystems/fuse.rst). `fuse` says how a process that serves itself
//! ends it.
//!
//! As soon as it is mounted, the file system is taken out of the directory tree, unless the test
//! wants it there: its paths go through a descriptor of this process, and it is gone with the last
//! one, however the process ends.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

use super::contents::Contents;
use super::fuse;
use super::hold::{Answer, Command, Hold};
use super::script::{Op, Request, Rule, Script};
use super::server::{Server, Shared};
use super::tree::Tree;
use crate::support::{self, scratch, skipped};

/// How the kernel is to use the file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Whether direct I/O is asynchronous (`FUSE_ASYNC_DIO`). If not, io_submit(2) waits for the
    /// answer.
    pub(crate) asynchronous: bool,
    /// The largest transfer, in bytes; a larger one of a client becomes several requests.
    pub(crate) transfer: u32,
    /// For how long the kernel believes what it heard of names, lengths and times without asking
    /// again.
    pub(crate) believed: Duration,
    /// Whether it stays in the directory tree, where names are found without asking anybody; paths
    /// that go through a descriptor never are. A process that is killed leaves such a mount behind.
    pub(crate) attached: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { asynchronous: true, transfer: 1 << 20, believed: Duration::ZERO, attached: false }
    }
}

/// A mounted faulty file system. Dropping it ends it, and whatever is under way in it.
pub(crate) struct Faulty {
    shared: Shared,
    root: File,
    /// Where it is mounted, if it still is.
    directory: Option<TempDir>,
    abort: File,
    commands: Sender<Command>,
    holds: Mutex<usize>,
    server: Option<JoinHandle<()>>,
}

impl Faulty {
    /// `None`, said loudly, where that can't be done.
    pub(crate) fn mount() -> Option<Self> {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Option<Self> {
        match Self::start(options) {
            Ok(disk) => Some(disk),
            Err(error) => {
                skipped(&format!("a FUSE file system: {error}"));
                None
            }
        }
    }

    fn start(options: Options) -> io::Result<Self> {
        let directory = scratch();
        let tree = Arc::new(Mutex::new(Tree::new()));
        let shared = Shared { tree, script: Arc::new(Mutex::new(Script::default())) };
        let (commands, received) = mpsc::channel();
        let (sender, started) = mpsc::channel();
        let server = Server { shared: shared.clone(), options };
        let path = directory.path().to_owned();
        let thread = thread::Builder::new().name("faulty".into());
        let server = thread.spawn(move || match Serving::new(server, &path) {
            Ok(serving) => {
                sender.send(Ok(())).unwrap();
                serving.obey(&received);
            }
            Err(error) => sender.send(Err(error)).unwrap(),
        })?;
        started.recv().map_err(io::Error::other)??;
        let (holds, server) = (Mutex::new(0), Some(server));
        let root = open_root(directory.path());
        if root.is_err() || !options.attached {
            umount2(directory.path(), MntFlags::MNT_DETACH)?;
        }
        let root = root?;
        let directory = Some(directory).filter(|_| options.attached);
        let abort = abort_file(&root)?;
        Ok(Self { shared, root, directory, abort, commands, holds, server })
    }

    /// Where a name is. As long as this process lives, and for its children too.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        if let Some(directory) = &self.directory {
            return directory.path().join(name);
        }
        let process = std::process::id();
        PathBuf::from(format!("/proc/{process}/fd/{}", self.root.as_raw_fd())).join(name)
    }

    /// Makes a file of so many bytes, those of `support::byte_at`, or replaces one.
    pub(crate) fn file(&self, name: &str, len: u64) -> PathBuf {
        self.shared.tree.lock().unwrap().make(name, Contents::new(0, len), false);
        self.path(name)
    }

    /// The same, but the kernel caches nothing of it (`FOPEN_DIRECT_IO`).
    pub(crate) fn uncached(&self, name: &str, len: u64) -> PathBuf {
        self.shared.tree.lock().unwrap().make(name, Contents::new(0, len), true);
        self.path(name)
    }

    /// A file with the bytes of a seed takes a name's place; who has the old one open keeps that.
    pub(crate) fn replace(&self, name: &str, seed: u64, len: u64) {
        let mut tree = self.shared.tree.lock().unwrap();
        let uncached = tree.named(name).uncached;
        tree.make(name, Contents::new(seed, len), uncached);
    }

    /// The file ends there from now on, and nobody tells the kernel.
    pub(crate) fn truncate(&self, name: &str, len: u64) {
        self.shared.tree.lock().unwrap().named(name).change().set_len(len);
    }

    /// What is in a file, without asking the kernel.
    pub(crate) fn contents(&self, name: &str) -> Vec<u8> {
        let mut tree = self.shared.tree.lock().unwrap();
        tree.named(name).contents.read(0, usize::MAX)
    }

    /// Adds a rule. Those added before it come first.
    pub(crate) fn rule(&self, rule: Rule) {
        self.shared.script.lock().unwrap().add(rule);
    }

    /// From now on there are no rules. What is held stays so.
    pub(crate) fn clear(&self) {
        self.shared.script.lock().unwrap().clear();
    }

    /// A hold for rules.
    pub(crate) fn hold(&self) -> Hold {
        let mut holds = self.holds.lock().unwrap();
        *holds += 1;
        Hold::new(*holds, self.commands.clone())
    }

    /// How many requests of a kind have come.
    pub(crate) fn count(&self, op: Op) -> usize {
        self.shared.script.lock().unwrap().count(op)
    }

    /// The requests of a kind for a file, in the order in which they came: the first ten thousand.
    pub(crate) fn requests(&self, op: Op, file: &str) -> Vec<Request> {
        let script = self.shared.script.lock().unwrap();
        let ours = script.log().iter().filter(|request| request.op == op && request.file == file);
        ours.cloned().collect()
    }

    /// Breaks the connection: what is under way ends with `ECONNABORTED`, all else with `ENOTCONN`.
    pub(crate) fn abort(&self) {
        // It fails only if there is no such connection any more.
        let _ = (&self.abort).write_all(b"1");
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.abort();
        let _ = self.commands.send(Command::End);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
        if let Some(directory) = &self.directory {
            let _ = umount2(directory.path(), MntFlags::MNT_DETACH);
        }
    }
}

/// The server's thread, and those that it started.
struct Serving {
    session: JoinHandle<io::Result<()>>,
}

impl Serving {
    fn new(server: Server, directory: &Path) -> io::Result<Self> {
        let options = format!(",max_read={}", server.options.transfer);
        Ok(Self { session: fuse::serve("faulty", server, directory, &options)? })
    }

    /// Answers what is held when the test wants it.
    fn obey(self, commands: &Receiver<Command>) {
        let mut kept: BTreeMap<usize, Vec<Answer>> = BTreeMap::new();
        for command in commands {
            match command {
                Command::Keep(hold, answer) => kept.entry(hold).or_default().push(answer),
                Command::Answer(hold, most) => {
                    let held = kept.entry(hold).or_default();
                    let count = most.min(held.len());
                    held.drain(..count).for_each(|answer| answer());
                }
                Command::End => break,
            }
        }
        drop(kept);
        let _ = self.session.join();
    }
}

/// Opens what is mounted at a directory, as a place that paths can begin at.
fn open_root(directory: &Path) -> io::Result<File> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    OpenOptions::new().read(true).custom_flags(flags).open(directory)
}

/// The file by which the connection of a mounted file system is broken. It is found in a file
/// system of the kernel's, which is mounted for a moment.
fn abort_file(root: &File) -> io::Result<File> {
    // What the kernel calls a connection is the number of its device.
    let connection = libc::minor(root.metadata()?.dev());
    let directory = scratch();
    mount(Some("none"), directory.path(), Some("fusectl"), MsFlags::empty(), None::<&str>)?;
    let abort = directory.path().join(connection.to_string()).join("abort");
    let abort = OpenOptions::new().write(true).open(abort);
    umount2(directory.path(), MntFlags::MNT_DETACH)?;
    abort
}
