//! Makes in the target what is not copied by the files layer: directories, symbolic links, and
//! files that share the blocks of their sources.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use reapool::Links;

use crate::hard_links::{HardLinks, Name};
use crate::link::Link;
use crate::options::Fsync;
use crate::own_file::Manner;
use crate::partial::Place;
use crate::reflink::{Cloned, Cloner};
use crate::roots::Roots;
use crate::shared::directories::Directories;
use crate::shared::interrupt::Interrupt;
use crate::shared::screen::Screen;
use crate::shared::totals::Totals;
use crate::tree::{Next, Problem, Visitor};

pub(crate) struct Maker {
    pub(crate) roots: Roots,
    pub(crate) manner: Manner,
    pub(crate) directories: Directories,
    pub(crate) hard_links: HardLinks,
    pub(crate) cloner: Arc<Cloner>,
    /// The files that the files layer doesn't see.
    pub(crate) beside: Totals,
    pub(crate) interrupt: Interrupt,
    pub(crate) screen: Screen,
}

impl Visitor for Maker {
    fn has_ended(&self) -> bool {
        self.interrupt.has_come()
    }

    fn visit_directory(&mut self, source: &Path, target: &Path) -> Result<(), Problem> {
        // The roots themselves may be named by links.
        let links = if target == self.roots.target() { Links::Follow } else { Links::Refuse };
        self.directories.make(source, target, links)
    }

    fn visit_file(
        &mut self,
        source: &Path,
        target: &Path,
        found: &Metadata,
    ) -> Result<Next, Problem> {
        if self.hard_links.add(found, target) == Name::LinkLater {
            self.count(found);
            return Ok(Next::Nothing);
        }
        let id = (found.dev(), found.ino());
        let not_kept = if found.is_file() {
            // A file that is synced waits for the device: many are better copied at a time.
            if self.manner.fsync != Fsync::None {
                return Ok(Next::CopyData);
            }
            match self.cloner.make(&self.roots.name_of(source), target, id)? {
                Cloned::Made(not_kept) => not_kept,
                Cloned::Impossible => return Ok(Next::CopyData),
            }
        } else {
            let link = Link::read(source).map_err(|error| (source.to_owned(), error))?;
            let place = Place { path: target.to_owned(), overwrite: self.manner.overwrite };
            link.make(&place).map_err(|error| (target.to_owned(), error))?
        };
        self.count(found);
        not_kept.iter().for_each(|it| self.screen.fail(target, it));
        self.hard_links.made(id);
        Ok(Next::Nothing)
    }
}

impl Maker {
    /// Links are not counted ahead.
    fn count(&self, found: &Metadata) {
        if found.is_file() {
            self.beside.add(found.len());
        }
    }
}
