//! What the user named to be searched: files and directories, and inputs that have no end known in
//! advance.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::sys::stat::{SFlag, fstat};

use crate::shared::input::{STDIN, is_stdin};

/// Neighbours that are searched together, in the order of the command line.
pub(crate) enum Group {
    Files(Vec<PathBuf>),
    /// A pipe, a device, or the standard input.
    Stream(PathBuf),
}

pub(crate) struct Operands {
    pub(crate) groups: Vec<Group>,
    /// Whether the names of files are printed, if the user didn't say.
    pub(crate) has_names: bool,
    /// The user named nothing, and means the current directory.
    pub(crate) is_implicit: bool,
}

impl Operands {
    pub(crate) fn new(mut named: Vec<PathBuf>) -> Self {
        let is_implicit = named.is_empty() && !is_input();
        if named.is_empty() {
            named.push(if is_implicit { "." } else { STDIN }.into());
        }
        let has_names = named.len() > 1 || (named[0].is_dir() && !is_stdin(&named[0]));
        let mut groups = Vec::new();
        for path in named {
            match groups.last_mut() {
                _ if is_stream(&path) => groups.push(Group::Stream(path)),
                Some(Group::Files(paths)) => paths.push(path),
                _ => groups.push(Group::Files(vec![path])),
            }
        }
        Self { groups, has_names, is_implicit }
    }
}

fn is_stream(path: &Path) -> bool {
    // If nothing has this name, opening it says so.
    is_stdin(path) || fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir())
}

/// Whether the standard input is a file, a pipe or a socket: then somebody wants it to be read.
fn is_input() -> bool {
    let Ok(stat) = fstat(io::stdin().as_fd()) else { return false };
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    [SFlag::S_IFREG, SFlag::S_IFIFO, SFlag::S_IFSOCK].contains(&kind)
}
