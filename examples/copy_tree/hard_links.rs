//! Files that have several names in the source: they are copied by the first that is found, and the
//! others become names of that copy when it is made.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::partial::Place;
use crate::roots::FileId;
use crate::shared::names::escaped;
use crate::shared::screen::Screen;

/// Only files with several names are remembered. All clones are the same.
#[derive(Clone, Default)]
pub(crate) struct HardLinks(Arc<Mutex<BTreeMap<FileId, Names>>>);

/// The paths in the target of one file of the source.
struct Names {
    first: PathBuf,
    state: State,
    others: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is being copied, or could not be.
    NotMade,
    Made,
}

/// What a name in the source is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Copy,
    /// A link to a copy, when all copies are made.
    LinkLater,
}

impl HardLinks {
    /// Takes note of a file of the source, and of the path in the target.
    pub(crate) fn add(&self, found: &Metadata, target: &Path) -> Name {
        if found.nlink() < 2 {
            return Name::Copy;
        }
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match files.get_mut(&(found.dev(), found.ino())) {
            Some(names) => {
                names.others.push(target.to_owned());
                Name::LinkLater
            }
            None => {
                let (first, state) = (target.to_owned(), State::NotMade);
                let names = Names { first, state, others: Vec::new() };
                files.insert((found.dev(), found.ino()), names);
                Name::Copy
            }
        }
    }

    /// The copy of this file is made.
    pub(crate) fn made(&self, id: FileId) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = files.get_mut(&id) {
            names.state = State::Made;
        }
    }

    /// Gives the copies their other names, with a function that is given both.
    pub(crate) fn finish(
        &self,
        screen: &Screen,
        mut link: impl FnMut(&Path, &Path) -> io::Result<()>,
    ) {
        let files = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for Names { first, state, others } in files.into_values() {
            let copy = escaped(&first).0;
            for path in others {
                if state == State::NotMade {
                    let reason = "left out: it is the same file as";
                    screen.fail(&path, format_args!("{reason} {copy}, which was not copied"));
                } else if let Err(error) = link(&first, &path) {
                    screen.fail(&path, format_args!("can't be linked to {copy}: {error}"));
                }
            }
        }
    }
}

/// Gives a copy another name.
pub(crate) fn link(copy: &Path, place: &Place) -> io::Result<()> {
    let ((), partial) = place.begin(|path| fs::hard_link(copy, path))?;
    place.take(partial)
}
