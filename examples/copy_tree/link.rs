//! Symbolic links, with owners, times and extended attributes of their own.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use reapool::Links;

use crate::partial::Place;
use crate::shared::attributes::{Attributes, NotKept};
use crate::shared::extended::Extended;

/// A link of the source.
pub(crate) struct Link {
    leads_to: PathBuf,
    attributes: Attributes,
    extended: io::Result<Extended>,
}

impl Link {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(Self {
            leads_to: fs::read_link(path)?,
            attributes: Attributes::of(&fs::symlink_metadata(path)?)?,
            extended: Extended::of_path(path, Links::Refuse),
        })
    }

    /// Makes one like it. The result is what that could not be given.
    pub(crate) fn make(self, place: &Place) -> io::Result<Vec<NotKept>> {
        let Self { leads_to, attributes, extended } = self;
        let (path, partial) = place.begin(|path| {
            symlink(&leads_to, path)?;
            Ok(path.to_owned())
        })?;
        let mut not_kept = attributes.give_to_link(&path);
        match extended {
            Ok(extended) => not_kept.extend(extended.give_to_link(&path)),
            Err(error) => not_kept.push(NotKept::unlisted(error)),
        }
        place.take(partial)?;
        Ok(not_kept)
    }
}
