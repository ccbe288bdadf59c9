//! An [`ObjectStore`] over the local file system that reads through [reapool]: what is in
//! the page cache is copied on the calling thread, and what is not is read with Linux native AIO
//! and `O_DIRECT`, past the page cache. Engines that read through the `object_store` crate, such as
//! DataFusion, Ballista and delta-rs, use it in the place of
//! [`LocalFileSystem`](object_store::local::LocalFileSystem).
//!
//! ```
//! use std::sync::Arc;
//! use object_store::path::Path;
//! use object_store::{ObjectStore, ObjectStoreExt};
//! use reapool_object_store::LocalStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store: Arc<dyn ObjectStore> = Arc::new(LocalStore::new()?);
//! let manifest = Path::from_absolute_path(std::env::current_dir()?.join("Cargo.toml"))?;
//! let bytes = store.get_range(&manifest, 1..8).await?;
//! assert_eq!(&*bytes, b"package");
//! # Ok(())
//! # }
//! ```
//!
//! # What it reads, and what it leaves to `LocalFileSystem`
//!
//! Reads (`get_opts`, `get_ranges`, and the methods that are made of them) are this store's. It
//! leaves everything else to a `LocalFileSystem` on the same root: writes, lists, deletions,
//! copies. It leaves reads to it as well
//!
//! - on file systems where a direct read or one stat(2) a call makes no sense: in memory, on a
//!   network, or served by a process. [`LocalStore::route`] tells, with the reason.
//! - that are errors, of a path or of a range. So all errors of opening are the same.
//!
//! # Objects that change
//!
//! The store keeps files open, up to [`LocalStoreBuilder::open_files`]. Each call asks for the file
//! that the path leads to now (one statx(2)), and opens it anew if it is another, or its length or
//! time of modification has changed. So a call reads the object as it was put last. A call that has
//! begun reads the file that it has opened: an object that is replaced or removed meanwhile is read
//! to its end as it was. If the file is cut short in its place meanwhile, the stream ends with an
//! error.
//!
//! # Memory
//!
//! Results are not copied: they are the buffers that were read into, and keep these until they are
//! dropped. The buffers are a pool's ([`LocalStoreBuilder::memory`]). While an engine keeps all of
//! them, others are allocated, as `LocalFileSystem` does for each read;
//! [`LocalStoreBuilder::extra_memory`] bounds that. [`LocalStore::stats`] tells how much there is.
//! Results of up to 16 KiB are copied, as they would keep much more memory than they have bytes.

mod builder;
mod memory;
mod object;
mod objects;
mod reader;
mod stats;
mod store;

#[cfg(doc)]
use object_store::ObjectStore;

/// The README's programs are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use builder::{BuildError, LocalStoreBuilder};
pub use object::{Reason, Route};
pub use stats::LocalStoreStats;
pub use store::LocalStore;
