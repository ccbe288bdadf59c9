//! How objects are read: from the page cache or past it, in few reads, and without copies.

use std::fs;

use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use reapool_object_store::{LocalStore, Reason, Route};
use tempfile::TempDir;

use crate::{contents, evict, scratch, skipped};

const LENGTH: usize = 3 << 20;

/// A store with one object, `object`. `None`, said loudly, if it is not read directly here.
async fn store() -> Option<(TempDir, LocalStore, Path)> {
    let root = scratch();
    fs::write(root.path().join("object"), contents(0, LENGTH)).unwrap();
    let store = LocalStore::new_with_prefix(root.path()).unwrap();
    let location = Path::from("object");
    match store.route(&location).await.unwrap() {
        Route::Reapool => Some((root, store, location)),
        other => {
            skipped(&format!("direct reads: {other:?}"));
            None
        }
    }
}

#[tokio::test]
async fn what_is_not_cached_is_read_directly_and_stays_out_of_the_cache() {
    let Some((root, store, location)) = store().await else { return };
    evict(&root.path().join("object"));
    for round in 1..=2_u64 {
        let start = round * 500_000;
        let range = start..start + 295_000;
        let bytes = store.get_range(&location, range.clone()).await.unwrap();
        assert!(bytes == contents(0, LENGTH)[range.start as usize..range.end as usize]);
        let stats = store.stats();
        assert_eq!((stats.device_reads, stats.cached_reads), (round, 0), "{stats:?}");
        assert_eq!((stats.device_bytes, stats.left), (295_000 * round, 0), "{stats:?}");
    }
    assert_eq!(store.stats().opened, 1, "it stays open between calls");
}

#[tokio::test]
async fn what_is_read_again_is_cached_from_then_on() {
    let Some((root, store, location)) = store().await else { return };
    evict(&root.path().join("object"));
    let ranges = [5000..300_000, 1_000_000..1_100_000];
    let read = async || {
        let bytes = store.get_ranges(&location, &ranges).await.unwrap();
        assert!(bytes[1] == contents(0, LENGTH)[1_000_000..1_100_000]);
        let stats = store.stats();
        (stats.device_reads, stats.dispatcher.buffered, stats.cached_reads)
    };
    assert_eq!(read().await, (2, 0, 0));
    assert_eq!(read().await, (4, 2, 0));
    // The kernel may answer that it would have to wait although the data is there.
    let mut before = (4, 2, 0);
    for round in 0.. {
        let now = read().await;
        if now.2 == before.2 + 2 {
            break;
        }
        assert!(round < 100, "it stays out of the page cache: {now:?}");
        before = now;
    }
    // The whole object was read in part only.
    evict(&root.path().join("object"));
    let before = store.stats().dispatcher.buffered;
    let whole = store.get(&location).await.unwrap().bytes().await.unwrap();
    assert!(whole == contents(0, LENGTH));
    assert_eq!(store.stats().dispatcher.buffered, before);
}

#[tokio::test]
async fn what_is_cached_takes_no_job() {
    let Some((root, store, location)) = store().await else { return };
    fs::read(root.path().join("object")).unwrap();
    let jobs = store.stats().dispatcher.accepted;
    let whole = store.get(&location).await.unwrap().bytes().await.unwrap();
    assert!(whole == contents(0, LENGTH));
    let ranges = store.get_ranges(&location, &[7..9, 0..100_000]).await.unwrap();
    assert!(ranges[0] == contents(0, 9)[7..] && ranges[1] == contents(0, 100_000));
    let stats = store.stats();
    assert_eq!((stats.device_reads, stats.cached_reads), (0, 5), "{stats:?}");
    assert_eq!(stats.dispatcher.accepted, jobs, "{stats:?}");
}

#[tokio::test]
async fn ranges_of_a_call_are_read_together_where_they_lie_close() {
    let Some((root, store, location)) = store().await else { return };
    evict(&root.path().join("object"));
    let before = store.stats().dispatcher;
    // The first three are one read; the fourth is far away.
    let ranges = [70_000..90_000, 0..30_000, 20_000..40_000, 2_000_000..2_000_100, 50..50];
    let bytes = store.get_ranges(&location, &ranges).await.unwrap();
    let all = contents(0, LENGTH);
    for (range, bytes) in ranges.iter().zip(&bytes) {
        assert!(*bytes == all[range.start as usize..range.end as usize], "{range:?}");
    }
    let after = store.stats().dispatcher;
    assert_eq!(after.accepted - before.accepted, 2, "{after:?}");
    assert_eq!(after.submit_calls - before.submit_calls, 1, "{after:?}");
}

#[tokio::test]
async fn a_long_range_is_streamed_in_order_with_reads_ahead() {
    let Some((root, store, location)) = store().await else { return };
    evict(&root.path().join("object"));
    let mut stream = store.get(&location).await.unwrap().into_stream();
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first.len(), 1 << 20);
    let started = store.stats().dispatcher;
    assert_eq!(started.accepted - 1, 3, "the others are read ahead: {started:?}");
    // The stream needs the store no more.
    drop(store);
    let mut bytes = first.to_vec();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert!(bytes == contents(0, LENGTH));
}

#[tokio::test]
async fn head_reads_nothing_and_tells_what_a_list_tells() {
    let Some((_root, store, location)) = store().await else { return };
    let meta = store.head(&location).await.unwrap();
    let listed = store.list(None).next().await.unwrap().unwrap();
    assert_eq!(meta, listed);
    let stats = store.stats();
    assert_eq!((stats.device_reads, stats.cached_reads), (0, 0), "{stats:?}");
}

#[tokio::test]
async fn what_is_in_memory_is_left_to_local_file_system() {
    let Ok(root) = tempfile::tempdir_in("/dev/shm") else { return skipped("/dev/shm") };
    fs::write(root.path().join("object"), b"in memory").unwrap();
    let store = LocalStore::new_with_prefix(root.path()).unwrap();
    let location = Path::from("object");
    let route = store.route(&location).await.unwrap();
    let Route::LocalFileSystem(reason) = route else { panic!("{route:?}") };
    assert!(reason == Reason::NoDirectReads && reason.to_string().contains("directly"));
    let bytes = store.get_range(&location, 3..9).await.unwrap();
    assert_eq!(&*bytes, b"memory");
    let ranges = store.get_ranges(&location, &[0..2, 3..9]).await.unwrap();
    assert_eq!(ranges, [&b"in"[..], b"memory"]);
    let stats = store.stats();
    assert_eq!((stats.left, stats.cached_reads, stats.device_reads), (2, 0, 0), "{stats:?}");
}

#[tokio::test]
async fn what_is_no_object_has_no_route() {
    let root = scratch();
    let store = LocalStore::new_with_prefix(root.path()).unwrap();
    let error = store.route(&Path::from("none")).await.unwrap_err();
    assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");
    fs::create_dir(root.path().join("directory")).unwrap();
    let error = store.route(&Path::from("directory")).await.unwrap_err();
    assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");
}
