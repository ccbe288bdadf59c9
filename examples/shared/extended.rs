//! Extended attributes and access control lists, from a file or directory of the source to its
//! copy. The kernel has access control lists as extended attributes of the names below.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use reapool::Links;
use xattr::{FileExt, XAttrs};

use super::attributes::NotKept;

const ACCESS_LIST: &str = "system.posix_acl_access";

/// What a directory gives to files that are made in it.
const DEFAULT_LIST: &str = "system.posix_acl_default";

/// These belong to the file itself, and would be wrong for a copy: the kernel signs its inode.
const OF_ONE_FILE: &str = "security.evm";

/// A write takes it away.
const CAPABILITIES: &str = "security.capability";

/// Those of a file or directory, or why they can't be read.
#[derive(Debug, Default)]
pub(crate) struct Extended(Vec<(OsString, io::Result<Vec<u8>>)>);

impl Extended {
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        Self::read(file.list_xattr(), |name| file.get_xattr(name))
    }

    /// Needs no right to read the directory, as opening it would.
    pub(crate) fn of_path(path: &Path, links: Links) -> io::Result<Self> {
        match links {
            Links::Follow => {
                Self::read(xattr::list_deref(path), |name| xattr::get_deref(path, name))
            }
            _ => Self::read(xattr::list(path), |name| xattr::get(path, name)),
        }
    }

    fn read(
        names: io::Result<XAttrs>,
        get: impl Fn(&OsStr) -> io::Result<Option<Vec<u8>>>,
    ) -> io::Result<Self> {
        let names = match names {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(Self::default()),
            names => names?,
        };
        let mut found = Vec::new();
        for name in names.filter(|name| is_copied(name)) {
            // One that is gone by now is none.
            if let Some(value) = get(&name).transpose() {
                found.push((name, value));
            }
        }
        Ok(Self(found))
    }

    /// Whether a write to the copy would take some of it away again.
    pub(crate) fn are_lost_by_writing(&self) -> bool {
        self.has(CAPABILITIES.as_ref())
    }

    /// Gives them to a copy. The result is what it could not be given.
    pub(crate) fn give(&self, copy: &File) -> Vec<NotKept> {
        let mut not_kept = self.set(|name, value| copy.set_xattr(name, value));
        let Ok(names) = copy.list_xattr() else { return not_kept };
        // The copy has inherited these from its directory.
        for list in names.filter(|name| name == ACCESS_LIST || name == DEFAULT_LIST) {
            if !self.has(&list)
                && let Err(error) = copy.remove_xattr(&list)
            {
                not_kept.push(NotKept::new("an inherited access control list is", error));
            }
        }
        not_kept
    }

    /// Gives them to a symbolic link.
    pub(crate) fn give_to_link(&self, link: &Path) -> Vec<NotKept> {
        self.set(|name, value| xattr::set(link, name, value))
    }

    fn set(&self, set: impl Fn(&OsStr, &[u8]) -> io::Result<()>) -> Vec<NotKept> {
        let give = |(name, value): &(OsString, io::Result<Vec<u8>>)| {
            let given = match value {
                Ok(value) => set(name, value),
                Err(error) => Err(same(error)),
            };
            let error = given.err().filter(|error| is_wanted(name) || !is_refused(error))?;
            let what = match name.to_str() {
                Some(ACCESS_LIST | DEFAULT_LIST) => "access control lists are".to_owned(),
                _ => format!("the extended attribute {} is", name.display()),
            };
            Some(NotKept::new(what, error))
        };
        self.0.iter().filter_map(give).collect()
    }

    /// Whether there is an access control list that a copy doesn't have. The permissions of the
    /// group are the most then that anybody in the list may do.
    pub(super) fn is_list_missing(&self, copy: &File) -> bool {
        let has_none = || !copy.get_xattr(ACCESS_LIST).is_ok_and(|list| list.is_some());
        self.has(ACCESS_LIST.as_ref()) && has_none()
    }

    fn has(&self, name: &OsStr) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }
}

/// The rest of `system` is how file systems show permissions of their own.
fn is_copied(name: &OsStr) -> bool {
    let is_system = name.as_bytes().starts_with(b"system.");
    (!is_system || name == ACCESS_LIST || name == DEFAULT_LIST) && name != OF_ONE_FILE
}

/// Whether a user has given it to the file. Others are the system's, and only some processes may
/// set them.
fn is_wanted(name: &OsStr) -> bool {
    ["user.", "system."].iter().any(|space| name.as_bytes().starts_with(space.as_bytes()))
}

fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
}

/// An error once more.
pub(super) fn same(error: &io::Error) -> io::Error {
    let other = || io::Error::new(error.kind(), error.to_string());
    error.raw_os_error().map_or_else(other, io::Error::from_raw_os_error)
}
