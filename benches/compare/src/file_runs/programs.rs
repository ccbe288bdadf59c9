//! Programs that take part, if they are installed.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The path of a program.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let directories = env::var_os("PATH")?;
    env::split_paths(&directories).map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// The version of a program, or that it is missing.
pub(crate) fn version(name: &str) -> String {
    let printed = path(name).and_then(|path| Command::new(path).arg("--version").output().ok());
    let printed = printed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let line = printed.as_deref().and_then(|text| text.lines().next());
    line.map_or_else(
        || format!("{name} is not installed"),
        |line| line.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}
