//! Owner, permissions and times of the source, given to what was made of it as far as the target
//! takes them.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown, lchown};
use std::path::Path;
use std::time::SystemTime;

use filetime::{FileTime, set_symlink_file_times};
use nix::unistd::Uid;
use reapool::{Metadata, TargetFile};

use super::extended::{Extended, same};

const MODE_BITS: u32 = 0o7777;
const SET_ID_BITS: u32 = 0o6000;

const TIMES: &str = "times are";
const PERMISSIONS: &str = "permissions are";
const OWNER: &str = "user and group are";

/// What a file or directory of the source has.
pub(crate) struct Attributes {
    mode: u32,
    /// User and group.
    owner: (u32, u32),
    accessed: SystemTime,
    modified: SystemTime,
    /// `None` if neither these nor the owner are kept.
    extended: Option<io::Result<Extended>>,
}

/// What a copy lacks, and why.
#[derive(Debug)]
pub(crate) struct NotKept {
    /// With its verb.
    what: Cow<'static, str>,
    error: io::Error,
}

impl NotKept {
    fn unlisted(error: &io::Error) -> Vec<Self> {
        vec![Self::new("access control lists and extended attributes are", same(error))]
    }

    pub(crate) fn new(what: impl Into<Cow<'static, str>>, error: io::Error) -> Self {
        Self { what: what.into(), error }
    }
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} not kept: {}", self.what, self.error)
    }
}

impl From<&Metadata> for Attributes {
    fn from(metadata: &Metadata) -> Self {
        let &Metadata { mode, uid, gid, accessed, modified, .. } = metadata;
        Self { mode: mode & MODE_BITS, owner: (uid, gid), accessed, modified, extended: None }
    }
}

impl Attributes {
    pub(crate) fn of(metadata: &fs::Metadata) -> io::Result<Self> {
        Ok(Self {
            mode: metadata.mode() & MODE_BITS,
            owner: (metadata.uid(), metadata.gid()),
            accessed: metadata.accessed()?,
            modified: metadata.modified()?,
            extended: None,
        })
    }

    /// These and the owner are kept, too, as far as the target and this process can do that.
    pub(crate) fn with(self, extended: io::Result<Extended>) -> Self {
        Self { extended: Some(extended), ..self }
    }

    /// Whether a write to the copy would take some of it away again.
    pub(crate) fn are_lost_by_writing(&self) -> bool {
        matches!(&self.extended, Some(Ok(extended)) if extended.are_lost_by_writing())
    }

    /// Gives them to a copy. The result is what it could not be given: a file system that has no
    /// permissions or times can still keep the contents.
    pub(crate) fn give(&self, copy: &File) -> Vec<NotKept> {
        // Owners and lists change permissions.
        let mut not_kept = self.give_extended(copy);
        let times = FileTimes::new().set_accessed(self.accessed).set_modified(self.modified);
        let times = copy.set_times(times).map_err(|error| NotKept::new(TIMES, error));
        let permissions = self.permit(copy).map_err(|error| NotKept::new(PERMISSIONS, error));
        not_kept.extend([times, permissions].into_iter().filter_map(Result::err));
        not_kept
    }

    /// Gives the owner and the group to a copy, as far as this process may. What it was not allowed
    /// to give, its permissions must not be for: these are what the result has.
    pub(crate) fn give_owner(mut self, copy: &File) -> io::Result<Self> {
        let (user, group) = self.owner;
        let is_allowed = |changed: io::Result<()>| match changed {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
            changed => Ok(changed.is_ok()),
        };
        // The group first: an owner may change it, who is another afterwards.
        if !is_allowed(fchown(copy, None, Some(group)))? {
            self.mode &= !libc::S_IRWXG | (self.mode & libc::S_IRWXO) << 3;
        }
        is_allowed(fchown(copy, Some(user), None))?;
        Ok(self)
    }

    /// Gives the owner, and then the extended attributes, to a copy.
    fn give_extended(&self, copy: &File) -> Vec<NotKept> {
        let Some(extended) = &self.extended else { return Vec::new() };
        let owner = match copy.metadata() {
            Ok(own) if (own.uid(), own.gid()) == self.owner => None,
            Ok(_) => self.owned_by(|user, group| fchown(copy, user, group)),
            Err(error) => Some(NotKept::new(OWNER, error)),
        };
        let rest = extended.as_ref().map_or_else(NotKept::unlisted, |it| it.give(copy));
        owner.into_iter().chain(rest).collect()
    }

    /// Gives user and group, and returns why that can't be done. That only root gives files to
    /// others is no reason to complain: with another owner, a copy has no set-id bits.
    fn owned_by(
        &self,
        own: impl Fn(Option<u32>, Option<u32>) -> io::Result<()>,
    ) -> Option<NotKept> {
        let (user, group) = self.owner;
        // The group by itself: an owner may change it.
        let given = own(None, Some(group));
        let error = given.and(own(Some(user), None)).err()?;
        let is_expected =
            matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput);
        (Uid::effective().is_root() || !is_expected).then(|| NotKept::new(OWNER, error))
    }

    /// Gives them to a symbolic link, which has no permissions.
    pub(crate) fn give_to_link(&self, link: &Path) -> Vec<NotKept> {
        let mut not_kept = Vec::new();
        if let Some(extended) = &self.extended {
            not_kept.extend(self.owned_by(|user, group| lchown(link, user, group)));
            let rest = extended.as_ref().map_or_else(NotKept::unlisted, |it| it.give_to_link(link));
            not_kept.extend(rest);
        }
        let [accessed, modified] = [self.accessed, self.modified].map(FileTime::from);
        let times = set_symlink_file_times(link, accessed, modified).err();
        not_kept.extend(times.map(|error| NotKept::new(TIMES, error)));
        not_kept
    }

    fn permit(&self, copy: &File) -> io::Result<()> {
        let own = copy.metadata()?;
        let mode = self.mode_for(copy, &own);
        let set = copy.set_permissions(Permissions::from_mode(mode));
        // The copy may have them already, where all files have the same.
        set.or_else(|error| if own.mode() & MODE_BITS == mode { Ok(()) } else { Err(error) })
    }

    /// The mode for a copy that has its owner and list, or has others.
    fn mode_for(&self, copy: &File, own: &fs::Metadata) -> u32 {
        let is_the_same = (own.uid(), own.gid()) == self.owner;
        let mode = if is_the_same { self.mode } else { self.mode & !SET_ID_BITS };
        match &self.extended {
            // Else the group might do what only some users in the list may.
            Some(Ok(extended)) if extended.is_list_missing(copy) => mode & !libc::S_IRWXG,
            _ => mode,
        }
    }

    /// Gives owner and extended attributes to a copy, and has it get the rest when it is complete.
    /// Until then nobody else is to use it, so this only tries whether it could have that. The
    /// result is what it can't have. The file is that of the copy.
    pub(crate) fn keep(&self, copy: &mut TargetFile, file: &File) -> io::Result<Vec<NotKept>> {
        let mut not_kept = self.give_extended(file);
        let own = file.metadata()?;
        let times = FileTimes::new().set_accessed(self.accessed).set_modified(self.modified);
        match file.set_times(times) {
            Ok(()) => copy.set_times(times),
            Err(error) => not_kept.push(NotKept::new(TIMES, error)),
        }
        let mode = self.mode_for(file, &own);
        match file.set_permissions(own.permissions()) {
            Ok(()) => copy.set_permissions(Permissions::from_mode(mode)),
            Err(_) if own.mode() & MODE_BITS == mode => {}
            Err(error) => not_kept.push(NotKept::new(PERMISSIONS, error)),
        }
        Ok(not_kept)
    }
}
