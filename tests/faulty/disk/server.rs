//! The server: does what the kernel asks for, unless the script says otherwise.

use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use fuser::{
    BsdFileFlags, Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    InitFlags, KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, TimeOrNow, WriteFlags,
};

use super::contents::Contents;
use super::mount::Options;
use super::script::{Change, Op, Outcome, Request, Script};
use super::tree::Tree;

/// How many requests that nobody waits for, as those of AIO are, the kernel hands out at a time.
/// The others would wait in the kernel while these are held.
const IN_BACKGROUND: u16 = 4096;

/// What the test and the server share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) tree: Arc<Mutex<Tree>>,
    pub(super) script: Arc<Mutex<Script>>,
}

pub(super) struct Server {
    pub(super) shared: Shared,
    pub(super) options: Options,
}

impl Server {
    /// Has `answer` given: how many bytes may be transferred, or the error, and the tree.
    fn decide(
        &self,
        op: Op,
        (ino, offset, count): (u64, u64, usize),
        answer: impl FnOnce(Result<usize, Errno>, &mut Tree) + Send + 'static,
    ) {
        let tree = self.shared.tree.lock().unwrap();
        let file = tree.inode(ino).map_or(String::new(), |inode| inode.name.clone());
        drop(tree);
        self.decide_named(Request { op, file, offset, count }, answer);
    }

    fn decide_named(
        &self,
        request: Request,
        answer: impl FnOnce(Result<usize, Errno>, &mut Tree) + Send + 'static,
    ) {
        let rule = self.shared.script.lock().unwrap().decide(&request);
        let tree = Arc::clone(&self.shared.tree);
        let (outcome, change) = rule
            .as_ref()
            .map_or((Outcome::Most(usize::MAX), None), |rule| (rule.outcome, rule.change));
        let answer = move || {
            let mut tree = tree.lock().unwrap();
            match change {
                Some(Change::Truncate(len)) => tree.named(&request.file).change().set_len(len),
                Some(Change::Replace { seed, len }) => {
                    let uncached = tree.named(&request.file).uncached;
                    tree.make(&request.file, Contents::new(seed, len), uncached);
                }
                None => {}
            }
            let allowed = match outcome {
                Outcome::Most(most) => Ok(most.min(request.count)),
                Outcome::Errno(errno) => Err(Errno::from_i32(errno)),
            };
            answer(allowed, &mut tree);
        };
        match rule.and_then(|rule| rule.hold) {
            Some(hold) => hold.keep(Box::new(answer)),
            None => answer(),
        }
    }
}

fn open_flags(tree: &Tree, ino: u64) -> FopenFlags {
    match tree.inode(ino) {
        Some(inode) if inode.uncached => FopenFlags::FOPEN_DIRECT_IO,
        _ => FopenFlags::empty(),
    }
}

impl Filesystem for Server {
    fn init(&mut self, _: &fuser::Request, config: &mut KernelConfig) -> io::Result<()> {
        // Without the second, names of a directory are looked up one by one.
        let mut wanted = InitFlags::FUSE_AUTO_INVAL_DATA | InitFlags::FUSE_PARALLEL_DIROPS;
        if self.options.asynchronous {
            wanted |= InitFlags::FUSE_ASYNC_DIO;
        }
        let refused = |_| io::Error::other("the kernel's FUSE can't do this");
        config.add_capabilities(wanted).map_err(refused)?;
        config.set_max_write(self.options.transfer).map_err(|_| io::Error::other("max_write"))?;
        config.set_max_background(IN_BACKGROUND).map_err(|_| io::Error::other("max_background"))?;
        Ok(())
    }

    fn lookup(&self, _: &fuser::Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = name.to_string_lossy().into_owned();
        let request = Request { op: Op::Lookup, file: name.clone(), offset: 0, count: 0 };
        let believed = self.options.believed;
        self.decide_named(request, move |allowed, tree| {
            let found = allowed.and_then(|_| tree.find(&name).ok_or(Errno::ENOENT));
            match found {
                Ok(ino) => reply.entry(&believed, &tree.attributes(ino).unwrap(), Generation(0)),
                Err(errno) => reply.error(errno),
            }
        });
    }

    fn getattr(&self, _: &fuser::Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let believed = self.options.believed;
        self.decide(Op::Attributes, (ino.0, 0, 0), move |allowed, tree| {
            match allowed.and_then(|_| tree.attributes(ino.0).ok_or(Errno::ESTALE)) {
                Ok(attributes) => reply.attr(&believed, &attributes),
                Err(errno) => reply.error(errno),
            }
        });
    }

    fn setattr(
        &self,
        _: &fuser::Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let believed = self.options.believed;
        self.decide(Op::SetLength, (ino.0, size.unwrap_or(0), 0), move |allowed, tree| {
            if let Err(errno) = allowed {
                return reply.error(errno);
            }
            let inode = tree.inode_mut(ino.0);
            if let (Some(size), Some(inode)) = (size, inode) {
                inode.change().set_len(size);
            }
            match tree.attributes(ino.0) {
                Some(attributes) => reply.attr(&believed, &attributes),
                None => reply.error(Errno::ESTALE),
            }
        });
    }

    fn create(
        &self,
        _: &fuser::Request,
        _: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let name = name.to_string_lossy().into_owned();
        let request = Request { op: Op::Open, file: name.clone(), offset: 0, count: 0 };
        let believed = self.options.believed;
        self.decide_named(request, move |allowed, tree| {
            if let Err(errno) = allowed {
                return reply.error(errno);
            }
            let ino = tree.make(&name, Contents::new(0, 0), false);
            let attributes = tree.attributes(ino).unwrap();
            let (handle, flags) = (FileHandle(0), FopenFlags::empty());
            reply.created(&believed, &attributes, Generation(0), handle, flags);
        });
    }

    fn unlink(&self, _: &fuser::Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        match self.shared.tree.lock().unwrap().forget(&name.to_string_lossy()) {
            true => reply.ok(),
            false => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &fuser::Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.decide(Op::Open, (ino.0, 0, 0), move |allowed, tree| match allowed {
            Ok(_) => reply.opened(FileHandle(0), open_flags(tree, ino.0)),
            Err(errno) => reply.error(errno),
        });
    }

    fn read(
        &self,
        _: &fuser::Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.decide(Op::Read, (ino.0, offset, size as usize), move |allowed, tree| match allowed {
            Ok(most) => reply.data(&tree.inode(ino.0).unwrap().contents.read(offset, most)),
            Err(errno) => reply.error(errno),
        });
    }

    fn write(
        &self,
        _: &fuser::Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let data = data.to_vec();
        self.decide(Op::Write, (ino.0, offset, data.len()), move |allowed, tree| match allowed {
            Ok(most) => {
                tree.inode_mut(ino.0).unwrap().change().write(offset, &data[..most]);
                reply.written(most as u32);
            }
            Err(errno) => reply.error(errno),
        });
    }

    fn flush(
        &self,
        _: &fuser::Request,
        ino: INodeNo,
        _: FileHandle,
        _: LockOwner,
        reply: ReplyEmpty,
    ) {
        self.decide(Op::Close, (ino.0, 0, 0), move |allowed, _| match allowed {
            Ok(_) => reply.ok(),
            Err(errno) => reply.error(errno),
        });
    }

    fn fsync(&self, _: &fuser::Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.decide(Op::Sync, (ino.0, 0, 0), move |allowed, _| match allowed {
            Ok(_) => reply.ok(),
            Err(errno) => reply.error(errno),
        });
    }

    fn release(
        &self,
        _: &fuser::Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.decide(Op::Release, (ino.0, 0, 0), move |_, _| reply.ok());
    }

    fn readdir(
        &self,
        _: &fuser::Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let tree = self.shared.tree.lock().unwrap();
        for (place, (name, ino)) in tree.names().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(ino), place as u64 + 1, FileType::RegularFile, name) {
                break;
            }
        }
        reply.ok();
    }
}
