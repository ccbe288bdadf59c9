//! The table of floors, and the rule that imports point downward.

use super::tree::{Tree, room_of};

/// Counts files at the top of `src/` beside `lib.rs`.
const MOST_FILES_AT_THE_TOP: usize = 2;

/// The rows of the table, from the top floor down.
#[derive(Debug)]
pub(super) struct Floors(Vec<Room>);

/// A folder or a file at the top of the source tree.
#[derive(Debug)]
struct Room {
    floor: u32,
    /// A folder's name ends with a slash.
    name: String,
}

impl Floors {
    /// Reads rows such as ``| 2 | `engine/` | ... |`` out of a page in Markdown.
    pub(super) fn read(page: &str) -> Self {
        let room = |line: &str| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let floor = cells.next()?.parse().ok()?;
            let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
            Some(Room { floor, name })
        };
        Self(page.lines().filter_map(room).collect())
    }

    fn of(&self, room: &str) -> Option<u32> {
        self.0.iter().find(|other| other.name == room).map(|room| room.floor)
    }

    fn shown(&self, room: &str) -> String {
        let root = if room == "lib.rs" { "the crate root, " } else { "" };
        match self.of(room) {
            Some(floor) => format!("{root}{room} (floor {floor})"),
            None => format!("{root}{room} (not in the table)"),
        }
    }

    /// A file may import only from its own folder and from the floors below it.
    pub(super) fn imports_that_do_not_point_down(&self, tree: &Tree) -> Vec<String> {
        let mut complaints = Vec::new();
        for file in &tree.files {
            let own = room_of(&file.path);
            for import in &file.imports {
                let other = room_of(&tree.files[import.from].path);
                let is_below = self.of(other) < self.of(own) && self.of(other).is_some();
                if own == other || is_below {
                    continue;
                }
                let (own, other) = (self.shown(own), self.shown(other));
                complaints.push(format!(
                    "src/{}:{}: {own} imports {} from {other}",
                    file.path, import.line, import.text,
                ));
            }
        }
        complaints
    }

    /// The table has one row for each part at the top of the source folder, and no other rows.
    pub(super) fn differences_from(&self, tree: &Tree) -> Vec<String> {
        let present = &tree.rooms;
        let mut complaints = Vec::new();
        for name in present {
            match self.0.iter().filter(|room| &room.name == name).count() {
                0 => complaints.push(format!("src/{name} is missing from the table")),
                1 => {}
                _ => complaints.push(format!("src/{name} has several rows in the table")),
            }
        }
        for Room { floor, name } in &self.0 {
            if !present.contains(name) {
                complaints.push(format!("floor {floor}: there is no src/{name}"));
            }
        }
        let files = present.iter().filter(|name| name.ends_with(".rs"));
        let others: Vec<_> = files.filter(|name| *name != "lib.rs").map(String::as_str).collect();
        if others.len() > MOST_FILES_AT_THE_TOP {
            complaints.push(format!("too many files at the top of src/: {}", others.join(", ")));
        }
        if !present.contains("lib.rs") {
            complaints.push("there is no src/lib.rs".into());
        }
        complaints
    }
}

/// Every folder has a `mod.rs` that says in its first paragraph what the folder is for.
pub(super) fn folders_without_introduction(tree: &Tree) -> Vec<String> {
    let mut folders: Vec<_> =
        tree.files.iter().filter_map(|file| Some(file.path.rsplit_once('/')?.0)).collect();
    folders.sort_unstable();
    folders.dedup();
    let is_introduced = |folder: &&str| {
        let path = format!("{folder}/mod.rs");
        tree.files.iter().any(|file| file.path == path && file.starts_with_docs)
    };
    folders.retain(|folder| !is_introduced(folder));
    let complaint = |folder| format!("src/{folder}/mod.rs does not begin with a `//!` paragraph");
    folders.into_iter().map(complaint).collect()
}
