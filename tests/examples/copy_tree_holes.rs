//! The example `copy_tree`: holes stay holes.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::models::model;
use crate::program::{run, stderr, stdout};
use crate::support::{contents, make_fifo, scratch, skipped};
use crate::trees::assert_alike;

const MIB: u64 = 1 << 20;

/// What a file system may take for where the pieces of a file are, in units of `st_blocks`: a block
/// that a copy in other pieces may do without.
const MAP: u64 = 8;

/// Offset and length.
type Segment = (u64, u64);

/// Files by their length and where they have data.
const FILES: [(&str, u64, &[Segment]); 7] = [
    ("all hole", 40 * MIB, &[]),
    ("at its beginning", 20 * MIB + 1, &[(0, 5000)]),
    ("at its end", 20 * MIB + 7, &[(20 * MIB - 5, 12)]),
    ("in the middle", 30 * MIB, &[(10 * MIB + 3, 3 * MIB)]),
    ("here and there", 50 * MIB + 511, &[(0, 1), (MIB, 1), (9 * MIB, 2 * MIB), (40 * MIB, 9)]),
    ("one byte", 16 * MIB, &[(8 * MIB, 1)]),
    ("no hole", 3 * MIB + 5, &[(0, 3 * MIB + 5)]),
];

/// `false`, said loudly, where files have no holes.
fn make_files(root: &Path) -> bool {
    fs::create_dir(root).unwrap();
    for (name, len, segments) in FILES {
        let file = File::create(root.join(name)).unwrap();
        file.set_len(len).unwrap();
        for &(offset, len) in segments {
            file.write_all_at(&contents(offset..offset + len), offset).unwrap();
        }
        // Which blocks have data is known when the device has them.
        file.sync_all().unwrap();
    }
    let has_holes = blocks(&root.join("all hole")) == 0;
    if !has_holes {
        skipped("holes in copies: files have none here");
    }
    has_holes
}

fn blocks(path: &Path) -> u64 {
    fs::metadata(path).unwrap().blocks()
}

#[test]
fn holes_of_the_source_are_holes_of_the_copy() {
    let directory = scratch();
    let [source, target] = ["source", "target"].map(|name| directory.path().join(name));
    if !make_files(&source) {
        return;
    }
    let settings: [&[&str]; 5] = [
        &[],
        &["--policy=direct", "--verify"],
        &["--policy=buffered", "--chunk=4K", "--verify"],
        &["--fsync=all", "--workers=1"],
        &["--overwrite"],
    ];
    for options in settings {
        let output = run(
            "copy_tree",
            directory.path(),
            &[options, &["--reflink=never", "source", "target"]].concat(),
        );
        let said = (stdout(&output), stderr(&output), output.status.code());
        assert_eq!(said, ("", "", Some(0)), "{options:?}");
        assert_alike(&source, &target, &format!("{options:?}"));
        for (name, ..) in FILES {
            File::open(target.join(name)).unwrap().sync_all().unwrap();
            let [old, new] = [&source, &target].map(|root| blocks(&root.join(name)));
            assert!(new <= old + MAP, "{new} blocks and not {old}: {name}: {options:?}");
        }
        if options != ["--fsync=all", "--workers=1"] {
            fs::remove_dir_all(&target).unwrap();
        }
    }
}

#[test]
fn holes_are_those_of_cp() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    if !make_files(&path("source")) {
        return;
    }
    let output = run("copy_tree", directory.path(), &["--reflink=never", "source", "target"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    let Some(mut cp) = model("cp") else { return };
    let copied = cp
        .args(["-a", "--reflink=never", "source", "cp"])
        .current_dir(directory.path())
        .status()
        .unwrap();
    assert!(copied.success());
    assert_alike(&path("cp"), &path("target"), "cp");
    for (name, ..) in FILES {
        let counts = ["cp", "target"].map(|root| {
            let copy = path(root).join(name);
            File::open(&copy).unwrap().sync_all().unwrap();
            blocks(&copy)
        });
        assert!(counts[1] <= counts[0] + MAP, "{counts:?}: {name}");
    }
}

/// A terabyte would take hours to read.
#[test]
fn holes_are_not_read() {
    const LEN: u64 = 1 << 40;
    let directory = scratch();
    let source = directory.path().join("source");
    fs::create_dir(&source).unwrap();
    let file = File::create(source.join("huge")).unwrap();
    if file.set_len(LEN).is_err() {
        return skipped("a file of a terabyte that is a hole: it can't be had here");
    }
    for offset in [MIB, LEN / 2, LEN - 4096] {
        file.write_all_at(&contents(offset..offset + 4096), offset).unwrap();
    }
    file.sync_all().unwrap();
    let output =
        run("copy_tree", directory.path(), &["--verbose", "--reflink=never", "source", "target"]);
    assert_eq!(output.status.code(), Some(0));
    let said = stderr(&output);
    assert!(said.starts_with("copy_tree: 1 files were copied, 12.00 KiB in "), "{said}");
    let copy = File::open(directory.path().join("target/huge")).unwrap();
    assert_eq!(copy.metadata().unwrap().len(), LEN);
    for offset in [MIB, LEN / 2, LEN - 4096] {
        let mut bytes = vec![0; 4096];
        copy.read_exact_at(&mut bytes, offset).unwrap();
        assert_eq!(bytes, contents(offset..offset + 4096));
    }
}

/// As for files without holes, for which the library says so.
#[test]
fn what_is_no_file_is_not_replaced() {
    let directory = scratch();
    let target = directory.path().join("target");
    if !make_files(&directory.path().join("source")) {
        return;
    }
    fs::create_dir(&target).unwrap();
    for (name, ..) in FILES {
        make_fifo(&target.join(name));
    }
    let output = run("copy_tree", directory.path(), &["--overwrite", "source", "target"]);
    let mut complaints: Vec<&str> = stderr(&output).lines().collect();
    complaints.sort_unstable();
    let mut expected = FILES
        .map(|(name, ..)| format!("copy_tree: target/{name}: only regular files are replaced"));
    expected.sort_unstable();
    assert_eq!(complaints, expected);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_dir(&target).unwrap().count(), FILES.len());
}
