//! The command line.

use std::path::PathBuf;

use crate::shared::settings::{self, Settings, options_help};

pub(crate) const HELP: &str = concat!(
    "\
Usage: copy_tree [OPTIONS] SOURCE TARGET

Makes TARGET a copy of the directory SOURCE. If TARGET is a directory already, what is missing there
is added to it.

A file gets its name when it is complete, so that no part of a file is ever found under it. Until
then it has none, or, with --fsync and where the file system has no files without a name, a
temporary one in the same place (.NAME.RANDOM.tmp). After an error, and after the first Ctrl-C,
nothing is left of files that are not complete. Permissions and times of files and directories
are kept, and symbolic links copied as such. Where the file system of TARGET refuses permissions or
times, the contents are copied and the rest is said. Not kept are owners (nor set-user-ID and
set-group-ID bits, unless user and group stay the same), access control lists and extended
attributes, hard links between files, the times of symbolic links, and holes: they are filled with
zeros. Pipes, sockets and devices are left out, and said to be. Links that take the place of files
or directories of SOURCE meanwhile are not followed.

Options:
      --overwrite    Replace files that there are already; otherwise that is an error
      --fsync WHAT   What is made durable before the end: none, file (each file before it gets its
                     name), or all (directories too) [default: none]
      --verify       Read all files back, past the page cache unless --policy is buffered, and
                     compare their BLAKE3 checksums with those of what was read from SOURCE. A file
                     that differs is removed. It takes memory for the path of each file
",
    options_help!(),
    "
The policy holds for writing too; automatic writes large files directly if each is synced.

Exit status: 0 if all went well, 1 if something was not copied or kept, or changed while it was
copied, 2 for a mistake in the command line, 130 after Ctrl-C. A second Ctrl-C doesn't wait, and may
leave temporary files. SIGTERM and SIGHUP do the same, with 143 and 129.
"
);

/// Which parts of the copy are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fsync {
    None,
    File,
    All,
}

pub(crate) struct Options {
    pub(crate) settings: Settings,
    pub(crate) overwrite: bool,
    pub(crate) fsync: Fsync,
    pub(crate) verify: bool,
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
}

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut settings = Settings::default();
    let (mut overwrite, mut verify, mut fsync) = (false, false, Fsync::None);
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        if let Some(name) = settings::name(&argument) {
            settings.set(name, &mut parser)?;
            continue;
        }
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("overwrite") => overwrite = true,
            Long("verify") => verify = true,
            Long("fsync") => {
                fsync = parser.value()?.parse_with(|text| match text {
                    "none" => Ok(Fsync::None),
                    "file" => Ok(Fsync::File),
                    "all" => Ok(Fsync::All),
                    _ => Err("neither none, file nor all"),
                })?;
            }
            Value(path) => paths.push(path.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    let [source, target] =
        paths.try_into().map_err(|_| "a SOURCE and a TARGET are expected".to_owned())?;
    Ok(Some(Options { settings, overwrite, fsync, verify, source, target }))
}
