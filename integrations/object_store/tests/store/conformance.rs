//! The published tests of `object_store`, all of them that `LocalFileSystem` passes.

use object_store::integration::*;
use reapool_object_store::LocalStore;

use crate::scratch;

#[tokio::test]
async fn what_local_file_system_passes() {
    let root = scratch();
    let store = LocalStore::new_with_prefix(root.path()).unwrap();
    put_get_delete_list(&store).await;
    list_with_offset_exclusivity(&store).await;
    get_opts(&store).await;
    list_uses_directories_correctly(&store).await;
    list_with_delimiter(&store).await;
    rename_and_copy(&store).await;
    copy_if_not_exists(&store).await;
    copy_rename_nonexistent_object(&store).await;
    stream_get(&store).await;
    put_opts(&store, false).await;
    let error = get_nonexistent_object(&store, None).await.unwrap_err();
    assert!(matches!(error, object_store::Error::NotFound { .. }), "{error:?}");
    let stats = store.stats();
    assert!(stats.cached_reads + stats.device_reads > 0, "it has read itself: {stats:?}");
}
