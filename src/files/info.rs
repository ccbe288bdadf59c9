//! A file as the user's callbacks see it: position in the input, path and metadata.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file::metadata::Metadata;

/// A file of a run, as the user's callbacks see it. Clones share one allocation.
#[derive(Clone, Debug)]
pub struct FileInfo {
    facts: Arc<Facts>,
}

#[derive(Debug)]
struct Facts {
    index: u64,
    path: PathBuf,
    metadata: Metadata,
}

impl FileInfo {
    pub(crate) fn new(index: u64, path: PathBuf, metadata: Metadata) -> Self {
        Self { facts: Arc::new(Facts { index, path, metadata }) }
    }

    /// The path, copied only if somebody else keeps a clone.
    pub(crate) fn into_path(self) -> PathBuf {
        match Arc::try_unwrap(self.facts) {
            Ok(facts) => facts.path,
            Err(shared) => shared.path.clone(),
        }
    }

    /// Its position among the run's paths, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.facts.index
    }

    /// The path, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.facts.path
    }

    /// The file's metadata, as of when it was opened.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.facts.metadata
    }
}
