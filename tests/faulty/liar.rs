//! A file system that lies, for the tests of what such a one can do: it says what it likes of its
//! files, and answers some requests only when the test lets it.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, Request,
};
use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use crate::disk::fuse;
use crate::support::{HANG, scratch, skipped};

/// What can be left unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    Lookup,
    Open,
    Read,
    Flush,
}

/// A file as this file system has it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: FileType,
    /// What it says; as many bytes as `contents` has otherwise come of it.
    pub(crate) size: u64,
    /// What comes when it is read: these bytes over and over, up to `end`.
    pub(crate) contents: Vec<u8>,
    pub(crate) end: u64,
    /// How long the kernel may believe that the name means this.
    pub(crate) believed: Duration,
    /// What opening it is answered with, one after the other, before it succeeds.
    pub(crate) refusals: Vec<i32>,
    /// What becomes of the name when it has been refused.
    pub(crate) becomes: Option<FileType>,
    /// An answer has so many bytes more than were asked for.
    pub(crate) surplus: usize,
    /// And no more than this.
    pub(crate) most: usize,
    /// Instead of it.
    pub(crate) errno: Option<i32>,
}

impl Node {
    /// A file of these bytes, about which nothing is wrong.
    pub(crate) fn honest(contents: &[u8]) -> Self {
        Self {
            kind: FileType::RegularFile,
            size: contents.len() as u64,
            contents: contents.to_vec(),
            end: contents.len() as u64,
            believed: Duration::from_secs(3600),
            refusals: Vec::new(),
            becomes: None,
            surplus: 0,
            most: usize::MAX,
            errno: None,
        }
    }

    fn answer(&self, offset: u64, size: usize) -> Vec<u8> {
        let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = (size.min(left) + self.surplus).min(self.most);
        let begin = (offset % self.contents.len() as u64) as usize;
        let mut bytes = self.contents.repeat((begin + len).div_ceil(self.contents.len()));
        bytes.truncate(begin + len);
        bytes.split_off(begin)
    }
}

/// A request that has not been answered; the thread that asked waits.
enum Held {
    Entry(ReplyEntry, String),
    Opened(ReplyOpen),
    Data(ReplyData, Vec<u8>),
    Empty(ReplyEmpty),
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<String, Node>,
    /// Names and requests that are left unanswered.
    silent: HashSet<(String, Ask)>,
    held: Vec<Held>,
}

#[derive(Clone, Default)]
struct Script(Arc<(Mutex<State>, Condvar)>);

impl Script {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, name: &str, ask: Ask, held: Held) {
        let mut state = self.lock();
        if state.silent.contains(&(name.to_owned(), ask)) {
            state.held.push(held);
            self.0.1.notify_all();
        } else {
            state.give(held);
        }
    }

    /// Answers from this thread, which alone can.
    fn obey(&self, commands: &Receiver<Command>) {
        for Command::Release(done) in commands {
            let mut state = self.lock();
            state.silent.clear();
            let held = std::mem::take(&mut state.held);
            held.into_iter().for_each(|held| state.give(held));
            drop(state);
            done.send(()).unwrap();
        }
    }
}

impl State {
    fn give(&self, held: Held) {
        match held {
            Held::Entry(reply, name) => match self.nodes.get(&name) {
                Some(node) => {
                    let attributes = attributes(self.number(&name), node);
                    reply.entry(&node.believed, &attributes, Generation(0));
                }
                None => reply.error(Errno::ENOENT),
            },
            Held::Opened(reply) => reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO),
            Held::Data(reply, bytes) => reply.data(&bytes),
            Held::Empty(reply) => reply.ok(),
        }
    }

    /// A kind of file has its own number: the kernel doesn't let one change.
    fn number(&self, name: &str) -> u64 {
        let place = self.nodes.keys().position(|other| other == name).unwrap();
        let kind = u64::from(self.nodes[name].kind != FileType::RegularFile);
        2 + 2 * place as u64 + kind
    }

    fn name(&self, number: INodeNo) -> Option<String> {
        let place = (number.0.checked_sub(2)? / 2) as usize;
        self.nodes.keys().nth(place).cloned()
    }
}

fn attributes(number: u64, node: &Node) -> FileAttr {
    fuse::attributes(number, node.kind, 0o777, node.size, SystemTime::UNIX_EPOCH)
}

impl Filesystem for Script {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = name.to_str().unwrap().to_owned();
        self.answer(&name.clone(), Ask::Lookup, Held::Entry(reply, name));
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let state = self.lock();
        let root = Node { kind: FileType::Directory, ..Node::honest(b"") };
        match state.name(number) {
            Some(name) => {
                let node = &state.nodes[&name];
                reply.attr(&node.believed, &attributes(number.0, node));
            }
            None => reply.attr(&root.believed, &attributes(1, &root)),
        }
    }

    fn open(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let mut state = self.lock();
        let name = state.name(number).unwrap();
        let node = state.nodes.get_mut(&name).unwrap();
        let refusal = (!node.refusals.is_empty()).then(|| node.refusals.remove(0));
        if refusal.is_some() {
            node.kind = node.becomes.unwrap_or(node.kind);
        }
        drop(state);
        match refusal {
            Some(errno) => reply.error(Errno::from_i32(errno)),
            None => self.answer(&name, Ask::Open, Held::Opened(reply)),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let state = self.lock();
        let name = state.name(number).unwrap();
        let node = &state.nodes[&name];
        if let Some(errno) = node.errno {
            return reply.error(Errno::from_i32(errno));
        }
        let bytes = node.answer(offset, size as usize);
        drop(state);
        self.answer(&name, Ask::Read, Held::Data(reply, bytes));
    }

    fn flush(&self, _: &Request, number: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        let name = self.lock().name(number).unwrap();
        self.answer(&name, Ask::Flush, Held::Empty(reply));
    }
}

/// Such a file system, mounted; unmounted when dropped, and then everything is answered.
pub(crate) struct Liar {
    script: Script,
    commands: Sender<Command>,
    directory: TempDir,
}

enum Command {
    /// Answers everything, and says so.
    Release(Sender<()>),
}

impl Liar {
    /// With these files; `None`, said loudly, where file systems can't be mounted.
    pub(crate) fn mount<'a>(nodes: impl IntoIterator<Item = (&'a str, Node)>) -> Option<Self> {
        let (script, directory) = (Script::default(), scratch());
        let nodes = nodes.into_iter().map(|(name, node)| (name.to_owned(), node));
        script.lock().nodes = nodes.collect();
        let (commands, received) = mpsc::channel();
        let (sender, started) = mpsc::channel();
        let (own, path) = (script.clone(), directory.path().to_owned());
        thread::spawn(move || match fuse::serve("hostile", own.clone(), &path, "") {
            Ok(_) => {
                sender.send(Ok(())).unwrap();
                own.obey(&received);
            }
            Err(error) => sender.send(Err(error)).unwrap(),
        });
        match started.recv().unwrap() {
            Ok(()) => Some(Self { script, commands, directory }),
            Err(error) => {
                skipped(&format!("a file system that lies: {error}"));
                None
            }
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Leaves requests about a file unanswered from now on.
    pub(crate) fn hold(&self, name: &str, ask: Ask) {
        self.script.lock().silent.insert((name.to_owned(), ask));
    }

    /// Waits until so many wait for an answer.
    pub(crate) fn wait_for(&self, count: usize) {
        let state = self.script.lock();
        let wait = self.script.0.1.wait_timeout_while(state, HANG, |it| it.held.len() < count);
        assert!(!wait.unwrap().1.timed_out(), "fewer than {count} asked");
    }

    /// Answers everything.
    pub(crate) fn release(&self) {
        let (done, is_done) = mpsc::channel();
        self.commands.send(Command::Release(done)).unwrap();
        is_done.recv().unwrap();
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.release();
        // Not waited for: who still has a file open may be a part of a test that has failed.
        let _ = umount2(self.directory.path(), MntFlags::MNT_DETACH);
    }
}
