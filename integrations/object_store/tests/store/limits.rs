//! Files that are kept open, and memory that results keep.

use std::fs;

use object_store::path::Path;
use object_store::{ObjectStoreExt, local::LocalFileSystem};
use reapool_object_store::{LocalStore, LocalStoreBuilder};

use crate::{contents, scratch};

fn builder(root: &std::path::Path) -> LocalStoreBuilder {
    LocalStore::builder().local(LocalFileSystem::new_with_prefix(root).unwrap())
}

#[tokio::test]
async fn no_more_files_stay_open_than_allowed() {
    let root = scratch();
    let store = builder(root.path()).open_files(3).build().unwrap();
    for round in 0..2 {
        for number in 0..10 {
            let name = format!("object {number}");
            if round == 0 {
                fs::write(root.path().join(&name), contents(number, 5000)).unwrap();
            }
            let bytes = store.get_range(&Path::from(name), 10..5000).await.unwrap();
            assert!(bytes == contents(number, 5000)[10..]);
            assert!(store.stats().open_files <= 3);
        }
    }
    let open_here = fs::read_dir("/proc/self/fd").unwrap().filter(|entry| {
        let target = fs::read_link(entry.as_ref().unwrap().path());
        target.is_ok_and(|target| target.starts_with(root.path()))
    });
    assert!(open_here.count() <= 6, "two descriptors for each of three files");
}

#[tokio::test]
async fn what_was_removed_is_not_kept_open() {
    let root = scratch();
    let store = builder(root.path()).build().unwrap();
    for name in ["deleted", "renamed", "removed by others"] {
        fs::write(root.path().join(name), contents(0, 5000)).unwrap();
        store.get_range(&Path::from(name), 10..5000).await.unwrap();
    }
    assert_eq!(store.stats().open_files, 3);
    store.delete(&Path::from("deleted")).await.unwrap();
    store.rename(&Path::from("renamed"), &Path::from("other")).await.unwrap();
    fs::remove_file(root.path().join("removed by others")).unwrap();
    store.get_range(&Path::from("removed by others"), 10..5000).await.unwrap_err();
    assert_eq!(store.stats().open_files, 0);
}

#[tokio::test]
async fn results_that_are_kept_are_bounded_and_told() {
    let root = scratch();
    fs::write(root.path().join("object"), contents(0, 4 << 20)).unwrap();
    let location = Path::from("object");
    let store = builder(root.path()).memory(4 << 20).extra_memory(1 << 20).build().unwrap();
    let mut kept = Vec::new();
    let error = loop {
        match store.get_range(&location, 0..500_000).await {
            Ok(bytes) => kept.push(bytes),
            Err(error) => break error,
        }
    };
    assert!(kept.len() >= 5 && kept.iter().all(|bytes| *bytes == contents(0, 500_000)));
    let stats = store.stats().memory;
    assert!(stats.extra_bytes > 0 && stats.extra_bytes <= 1 << 20, "{stats:?}");
    assert!(stats.mapped <= 4 << 20, "{stats:?}");
    assert!(error.to_string().contains("reapool"), "{error}");
    kept.pop();
    assert!(store.get_range(&location, 0..500_000).await.is_ok(), "there is room again");
    kept.clear();
    let stats = store.stats().memory;
    assert_eq!((stats.bytes_out, stats.extra_bytes), (0, 0), "{stats:?}");
}

#[tokio::test]
async fn small_results_keep_no_buffer() {
    let root = scratch();
    fs::write(root.path().join("object"), contents(0, 1 << 20)).unwrap();
    let store = builder(root.path()).build().unwrap();
    let location = Path::from("object");
    let kept = store.get_range(&location, 100..200).await.unwrap();
    assert_eq!(store.stats().memory.bytes_out, 0);
    assert!(kept == contents(0, 200)[100..]);
}
