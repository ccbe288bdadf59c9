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
}

impl Link {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let attributes = Attributes::of(&fs::symlink_metadata(path)?)?;
        let attributes = attributes.with(Extended::of_path(path, Links::Refuse));
        Ok(Self { leads_to: fs::read_link(path)?, attributes })
    }

    /// Makes one like it. The result is what that could not be given.
    pub(crate) fn make(&self, place: &Place) -> io::Result<Vec<NotKept>> {
        let (path, partial) = place.begin(|path| {
            symlink(&self.leads_to, path)?;
            Ok(path.to_owned())
        })?;
        let not_kept = self.attributes.give_to_link(&path);
        place.take(partial)?;
        Ok(not_kept)
    }
}
