//! An open object: its file, what `object_store` says about it, and whether this store reads it.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::statfs::{self, FsType, fstatfs};
use object_store::ObjectMeta;
use object_store::path::Path as Location;
use reapool::{FileHandle, FileKind, ReadHistory};

/// Who reads an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// This store.
    Reapool,
    /// `LocalFileSystem`, for this reason.
    LocalFileSystem(Reason),
}

/// Why an object is left to `LocalFileSystem`. It is shown as a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The file system is on a network or served by a process, or it is not known to this store:
    /// one stat(2) a call may be a round trip.
    Elsewhere,
    /// The file has no direct reads: it is in memory, or its file system has none.
    NoDirectReads,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elsewhere => {
                "the file system is on a network, served by a process, or not known: asking it for \
                 the file at each call may be slow"
            }
            Self::NoDirectReads => "the file can't be read directly, past the page cache",
        })
    }
}

/// What tells one file, and one state of it, from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    device: u64,
    inode: u64,
    size: u64,
    modified: SystemTime,
}

impl Version {
    /// That of the file which the path leads to now.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: metadata.modified()?,
        })
    }

    fn of(metadata: &reapool::Metadata) -> Self {
        let &reapool::Metadata { device, inode, size, modified, .. } = metadata;
        Self { device, inode, size, modified }
    }
}

pub(crate) struct Object {
    pub(crate) file: FileHandle,
    pub(crate) version: Version,
    /// That by which it was opened.
    pub(crate) path: PathBuf,
}

/// The outcome of opening a file for this store.
pub(crate) enum Opened {
    Object(Object),
    NotOurs(Reason),
}

impl Object {
    /// Opens a file. It waits for the device if need be. An error says only that there is one:
    /// `LocalFileSystem` tells which.
    pub(crate) fn open(path: &Path, history: &ReadHistory) -> io::Result<Opened> {
        let file = history.open(path)?;
        if file.kind() != FileKind::Regular {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if !is_local(fstatfs(file.as_fd())?.filesystem_type()) {
            return Ok(Opened::NotOurs(Reason::Elsewhere));
        }
        if !file.is_automatic() {
            return Ok(Opened::NotOurs(Reason::NoDirectReads));
        }
        let version = Version::of(&file.metadata()?);
        let path = path.to_owned();
        Ok(Opened::Object(Self { file, version, path }))
    }

    pub(crate) fn size(&self) -> u64 {
        self.version.size
    }

    /// As `LocalFileSystem` has it, so that an object's tag is the same in a list.
    pub(crate) fn meta(&self, location: &Location) -> ObjectMeta {
        let Version { inode, size, modified, .. } = self.version;
        let micros = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        ObjectMeta {
            location: location.clone(),
            last_modified: modified.into(),
            size,
            e_tag: Some(quoted(format!("{inode:x}-{micros:x}-{size:x}"))),
            version: None,
        }
    }
}

/// A tag as this version of `LocalFileSystem` writes it.
fn quoted(tag: String) -> String {
    if cfg!(object_store_0_13) { tag } else { format!("\"{tag}\"") }
}

/// Whether it is a file system that answers by itself, on a device or in memory, and reads directly
/// without keeping the caller.
fn is_local(kind: FsType) -> bool {
    const BCACHEFS: FsType = FsType(0xca45_1a4e);
    let known = [
        statfs::BTRFS_SUPER_MAGIC,
        statfs::EXT4_SUPER_MAGIC,
        statfs::OVERLAYFS_SUPER_MAGIC,
        statfs::TMPFS_MAGIC,
        statfs::XFS_SUPER_MAGIC,
        BCACHEFS,
        statfs::F2FS_SUPER_MAGIC,
    ];
    known.contains(&kind)
}
