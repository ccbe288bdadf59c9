//! A tree is not to be made within the tree that it is made of, nor around it.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use super::names::escaped;

/// Refuses a target within the source, which would be read again and again, and one that the
/// source is in. `found` is the canonical path of the source. If there is no target, its parent has
/// to be there, as it is going to be made.
pub(crate) fn check(found: &Path, target: &Path) -> Result<(), String> {
    let (within, around) = match fs::canonicalize(target) {
        Ok(target) => (target.starts_with(found), found.starts_with(&target)),
        Err(_) => {
            let parent = parent(target);
            let parent = fs::canonicalize(&parent).map_err(|error| say(&parent, &error))?;
            (parent.starts_with(found), false)
        }
    };
    if within {
        return Err(say(target, &"is in the directory that is to be read"));
    }
    if around {
        return Err(say(target, &"has in it the directory that is to be read"));
    }
    Ok(())
}

/// The directory that a path is in.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) => ".".into(),
        // The path is the root, or empty.
        None => path.to_owned(),
    }
}

/// A message about a path.
pub(crate) fn say(path: &Path, what: &dyn Display) -> String {
    format!("{}: {what}", escaped(path).0)
}
