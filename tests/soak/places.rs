//! Where the soak reads and writes: what there is on this machine.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::dice::Dice;
use crate::faults::Faulted;
use crate::shelf::{Faults, Shelf};
use crate::support::device::{Loop, Mount};
use crate::support::{scratch, skipped};
use crate::tree::Tree;

/// Blocks of a shelf.
const BLOCKS: usize = 2048;
/// Of one whose end moves: as its file system has it on this process's heap, not so much that it
/// couldn't be told from growth.
pub(crate) const BLOCKS_CUT: usize = 128;
const DIRECT: i32 = libc::O_DIRECT;
/// Files of a tree.
const FILES: usize = 200;

/// Fields are dropped in order: files before what they are on.
pub(crate) struct Places {
    pub(crate) shelves: Vec<Arc<Shelf>>,
    pub(crate) trees: Vec<Arc<Tree>>,
    _faulted: Option<Faulted>,
    _mount: Option<Mount>,
    _loops: Vec<Loop>,
    _scratch: TempDir,
}

impl Places {
    /// Says loudly what isn't there.
    pub(crate) fn find(dice: &mut Dice) -> Self {
        let scratch = scratch();
        let mut shelves = Vec::new();
        let mut add = |name, path: &Path, flags, faults| {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(false).custom_flags(flags);
            let file = options.open(path);
            let number = shelves.len() as u64;
            let has_holes = matches!(faults, Faults::Short | Faults::Cuts);
            let blocks = if has_holes { BLOCKS_CUT } else { BLOCKS };
            match file.and_then(|file| Shelf::fill(name, number, file, blocks, faults)) {
                Ok(shelf) => shelves.push(Arc::new(shelf)),
                Err(error) => skipped(&format!("the soak on {name}: {error}")),
            }
        };
        add("a buffered file", &scratch.path().join("buffered"), 0, Faults::None);
        add("a direct file", &scratch.path().join("direct"), DIRECT, Faults::None);
        let mut loops = Vec::new();
        let formatted = Loop::in_memory(64 << 20, 512);
        let mount = formatted.as_ref().and_then(|device| device.format("noatime"));
        if let Some(mount) = &mount {
            let path = mount.path().join("direct");
            add("a direct file on ext4 on a loop device", &path, DIRECT, Faults::None);
        }
        loops.extend(formatted);
        if let Some(device) = Loop::in_memory((BLOCKS * crate::stamp::BLOCK) as u64, 4096) {
            add("a loop device", device.path(), DIRECT, Faults::None);
            loops.push(device);
        }
        let faulted = Faulted::mount();
        if let Some(faulted) = &faulted {
            let mut on = |name, file: &str, flags, faults| {
                add(name, &faulted.path(file), flags, faults);
            };
            on("a buffered file that fails", "buffered", 0, Faults::Errors);
            on("a direct file that fails", "direct", DIRECT, Faults::Short);
            on("a direct file that is cut off", "cut", DIRECT, Faults::Cuts);
        }
        let mut trees = Vec::new();
        let mut plant = |name, directory: &Path, is_faulty| {
            trees.push(Tree::plant(name, directory, FILES, is_faulty, dice).unwrap());
        };
        plant("the disk", &scratch.path().join("tree"), false);
        if let Some(mount) = &mount {
            plant("ext4 on a loop device", &mount.path().join("tree"), false);
        }
        if let Some(faulted) = &faulted {
            plant("a file system that fails", &faulted.path("."), true);
            faulted.begin(dice, ("buffered", "direct", "cut"));
        }
        Self { shelves, trees, _faulted: faulted, _mount: mount, _loops: loops, _scratch: scratch }
    }
}
