//! Data is made once, and the same each time.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::program::{directory, generate, run};

/// The content of all files with this ending, in order.
fn contents(directory: &Path, ending: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_same_settings_make_the_same_files() {
    for format in ["parquet", "csv"] {
        let (one, other) = (directory(), directory());
        generate(one.path(), format);
        generate(other.path(), format);
        let files = contents(one.path(), format);
        assert_eq!(files.len(), 3);
        assert!(files == contents(other.path(), format));
    }
}

#[test]
fn complete_data_is_not_made_again_and_damaged_data_is() {
    let data = directory();
    generate(data.path(), "parquet");
    let (first, whole) = (data.path().join("part-00.parquet"), contents(data.path(), "parquet"));
    let inode = || first.metadata().unwrap().ino();
    let before = inode();
    generate(data.path(), "parquet");
    assert_eq!(inode(), before);

    fs::File::options().write(true).open(&first).unwrap().set_len(100).unwrap();
    generate(data.path(), "parquet");
    assert!(contents(data.path(), "parquet") == whole);

    // As a run leaves it that was killed.
    fs::remove_file(data.path().join(".complete.json")).unwrap();
    fs::rename(&first, first.with_extension("unfinished")).unwrap();
    generate(data.path(), "parquet");
    assert!(contents(data.path(), "parquet") == whole);
    assert!(contents(data.path(), "unfinished").is_empty());
}

#[test]
fn other_files_are_not_mixed_with_the_data() {
    let data = directory();
    let other = data.path().join("mine.parquet");
    fs::write(&other, "mine").unwrap();
    let printed = run(&["generate", "--rows", "10", data.path().to_str().unwrap()]);
    assert_eq!(printed.status.code(), Some(1));
    assert!(printed.stderr.contains("mine.parquet"), "{}", printed.stderr);
    assert_eq!(fs::read(&other).unwrap(), b"mine");
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
}
