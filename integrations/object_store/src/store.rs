//! The store: reads are its own, and all else is `LocalFileSystem`'s.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use crate::object::{Object, Opened, Reason, Route};
use crate::objects::{Known, Objects};
use crate::reader::Reader;
use crate::stats::{Counters, LocalStoreStats};

/// A store of objects in the local file system, cheap to clone. The [crate's documentation](crate)
/// says what it reads and how.
///
/// When the last clone is dropped, its threads end as soon as reads that have begun are over;
/// nothing waits for them.
#[derive(Clone)]
pub struct LocalStore {
    shared: Arc<Shared>,
}

struct Shared {
    local: LocalFileSystem,
    objects: Objects,
    reader: Arc<Reader>,
    counters: Arc<Counters>,
}

impl LocalStore {
    pub(crate) fn assemble(
        local: LocalFileSystem,
        objects: Objects,
        reader: Reader,
        counters: Arc<Counters>,
    ) -> Self {
        let shared = Shared { local, objects, reader: Arc::new(reader), counters };
        Self { shared: Arc::new(shared) }
    }

    /// Who reads an object, and why. It is opened for that.
    ///
    /// # Errors
    ///
    /// Those of `head`, if it is no object.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool_object_store::{LocalStore, Route};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = LocalStore::new_with_prefix(".")?;
    /// match store.route(&"Cargo.toml".into()).await? {
    ///     Route::LocalFileSystem(reason) => println!("left to LocalFileSystem: {reason}"),
    ///     _ => println!("read by reapool"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn route(&self, location: &Path) -> Result<Route> {
        let shared = &self.shared;
        let path = shared.local.path_to_filesystem(location)?;
        match shared.known(path).await {
            Some(Known::Object(_)) => Ok(Route::Reapool),
            Some(Known::NotOurs(reason)) => Ok(Route::LocalFileSystem(reason)),
            // `LocalFileSystem` tells the error. If it has none, the object came just now.
            None => {
                let head = GetOptions::new().with_head(true);
                shared.local.get_opts(location, head).await?;
                Ok(Route::LocalFileSystem(Reason::Elsewhere))
            }
        }
    }

    /// Counters, and what the store has now.
    #[must_use]
    pub fn stats(&self) -> LocalStoreStats {
        let (memory, dispatcher) = self.shared.reader.stats();
        self.shared.counters.snapshot(self.shared.objects.count(), memory, dispatcher)
    }
}

impl Shared {
    /// The object at a location, if this store reads it.
    async fn object(&self, location: &Path) -> Option<Arc<Object>> {
        let path = self.local.path_to_filesystem(location).ok()?;
        match self.known(path).await? {
            Known::Object(object) => Some(object),
            Known::NotOurs(_) => None,
        }
    }

    /// What there is at a path. `None` if it can't be opened, or is no regular file.
    async fn known(&self, path: PathBuf) -> Option<Known> {
        if let Some(known) = self.objects.get(&path) {
            return Some(known);
        }
        let known = match self.reader.open(path.clone()).await? {
            Opened::Object(object) => Known::Object(Arc::new(object)),
            Opened::NotOurs(reason) => Known::NotOurs(reason),
        };
        self.objects.put(path, known.clone());
        Some(known)
    }

    /// Closes what is open at a location, where something else is by now, or nothing.
    fn forget(&self, location: &Path) {
        if let Ok(path) = self.local.path_to_filesystem(location) {
            self.objects.forget(&path);
        }
    }

    /// `LocalFileSystem`, for a call that is left to it.
    fn leave(&self) -> &LocalFileSystem {
        Counters::add(&self.counters.left, 1);
        &self.local
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let shared = &self.shared;
        let Some(object) = shared.object(location).await else {
            return shared.leave().get_opts(location, options).await;
        };
        let meta = object.meta(location);
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            None => 0..meta.size,
            Some(wanted) => match wanted.as_range(meta.size) {
                Ok(range) => range,
                Err(_) => return shared.leave().get_opts(location, options).await,
            },
        };
        let stream = if options.head {
            stream::empty().boxed()
        } else {
            shared.reader.stream(object, range.clone())
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream),
            meta,
            range,
            attributes: Default::default(),
            #[cfg(not(object_store_0_13))]
            extensions: Default::default(),
        })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let shared = &self.shared;
        match shared.object(location).await {
            Some(object) if ranges.iter().all(|range| is_within(range, object.size())) => {
                shared.reader.read_ranges(&object, ranges).await
            }
            _ => shared.leave().get_ranges(location, ranges).await,
        }
    }

    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let put = self.shared.local.put_opts(location, payload, options).await;
        self.shared.forget(location);
        put
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.shared.local.put_multipart_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let shared = Arc::clone(&self.shared);
        let deleted = self.shared.local.delete_stream(locations);
        deleted.inspect_ok(move |location| shared.forget(location)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.shared.local.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.shared.local.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.shared.local.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let copied = self.shared.local.copy_opts(from, to, options).await;
        self.shared.forget(to);
        copied
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let renamed = self.shared.local.rename_opts(from, to, options).await;
        self.shared.forget(from);
        self.shared.forget(to);
        renamed
    }
}

/// Whether a range is one, and an object of this size has all of it.
fn is_within(range: &Range<u64>, size: u64) -> bool {
    range.start <= range.end && range.end <= size
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalStore({})", self.shared.local)
    }
}

impl fmt::Debug for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalStore").field("local", &self.shared.local).finish_non_exhaustive()
    }
}
