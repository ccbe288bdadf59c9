//! The one directory: names, and the files that they stand for.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use fuser::{FileAttr, FileType, INodeNo};

use super::contents::Contents;
use super::fuse::attributes;

pub(super) struct Inode {
    /// That it was made with, for the script.
    pub(super) name: String,
    pub(super) contents: Contents,
    /// Opened so that the kernel keeps no page of it, whatever the opener wants.
    pub(super) uncached: bool,
    /// Seconds since the epoch, one for each change: so that every change is seen.
    changed: u64,
}

impl Inode {
    pub(super) fn change(&mut self) -> &mut Contents {
        self.changed += 1;
        &mut self.contents
    }
}

pub(super) struct Tree {
    names: BTreeMap<String, u64>,
    /// By number. One without a name stays, as somebody may have it open.
    inodes: BTreeMap<u64, Inode>,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { names: BTreeMap::new(), inodes: BTreeMap::new() }
    }

    /// Gives a name to a new file. Descriptors of the file that had the name stay open on that
    /// file.
    pub(super) fn make(&mut self, name: &str, contents: Contents, uncached: bool) -> u64 {
        let number = INodeNo::ROOT.0 + 1 + self.inodes.len() as u64;
        let inode = Inode { name: name.to_owned(), contents, uncached, changed: number };
        self.inodes.insert(number, inode);
        self.names.insert(name.to_owned(), number);
        number
    }

    pub(super) fn find(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub(super) fn forget(&mut self, name: &str) -> bool {
        self.names.remove(name).is_some()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names.iter().map(|(name, &number)| (&**name, number))
    }

    pub(super) fn inode(&self, number: u64) -> Option<&Inode> {
        self.inodes.get(&number)
    }

    pub(super) fn inode_mut(&mut self, number: u64) -> Option<&mut Inode> {
        self.inodes.get_mut(&number)
    }

    pub(super) fn named(&mut self, name: &str) -> &mut Inode {
        let number = self.names[name];
        self.inodes.get_mut(&number).unwrap()
    }

    pub(super) fn attributes(&self, number: u64) -> Option<FileAttr> {
        let (kind, perm, size, changed) = if number == INodeNo::ROOT.0 {
            (FileType::Directory, 0o755, 0, 0)
        } else {
            let inode = self.inode(number)?;
            (FileType::RegularFile, 0o644, inode.contents.len(), inode.changed)
        };
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(changed);
        Some(attributes(number, kind, perm, size, time))
    }
}
