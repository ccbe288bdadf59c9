//! A directory of data files, which may be complete already.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::write::{unfinished, write};
use crate::failure::{Failure, Result};
use crate::output::say;
use crate::tables::Format;

/// Raised when the same settings make other data than before.
const VERSION: u32 = 1;

/// What a row of a Parquet file takes, about.
const BYTES_A_ROW: u64 = 155;

/// What the data are made of. The description of a complete set, in its directory, says it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct DataSet {
    version: u32,
    extension: String,
    files: u64,
    rows: u64,
    seed: u64,
}

/// The description of a complete set. No query takes it for a table's file.
const DESCRIPTION: &str = ".complete.json";

#[derive(Deserialize, Serialize)]
struct Description {
    set: DataSet,
    lengths: Vec<u64>,
}

impl DataSet {
    pub(crate) fn new(format: Format, files: u64, rows: u64, seed: u64) -> Self {
        let extension = format.extension().into();
        Self { version: VERSION, extension, files: files.max(1), rows, seed }
    }

    /// So many rows that the Parquet files have about so many GiB together.
    pub(crate) fn rows_of(gib: f64) -> u64 {
        (gib * f64::from(1 << 30) / BYTES_A_ROW as f64) as u64
    }

    pub(crate) fn paths(&self, directory: &Path) -> Vec<PathBuf> {
        let path = |file| directory.join(format!("part-{file:02}.{}", self.extension));
        (0..self.files).map(path).collect()
    }

    /// Makes the files, unless they are there. A run that is interrupted leaves no file that is not
    /// whole, and no description.
    pub(crate) fn make(&self, directory: &Path) -> Result {
        if self.is_complete(directory) {
            return Ok(());
        }
        fs::create_dir_all(directory).map_err(|error| Failure::at(directory, error))?;
        let description = directory.join(DESCRIPTION);
        match fs::remove_file(&description) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Failure::at(&description, error));
            }
            _ => {}
        }
        self.refuse_others(directory)?;
        let mut lengths = Vec::new();
        for (file, path) in (0..self.files).zip(self.paths(directory)) {
            say(format_args!("making {}", path.display()));
            let rows = self.rows * file / self.files..self.rows * (file + 1) / self.files;
            let format = self.extension.parse().map_err(Failure::Failed)?;
            lengths.push(write(format, self.seed, rows, &path)?);
        }
        let text = serde_json::to_vec_pretty(&Description { set: self.clone(), lengths });
        let text = text.map_err(Failure::failed)?;
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&description)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(|error| Failure::at(&description, error))
    }

    fn is_complete(&self, directory: &Path) -> bool {
        let Ok(text) = fs::read(directory.join(DESCRIPTION)) else { return false };
        let Ok(Description { set, lengths }) = serde_json::from_slice(&text) else { return false };
        let is_as_long = |(path, length): (PathBuf, u64)| {
            path.metadata().is_ok_and(|metadata| metadata.len() == length)
        };
        set == *self
            && lengths.len() as u64 == self.files
            && self.paths(directory).into_iter().zip(lengths).all(is_as_long)
    }

    /// Fails if there are files that this set does not have: a query would read them, too, and they
    /// may be somebody's.
    fn refuse_others(&self, directory: &Path) -> Result {
        let mut ours = self.paths(directory);
        ours.extend(self.paths(directory).iter().map(|path| unfinished(path)));
        for entry in fs::read_dir(directory).map_err(|error| Failure::at(directory, error))? {
            let path = entry.map_err(|error| Failure::at(directory, error))?.path();
            if !ours.contains(&path) {
                return Err(Failure::at(&path, "is in the way: take an empty directory"));
            }
        }
        Ok(())
    }
}
