//! Objects that are replaced, removed or cut short while they are read.

use std::fs::{self, OpenOptions};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use reapool_object_store::LocalStore;

use crate::{contents, evict, scratch};

/// Longer than what a stream reads ahead.
const LENGTH: usize = 20 << 20;

#[tokio::test]
async fn each_call_reads_what_was_put_last() {
    let root = scratch();
    let store = LocalStore::new_with_prefix(root.path()).unwrap();
    let location = Path::from("object");
    for round in 0..5 {
        // Of the same length, so that only file and time tell them apart.
        store.put(&location, Bytes::from(contents(round, 9000)).into()).await.unwrap();
        let bytes = store.get(&location).await.unwrap().bytes().await.unwrap();
        assert!(bytes == contents(round, 9000), "round {round}");
        let ranges = store.get_ranges(&location, &[10..20, 5..9]).await.unwrap();
        assert!(ranges[0] == contents(round, 20)[10..], "round {round}");
    }
    fs::write(root.path().join("object"), contents(9, 20_000)).unwrap();
    let bytes = store.get(&location).await.unwrap().bytes().await.unwrap();
    assert!(bytes == contents(9, 20_000), "written in its place");
    store.delete(&location).await.unwrap();
    assert!(store.get(&location).await.is_err());
}

#[tokio::test]
async fn a_stream_reads_on_what_was_replaced_or_removed() {
    let root = scratch();
    let store = LocalStore::new_with_prefix(root.path()).unwrap();
    for (name, is_removed) in [("replaced", false), ("removed", true)] {
        let location = Path::from(name);
        fs::write(root.path().join(name), contents(1, LENGTH)).unwrap();
        evict(&root.path().join(name));
        let mut stream = store.get(&location).await.unwrap().into_stream();
        let first = stream.next().await.unwrap().unwrap();
        if is_removed {
            store.delete(&location).await.unwrap();
        } else {
            store.put(&location, Bytes::from_static(b"new").into()).await.unwrap();
        }
        let rest: Vec<Bytes> = stream.try_collect().await.unwrap();
        assert!([&[first][..], &rest].concat().concat() == contents(1, LENGTH), "{name}");
    }
    let bytes = store.get(&Path::from("replaced")).await.unwrap().bytes().await.unwrap();
    assert_eq!(&*bytes, b"new");
}

#[tokio::test]
async fn a_stream_of_what_is_cut_short_ends_with_an_error() {
    let root = scratch();
    let store = LocalStore::new_with_prefix(root.path()).unwrap();
    let path = root.path().join("object");
    for is_cached in [false, true] {
        fs::write(&path, contents(1, LENGTH)).unwrap();
        if !is_cached {
            evict(&path);
        }
        let mut stream = store.get(&Path::from("object")).await.unwrap().into_stream();
        stream.next().await.unwrap().unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(LENGTH as u64 - 5000).unwrap();
        let error = stream.try_collect::<Vec<Bytes>>().await.unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "it names the file: {error}");
    }
}
