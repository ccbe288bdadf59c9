//! Tables: a name, and the files that it stands for.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use datafusion::execution::context::SessionContext;
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions};
use url::Url;

use crate::failure::{Failure, Result};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Parquet,
    Csv,
}

impl Format {
    pub(crate) const ALL: [Self; 2] = [Self::Parquet, Self::Csv];

    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?;
        Self::ALL.into_iter().find(|format| extension == format.extension())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let format = Self::ALL.into_iter().find(|format| format.extension() == name);
        format.ok_or_else(|| format!("unknown format {name:?}: it is parquet or csv"))
    }
}

/// A table as the command line names it. Whether there are such files is not known yet.
#[derive(Clone, Debug)]
pub(crate) struct NamedPath {
    name: String,
    path: PathBuf,
}

impl FromStr for NamedPath {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.into(), path: path.into() })
            }
            _ => Err(format!("{text:?} is not NAME=PATH")),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    /// As the user named it.
    path: PathBuf,
    url: Url,
    format: Format,
    /// In the order of their names.
    files: Vec<PathBuf>,
}

impl Table {
    /// Looks which files there are.
    pub(crate) fn find(NamedPath { name, path }: NamedPath) -> Result<Self> {
        let full = path.canonicalize().map_err(|error| Failure::at(&path, error))?;
        let (url, files) = if full.is_dir() {
            (Url::from_directory_path(&full), files_below(&full)?)
        } else {
            (Url::from_file_path(&full), vec![full.clone()])
        };
        let url = url.map_err(|()| Failure::at(&path, "there is no URL for this path"))?;
        let format = format_of(&path, &files)?;
        Ok(Self { name, path, url, format, files })
    }

    pub(crate) fn of_files(name: &str, path: &Path) -> Result<Self> {
        Self::find(NamedPath { name: name.into(), path: path.into() })
    }

    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    pub(crate) async fn register(&self, context: &SessionContext) -> Result {
        let Self { name, url, format, .. } = self;
        let registered = match format {
            Format::Parquet => {
                context.register_parquet(name, url.as_str(), ParquetReadOptions::default()).await
            }
            Format::Csv => context.register_csv(name, url.as_str(), CsvReadOptions::new()).await,
        };
        registered.map_err(|error| Failure::at(&self.path, error.strip_backtrace()))
    }

    /// Makes some of its Parquet files known as a table of this name.
    pub(crate) async fn register_some(
        &self,
        context: &SessionContext,
        name: &str,
        files: &[PathBuf],
    ) -> Result {
        let urls: Vec<_> =
            files.iter().flat_map(Url::from_file_path).map(|url| url.to_string()).collect();
        let register = async {
            let some = context.read_parquet(urls, ParquetReadOptions::default()).await?;
            context.register_table(name, some.into_view())
        };
        let registered = register.await;
        registered.map_err(|error| Failure::at(&self.path, error.strip_backtrace()))?;
        Ok(())
    }
}

/// The data files of a directory. DataFusion would go into its subdirectories, too: these are
/// refused, so that what `--cold` takes out of the page cache is what is read.
fn files_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| Failure::at(directory, error))? {
        let path = entry.map_err(|error| Failure::at(directory, error))?.path();
        if path.is_dir() {
            return Err(Failure::at(&path, "a table's directory must have files alone"));
        }
        if Format::of(&path).is_some() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The one format that all files have.
fn format_of(path: &Path, files: &[PathBuf]) -> Result<Format> {
    let mut formats = files.iter().map(|file| Format::of(file));
    let Some(Some(first)) = formats.next() else {
        return Err(Failure::at(path, "no file that ends in .parquet or .csv"));
    };
    if formats.any(|format| format != Some(first)) {
        return Err(Failure::at(path, "has both Parquet and CSV files"));
    }
    Ok(first)
}
