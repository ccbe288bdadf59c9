//! A file that gets its name when it is complete, so that nobody ever finds a part of it.
//! `temporary` is the file until then, and `permissions` are those of the file that was there. No
//! bytes are written here, but for a file that must be copied to get a name.

mod permissions;
mod temporary;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::ffi::{CStr, CString, OsStr};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::file::attributes::Attributes;
use crate::file::durability::Durability;
use crate::file::existing::Existing;
use crate::file::handle::FileHandle;
use crate::file::links::Links;
use crate::file::metadata::{FileKind, Metadata};
use crate::file::open::by_way;
use crate::file::open_error::OpenError;
use crate::file::options::OpenOptions;
use crate::file::shown::Shown;
use crate::sys::descriptor::{open_again, set_mode, sync};
use crate::sys::directory::{open_directory, open_in};
use permissions::Permissions;
use temporary::{Place, Temporary, refuses_links};

/// A new file that takes the place of another, or of none, when it is complete.
///
/// Until then it has no name (`O_TMPFILE`). If it is to be synced, or the file system has no such
/// files, it has a hidden name in the same directory, `.NAME.RANDOM.tmp`. Dropping removes the
/// file, also while a panic unwinds, and the target stays as it was. A process that is killed
/// leaves a file behind that has a temporary name. A forked child's copy does nothing.
///
/// A file that is synced before it has a name can have lost its contents after a crash, on file
/// systems that don't log what has no name: btrfs, as of Linux 6.18 (`btrfs_log_inode_parent`).
///
/// The directory is opened once. If it is renamed, or the process changes its current directory,
/// the file is replaced where it was.
pub(crate) struct Replacement {
    // Dropped before the file, so that no other file has its inode while that is compared.
    temporary: Temporary,
    file: FileHandle,
    name: CString,
    /// As it was given, for messages.
    target: PathBuf,
    links: Links,
    existing: Existing,
    durability: Durability,
    /// Of the file that was there at the beginning.
    permissions: Option<Permissions>,
    /// What the file is to have instead, and besides.
    attributes: Attributes,
}

impl Replacement {
    /// Creates the new file, for reading and writing, by the way of I/O of the options. Of these,
    /// what says whether the file is read, written, appended to, truncated or created has no
    /// meaning here.
    ///
    /// If there is a regular file, whether it may be written makes no difference, and the new file
    /// gets its permissions (not its access control list, nor other extended attributes). Until
    /// then it is its owner's alone. Else the options have the mode, from which the umask is taken.
    ///
    /// A symbolic link is replaced itself, as by rename(2), and what it leads to stays as it is;
    /// with [`Links::Refuse`] it is an error. (It is not followed, as a process that does that by
    /// itself does not have the kernel's protection from links of other users.) Directories,
    /// devices, pipes and sockets are not replaced.
    ///
    /// It blocks, as open(2) does.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the target, and there is no temporary file.
    pub(crate) fn begin(
        target: &Path,
        options: &OpenOptions,
        existing: Existing,
        durability: Durability,
    ) -> Result<(Self, FileHandle), OpenError> {
        let options = options.for_replacement();
        let failed = |explanation| move |source| OpenError::new(target, source, explanation);
        if let Some(advice) = options.contradiction() {
            return Err(failed(None)(io::Error::new(io::ErrorKind::InvalidInput, advice)));
        }
        let (directory, name) = split(target).map_err(failed(None))?;
        let explanation = Some("this is about its directory");
        let directory = open_directory(directory).map_err(failed(explanation))?;
        let links = options.link_rule();
        let replaced = look(directory.as_fd(), &name, (links, existing)).map_err(|source| {
            let explanation = options.explanation(&source);
            failed(explanation)(source)
        })?;
        let mode = if replaced.is_some() { 0o600 } else { options.mode_of_new() };
        let explanation = Some("this is about a temporary file in its directory");
        let create = match durability {
            Durability::Cached => Temporary::create_unnamed,
            Durability::Synced => Temporary::create_named,
        };
        let (temporary, fd, metadata) =
            create(directory, &name, options.flags(), mode).map_err(failed(explanation))?;
        let file = by_way(&options, fd, &metadata).map_err(|source| {
            let explanation = options.explanation(&source);
            failed(explanation)(source)
        })?;
        let (handle, target) = (file.clone(), target.to_owned());
        let (attributes, permissions) = (Attributes::default(), replaced);
        let replacement = Self {
            temporary,
            file,
            name,
            target,
            links,
            existing,
            durability,
            permissions,
            attributes,
        };
        Ok((replacement, handle))
    }

    /// The same, with these attributes instead of those of the file that is replaced.
    pub(crate) fn with(self, attributes: Attributes) -> Self {
        Self { attributes, ..self }
    }

    /// Gives the file its name, and syncs the directory, if that is asked for.
    #[cfg(test)]
    pub(crate) fn commit(self) -> io::Result<()> {
        self.take_name()?.map_or(Ok(()), Renamed::sync)
    }

    /// Gives the file its name, in the place of what has that. What was written to the file has to
    /// be complete.
    ///
    /// It blocks, if the file is to be synced until the device has all of it. The directory is
    /// still to be synced then.
    ///
    /// # Errors
    ///
    /// They name the target, and say what failed; their source is the system's error. The temporary
    /// file is gone then, and the target as it was.
    pub(crate) fn take_name(mut self) -> io::Result<Option<Renamed>> {
        if self.temporary.is_forked() {
            let source = io::Error::new(io::ErrorKind::Unsupported, "it is the parent's");
            return Err(self.failed(Step::Process, source));
        }
        if self.takes_free_name()? {
            return Ok(None);
        }
        self.take_temporary_name().map_err(|source| self.failed(Step::Name, source))?;
        self.give_attributes()?;
        let directory = self.sync()?;
        let renamed = self.temporary.rename_to(&self.name, self.existing);
        renamed.map_err(|source| self.failed(Step::Name, source))?;
        let target = self.target.clone();
        Ok(directory.map(|directory| Renamed { directory, target }))
    }

    /// The short way of a file that needs no more than its name, if nothing has that, as in the
    /// beginning.
    fn takes_free_name(&mut self) -> io::Result<bool> {
        if self.permissions.is_some() || *self.temporary.place() != Place::Unnamed {
            return Ok(false);
        }
        let file = self.file.as_fd();
        self.attributes.give_to(file).map_err(|source| self.failed(Step::Attributes, source))?;
        match self.temporary.take_free_name(file, &self.name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists || refuses_links(&error) => {
                Ok(false)
            }
            named => named.map(|()| true).map_err(|source| self.failed(Step::Name, source)),
        }
    }

    fn take_temporary_name(&mut self) -> io::Result<()> {
        match self.temporary.take_temporary_name(self.file.as_fd(), &self.name) {
            Err(error) if refuses_links(&error) => self.copy_under_name(),
            named => named,
        }
    }

    /// Copies the file, which can't get a name, to one that has a temporary name.
    fn copy_under_name(&mut self) -> io::Result<()> {
        let mode = Metadata::of(self.file.as_fd())?.mode;
        let directory = self.temporary.directory().try_clone_to_owned()?;
        let (temporary, copy, _) = Temporary::create_named(directory, &self.name, 0, mode)?;
        let mut bytes = File::from(open_again(self.file.as_fd(), File::options().read(true))?);
        let mut copy = File::from(copy);
        io::copy(&mut bytes, &mut copy)?;
        // The umask may have taken some of it.
        set_mode(copy.as_fd(), mode)?;
        (self.temporary, self.file) = (temporary, FileHandle::from(copy));
        Ok(())
    }

    /// Gives the file its attributes, or the permissions of that which is replaced. Writing would
    /// take set-id bits away, so this is done when it is over.
    fn give_attributes(&self) -> io::Result<()> {
        let rules = (self.links, self.existing);
        let replaced = look(self.temporary.directory(), &self.name, rules)
            .map_err(|source| self.failed(Step::Look, source))?;
        // Of a file that is gone by now, they are known from the beginning.
        let file = self.file.as_fd();
        let given = match replaced.or(self.permissions) {
            Some(permissions) if !self.attributes.have_permissions() => permissions.give_to(file),
            _ => Ok(()),
        };
        let given = given.and_then(|()| self.attributes.give_to(file));
        given.map_err(|source| self.failed(Step::Attributes, source))
    }

    /// Syncs the file, if that is asked for. The directory is opened, which can fail, before
    /// anything is renamed.
    fn sync(&self) -> io::Result<Option<OwnedFd>> {
        if self.durability == Durability::Cached {
            return Ok(None);
        }
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        let directory = open_in(self.temporary.directory(), c".", flags, 0)
            .map_err(|source| self.failed(Step::OpenDirectory, source))?;
        sync(self.file.as_fd()).map_err(|source| self.failed(Step::SyncFile, source))?;
        Ok(Some(directory))
    }

    fn failed(&self, step: Step, source: io::Error) -> io::Error {
        let target = self.target.clone();
        io::Error::new(source.kind(), CommitError { step, target, source })
    }
}

/// A file that has its name. When its directory is synced, it has that for good.
pub(crate) struct Renamed {
    directory: OwnedFd,
    target: PathBuf,
}

impl Renamed {
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Syncs the directory.
    pub(crate) fn sync(self) -> io::Result<()> {
        sync(self.directory()).map_err(|source| self.sync_failed(source))
    }

    /// The error of a sync of the directory, with what it means.
    pub(crate) fn sync_failed(&self, source: io::Error) -> io::Error {
        let (step, target) = (Step::SyncDirectory, self.target.clone());
        io::Error::new(source.kind(), CommitError { step, target, source })
    }
}

/// The directory of a path, and the name there. Unlike [`Path::file_name`], it takes `name/` and
/// `name/.` for the directories that they are.
fn split(target: &Path) -> io::Result<(&Path, CString)> {
    let bytes = target.as_os_str().as_bytes();
    let begin = bytes.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (directory, name) = bytes.split_at(begin);
    if [&b""[..], b".", b".."].contains(&name) {
        let reason = "the path does not end in the name of a file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let directory = if directory.is_empty() { b"." } else { directory };
    Ok((Path::new(OsStr::from_bytes(directory)), CString::new(name)?))
}

/// The permissions of the regular file that has the name, if there is one. An error says why what
/// has the name is not replaced.
fn look(
    directory: BorrowedFd<'_>,
    name: &CStr,
    (links, existing): (Links, Existing),
) -> io::Result<Option<Permissions>> {
    let metadata = match Metadata::of_name(directory, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    if existing == Existing::Refuse {
        return Err(io::Error::from_raw_os_error(libc::EEXIST));
    }
    match (metadata.kind, links) {
        (FileKind::Regular, _) => Ok(Some(Permissions::of(&metadata))),
        (FileKind::Symlink, Links::Follow) => Ok(None),
        (FileKind::Symlink, Links::Refuse) => Err(io::Error::from_raw_os_error(libc::ELOOP)),
        (FileKind::Directory, _) => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        _ => {
            let reason = "only regular files are replaced";
            Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
        }
    }
}

/// What failed of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Process,
    Look,
    Attributes,
    OpenDirectory,
    SyncFile,
    Name,
    SyncDirectory,
}

/// Why a file was not replaced, or may be the old one again after a crash.
#[derive(Debug)]
struct CommitError {
    step: Step,
    target: PathBuf,
    source: io::Error,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, source) = (Shown(&self.target), &self.source);
        let failed = match self.step {
            Step::Process => "this process began nothing",
            Step::Look => "what has the name now can't be replaced",
            Step::Attributes => "giving the new file its permissions and times failed",
            Step::OpenDirectory => "opening its directory, to sync that, failed",
            Step::SyncFile => "sync of the new file failed",
            Step::Name => "giving the new file its name failed",
            Step::SyncDirectory => {
                return write!(
                    f,
                    "{target} was replaced, but sync of its directory failed: {source}"
                );
            }
        };
        write!(f, "{target} was not replaced: {failed}: {source}")
    }
}

impl Error for CommitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
