//! Programs that take part, if they are installed.

use std::env;
use std::path::PathBuf;

/// The path of a program.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let directories = env::var_os("PATH")?;
    env::split_paths(&directories).map(|directory| directory.join(name)).find(|path| path.is_file())
}
