//! Trees of files, compared in all that a copy is to keep.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Something in a tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// With the kind of file.
    mode: u32,
    owner: (u32, u32),
    modified: SystemTime,
    extended: BTreeMap<OsString, Vec<u8>>,
    /// The first path of this file, if it has several in the tree.
    first: Option<PathBuf>,
    /// The bytes of a file, or the path that a link leads to.
    contents: Vec<u8>,
}

impl Node {
    fn read(path: &Path, metadata: &Metadata) -> Self {
        let contents = match metadata.file_type() {
            kind if kind.is_file() => fs::read(path).unwrap(),
            kind if kind.is_symlink() => {
                fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
            }
            _ => Vec::new(),
        };
        let names = xattr::list(path).unwrap();
        let extended = names.map(|name| {
            let value = xattr::get(path, &name).unwrap().unwrap();
            (name, value)
        });
        Self {
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            modified: metadata.modified().unwrap(),
            extended: extended.collect(),
            first: None,
            contents,
        }
    }
}

/// Everything below a directory, by its path there.
pub(crate) fn read_tree(root: &Path) -> BTreeMap<PathBuf, Node> {
    let mut tree = BTreeMap::new();
    let mut firsts = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(root).unwrap().to_owned();
        let metadata = entry.path().symlink_metadata().unwrap();
        let mut node = Node::read(entry.path(), &metadata);
        if !metadata.is_dir() && metadata.nlink() > 1 {
            let id = (metadata.dev(), metadata.ino());
            node.first = Some(firsts.entry(id).or_insert_with(|| path.clone()).clone());
        }
        tree.insert(path, node);
    }
    tree
}

/// Both trees have the same paths, and all is the same under each.
pub(crate) fn assert_alike(source: &Path, target: &Path, case: &str) {
    let [source, target] = [source, target].map(read_tree);
    let paths = |tree: &BTreeMap<PathBuf, Node>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&source), paths(&target), "{case}");
    for (path, node) in &source {
        let copy = &target[path];
        assert!(node.contents == copy.contents, "{path:?} has other contents: {case}");
        let rest = |node: &Node| {
            let Node { mode, owner, modified, extended, first, .. } = node;
            format!("{mode:o} {owner:?} {modified:?} {extended:?} {first:?}")
        };
        assert_eq!(rest(node), rest(copy), "{path:?}: {case}");
    }
}
