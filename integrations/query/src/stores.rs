//! The two stores of local files.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::object_store::ObjectStore;
use datafusion::object_store::local::LocalFileSystem;
use nix::sys::sysinfo::sysinfo;
use reapool_object_store::{LocalStore, LocalStoreStats};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum StoreKind {
    /// object_store's `LocalFileSystem`.
    Local,
    /// reapool's `LocalStore`.
    Reapool,
}

impl StoreKind {
    pub(crate) const ALL: [Self; 2] = [Self::Local, Self::Reapool];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Reapool => "reapool",
        }
    }
}

impl FromStr for StoreKind {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| format!("unknown store {name:?}: it is local or reapool"))
    }
}

/// How much a `LocalStore` remembers of what it has read past the page cache.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum History {
    Default,
    Nothing,
    /// Half of the machine's memory, whatever the process may use of it.
    HalfOfMachine,
}

#[derive(Clone)]
pub(crate) enum Store {
    Local(Arc<LocalFileSystem>),
    Reapool(Arc<LocalStore>),
}

impl Store {
    pub(crate) fn open(kind: StoreKind) -> Result<Self> {
        Self::open_with(kind, History::Default)
    }

    /// `LocalFileSystem` has no history.
    pub(crate) fn open_with(kind: StoreKind, history: History) -> Result<Self> {
        Ok(match kind {
            StoreKind::Local => Self::Local(Arc::new(LocalFileSystem::new())),
            StoreKind::Reapool => {
                let store = LocalStore::builder();
                let store = match history {
                    History::Default => store,
                    History::Nothing => store.remembered(0),
                    History::HalfOfMachine => {
                        let machine = sysinfo().map_err(Failure::failed)?;
                        store.remembered(machine.ram_total() / 2)
                    }
                };
                let store = store.build().map_err(|error| {
                    let reason = std::error::Error::source(&error).map(ToString::to_string);
                    Failure::Failed(format!("{error}: {}", reason.unwrap_or_default()))
                })?;
                Self::Reapool(Arc::new(store))
            }
        })
    }

    pub(crate) fn object_store(&self) -> Arc<dyn ObjectStore> {
        match self {
            Self::Local(store) => Arc::<LocalFileSystem>::clone(store),
            Self::Reapool(store) => Arc::<LocalStore>::clone(store),
        }
    }

    /// An environment whose local files are read by this store.
    pub(crate) fn runtime_env(&self) -> Result<Arc<RuntimeEnv>> {
        let env = RuntimeEnvBuilder::new().build_arc()?;
        let local_files = ObjectStoreUrl::local_filesystem();
        env.register_object_store(local_files.as_ref(), self.object_store());
        Ok(env)
    }

    /// What has been read so far, and how. `LocalFileSystem` does not count.
    pub(crate) fn counts(&self) -> Option<ReadCounts> {
        match self {
            Self::Local(_) => None,
            Self::Reapool(store) => Some(ReadCounts(store.stats())),
        }
    }
}

/// Which way a [`LocalStore`] read what.
pub(crate) struct ReadCounts(LocalStoreStats);

impl fmt::Display for ReadCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = &self.0;
        write!(
            f,
            "device {} reads {} bytes ({} through the page cache), cached {} reads {} bytes, \
             left to LocalFileSystem {} calls",
            stats.device_reads,
            stats.device_bytes,
            stats.dispatcher.buffered,
            stats.cached_reads,
            stats.cached_bytes,
            stats.left,
        )
    }
}
