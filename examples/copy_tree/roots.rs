//! The directories to copy from and to, and the paths of a file in them.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reapool::{Files, FilesBuilder, FilesError};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat, openat2};

use crate::shared::nesting::{self, parent, say};

/// What a file is known by: device and inode.
pub(crate) type FileId = (u64, u64);

#[derive(Clone)]
pub(crate) struct Roots {
    source: PathBuf,
    target: PathBuf,
    /// The names by which files are read begin so: with the source, or with nothing if they are
    /// relative to it.
    prefix: PathBuf,
    /// The source, if the kernel sees to it that nothing outside is opened.
    directory: Option<Arc<OwnedFd>>,
}

impl Roots {
    /// Refuses to copy a source that is no directory. Also refuses to copy a directory into itself,
    /// which would never end, or over a directory that it is in.
    pub(crate) fn new(source: PathBuf, target: PathBuf) -> Result<Self, String> {
        let found = fs::canonicalize(&source).map_err(|error| say(&source, &error))?;
        if !found.is_dir() {
            return Err(say(&source, &"not a directory"));
        }
        nesting::check(&found, &target)?;
        Ok(Self { prefix: source.clone(), source, target, directory: None })
    }

    /// Makes the files layer. It opens nothing outside the source, if the kernel can see to that: a
    /// link may take the place of a directory at any time.
    pub(crate) fn files(&mut self, builder: FilesBuilder) -> Result<Files, FilesError> {
        match builder.clone().beneath(&self.source).build() {
            Err(FilesError::Beneath { source, .. })
                if source.kind() == io::ErrorKind::Unsupported =>
            {
                builder.build()
            }
            Ok(files) => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let directory = open(&self.source, flags, Mode::empty()).map_err(io::Error::from);
                let failed = |source| FilesError::Beneath { path: self.source.clone(), source };
                self.directory = Some(Arc::new(directory.map_err(failed)?));
                self.prefix = PathBuf::new();
                Ok(files)
            }
            failed => failed,
        }
    }

    /// Opens a file that has been found or opened by this name before, if it is the same one.
    pub(crate) fn open(&self, name: &Path, id: FileId) -> io::Result<File> {
        // It may have become a pipe, whose other end nobody is to be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match &self.directory {
            Some(directory) => {
                openat2(directory, name, flags, Mode::empty(), ResolveFlags::BENEATH)
            }
            None => openat(CWD, name, flags, Mode::empty()),
        };
        let file = File::from(opened?);
        let found = file.metadata()?;
        match (found.dev(), found.ino()) == id {
            true => Ok(file),
            false => Err(io::Error::other("another file has taken its place")),
        }
    }

    pub(crate) fn source(&self) -> &Path {
        &self.source
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The name of what the walk has found at a path.
    pub(crate) fn name_of(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix(&self.source).expect("the walk doesn't leave the source");
        joined(&self.prefix, below)
    }

    /// The path in the source for a name.
    pub(crate) fn source_of(&self, name: &Path) -> PathBuf {
        joined(&self.source, self.below(name))
    }

    /// The path in the target for a name.
    pub(crate) fn target_of(&self, name: &Path) -> PathBuf {
        joined(&self.target, self.below(name))
    }

    fn below<'a>(&self, name: &'a Path) -> &'a Path {
        name.strip_prefix(&self.prefix).expect("all names begin so")
    }

    pub(crate) fn sync_parent_of_target(&self) -> io::Result<()> {
        File::open(parent(&self.target))?.sync_all()
    }
}

fn joined(root: &Path, below: &Path) -> PathBuf {
    // Joining an empty path would add a slash.
    if below.as_os_str().is_empty() { root.to_owned() } else { root.join(below) }
}
