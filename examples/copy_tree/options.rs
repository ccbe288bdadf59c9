//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::shared::settings::Settings;

/// Makes TARGET a copy of the directory SOURCE. If TARGET is a directory already, what is missing
/// there is added to it.
///
/// A file gets its name when it is complete, so that no part of a file is ever found under it.
/// Until then it has none, or, with --fsync and where the file system has no files without a name,
/// a temporary one in the same place (.NAME.RANDOM.tmp). After an error, and after the first
/// Ctrl-C, nothing is left of files that are not complete.
///
/// Kept are contents, permissions and times, and as far as this process may set them, owners,
/// access control lists and extended attributes, as cp -a keeps them. What TARGET refuses is said,
/// and the rest is copied, but for two things that only root may set: owners (then a copy has no
/// set-user-ID and set-group-ID bits), and attributes that are the system's (trusted.*,
/// security.*). Where a list is refused, the group may do nothing with the copy. Symbolic links are
/// copied as such. Names of the same file are names of the same copy (hard links); they are given
/// when all files are copied. Pipes, sockets and devices are left out, and said to be. Links that
/// take the place of files or directories of SOURCE meanwhile are not followed.
///
/// Holes stay holes and are not read; room that a file has without data is filled with zeros. A
/// file with holes or capabilities is written through the page cache. Until it is complete, it has
/// a temporary name (.NAME.RANDOM.partial), and so have files that are cloned (--reflink).
///
/// It does not update: it looks neither at times nor at contents of what is there, and removes
/// nothing from TARGET.
#[derive(Parser)]
#[command(
    name = "copy_tree",
    version,
    after_help = "The policy holds for writing too; automatic writes large files directly if each \
        is synced.\n\n\
        Exit status: 0 if all went well, 1 if something was not copied or kept, or changed while \
        it was copied, 2 for a mistake in the command line, 130 after Ctrl-C. A second Ctrl-C \
        doesn't wait, and may leave temporary files. SIGTERM and SIGHUP do the same, with 143 and \
        129."
)]
pub(crate) struct Options {
    /// The directory that is copied
    pub(crate) source: PathBuf,
    /// What the copy is called
    pub(crate) target: PathBuf,
    /// Replace files that there are already; otherwise that is an error
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// When files share the blocks of their sources until either is written to, as with cp
    ///
    /// Where that can be done (on btrfs and xfs, within one file system), it is quick and takes no
    /// room. What is cloned is not verified, as it is the same on the device. Without WHEN, always.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = Reflink::Auto,
        default_missing_value = "always"
    )]
    pub(crate) reflink: Reflink,
    /// List what would be made, and make nothing
    ///
    /// Problems that can be seen before are reported, and the exit status says whether there are
    /// any. Whether there is room, and whether files can be cloned, shows only when they are
    /// copied.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What is made durable before the end
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Fsync::None)]
    pub(crate) fsync: Fsync,
    /// Read all files back and compare them with what was copied
    ///
    /// They are read past the page cache unless --policy is buffered. Their BLAKE3 checksums are
    /// compared with those of what was read from SOURCE. A file that differs is removed. It takes
    /// memory for the path of each file.
    #[arg(long)]
    pub(crate) verify: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Which parts of the copy are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fsync {
    /// Nothing
    None,
    /// Each file, before it gets its name
    File,
    /// Directories too
    All,
}

/// When files are cloned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reflink {
    /// Where that can be done; else their data is copied
    Auto,
    /// Always; where that can't be done, it is an error
    Always,
    /// Never
    Never,
}
