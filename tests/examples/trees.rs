//! Trees of files, compared in all that a copy is to keep.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::models::model;
use crate::program::{run, stderr, stdout};

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
        let names = match xattr::list(path) {
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            names => Some(names.unwrap()),
        };
        let extended = names.into_iter().flatten().map(|name| {
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
    let mut names: BTreeMap<(u64, u64), Vec<PathBuf>> = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(root).unwrap().to_owned();
        let metadata = entry.path().symlink_metadata().unwrap();
        names.entry((metadata.dev(), metadata.ino())).or_default().push(path.clone());
        tree.insert(path, Node::read(entry.path(), &metadata));
    }
    for names in names.into_values().filter(|names| names.len() > 1) {
        for name in &names {
            tree.get_mut(name).unwrap().first = Some(names[0].clone());
        }
    }
    tree
}

/// Gives everything below a directory the same time. rsync takes times of directories and links for
/// the same if they are of the same second.
pub(crate) fn set_times(root: &Path, time: SystemTime) {
    for entry in walkdir::WalkDir::new(root).contents_first(true) {
        let path = entry.unwrap().into_path();
        filetime::set_symlink_file_times(path, time.into(), time.into()).unwrap();
    }
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

/// In all ways of `copy_tree`, the copy of the directory's `source` is like it, and passes this
/// check.
pub(crate) fn assert_copied_alike(directory: &Path, check: impl Fn(&[&str])) {
    // In the end it replaces what it has made itself.
    let settings: [&[&str]; 4] =
        [&[], &["--policy=direct", "--verify"], &["--fsync=all"], &["--overwrite"]];
    for options in settings {
        let output = run("copy_tree", directory, &[options, &["source", "target"]].concat());
        let said = (stdout(&output), stderr(&output), output.status.code());
        assert_eq!(said, ("", "", Some(0)), "{options:?}");
        let [source, target] = ["source", "target"].map(|name| directory.join(name));
        assert_alike(&source, &target, &format!("{options:?}"));
        check(options);
        if options != ["--fsync=all"] {
            fs::remove_dir_all(target).unwrap();
        }
    }
}

/// The copy of `copy_tree` is like those of `cp` and `rsync`.
pub(crate) fn assert_copied_as_by_models(directory: &Path) {
    let output = run("copy_tree", directory, &["source", "target"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    for (program, options) in [("cp", "-a"), ("rsync", "-aHAX")] {
        let Some(mut command) = model(program) else { return };
        let copied = command.args([options, "source/", program]).current_dir(directory);
        assert!(copied.status().unwrap().success(), "{program}");
        assert_alike(&directory.join(program), &directory.join("target"), program);
    }
}
