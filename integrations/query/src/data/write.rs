//! Writes one file of data.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use datafusion::arrow::csv;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use datafusion::parquet::schema::types::ColumnPath;

use crate::data::columns;
use crate::failure::{Failure, Result};
use crate::tables::Format;

/// How many rows are made at once.
const BATCH: u64 = 1 << 16;

/// So that a column of a row group is some MiB, as others write it.
const ROWS_OF_A_GROUP: usize = 500_000;

/// Writes rows, and returns the length of the file. It gets its name when it is whole and on the
/// disk.
pub(crate) fn write(format: Format, seed: u64, rows: Range<u64>, path: &Path) -> Result<u64> {
    let unfinished = unfinished(path);
    let written = match format {
        Format::Parquet => write_parquet(seed, rows, &unfinished),
        Format::Csv => write_csv(seed, rows, &unfinished),
    };
    let finish = || -> std::io::Result<u64> {
        let file = File::open(&unfinished)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        Ok(file.metadata()?.len())
    };
    let length = written.and_then(|()| finish().map_err(|error| Failure::at(path, error)));
    if length.is_err() {
        // The first error is the one to show.
        let _ = fs::remove_file(&unfinished);
    }
    length
}

/// The name of a file while it is written. It may have been left by a run that was killed.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("unfinished")
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).map_err(|error| Failure::at(path, error))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn batches(seed: u64, rows: Range<u64>) -> impl Iterator<Item = Result<RecordBatch>> {
    let end = rows.end;
    let batch = move |start: u64| {
        columns::rows(seed, start..(start + BATCH).min(end)).map_err(Failure::failed)
    };
    rows.step_by(BATCH as usize).map(batch)
}

fn write_parquet(seed: u64, rows: Range<u64>, path: &Path) -> Result {
    let at = |error| Failure::at(path, error);
    let file = create(path)?;
    let writer = ArrowWriter::try_new(file, columns::schema(), Some(properties()));
    let mut writer = writer.map_err(at)?;
    for batch in batches(seed, rows) {
        writer.write(&batch?).map_err(at)?;
    }
    let mut file = writer.into_inner().map_err(at)?;
    file.flush().map_err(|error| Failure::at(path, error))
}

/// Not compressed: random numbers would not get smaller, and time would be spent trying.
fn properties() -> WriterProperties {
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_max_row_group_row_count(Some(ROWS_OF_A_GROUP))
        .set_dictionary_enabled(false);
    let repeated = columns::all().into_iter().filter(|(_, kind)| kind.repeats());
    let with_dictionary = |properties: WriterPropertiesBuilder, (name, _): (String, _)| {
        properties.set_column_dictionary_enabled(ColumnPath::from(name), true)
    };
    repeated.fold(properties, with_dictionary).build()
}

fn write_csv(seed: u64, rows: Range<u64>, path: &Path) -> Result {
    let mut writer = csv::WriterBuilder::new().with_header(true).build(create(path)?);
    for batch in batches(seed, rows) {
        writer.write(&batch?).map_err(|error| Failure::at(path, error))?;
    }
    writer.into_inner().flush().map_err(|error| Failure::at(path, error))
}

#[cfg(test)]
mod tests {
    use super::properties;
    use datafusion::parquet::schema::types::ColumnPath;

    #[test]
    fn only_columns_that_repeat_have_a_dictionary() {
        let properties = properties();
        let enabled = |name: &str| properties.dictionary_enabled(&ColumnPath::from(name));
        assert!(enabled("k") && enabled("name"));
        assert!(!enabled("id") && !enabled("i1") && !enabled("f8"));
    }
}
