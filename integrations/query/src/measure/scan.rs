//! Reads columns with the `parquet` crate's asynchronous reader, as an engine's scan does.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::sum;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::object_store::ObjectStore;
use datafusion::object_store::path::Path as Location;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use futures_util::TryStreamExt;

use crate::data::columns;
use crate::failure::{Failure, Result};
use crate::measure::parquet_file::ParquetFile;

/// DataFusion's.
const ROWS_OF_A_BATCH: usize = 8192;

/// The columns by their indexes: whole numbers and quarters in turns, if not all.
fn chosen(count: usize) -> Vec<usize> {
    let names = ["i1", "f1", "i2", "f2"];
    let columns = columns::all();
    let is_chosen = |name: &str| count > names.len() || names[..count].contains(&name);
    let indexed = columns.iter().enumerate();
    indexed.filter(|(_, (name, _))| is_chosen(name)).map(|(index, _)| index).collect()
}

/// Reads all files, several at a time, and returns a sum of all values.
pub(crate) async fn scan(
    store: Arc<dyn ObjectStore>,
    files: &[PathBuf],
    columns: usize,
    tasks: usize,
) -> Result<i64> {
    let files = Arc::new(Mutex::new(files.to_vec()));
    let columns = Arc::new(chosen(columns));
    let task = |_| {
        let (store, files, columns) =
            (Arc::clone(&store), Arc::clone(&files), Arc::clone(&columns));
        tokio::spawn(async move {
            let mut total = 0_i64;
            loop {
                let next = files.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(file) = next else { return Ok(total) };
                total = total.wrapping_add(scan_file(&store, file, &columns).await?);
            }
        })
    };
    let tasks: Vec<_> = (0..tasks).map(task).collect();
    let mut total = 0_i64;
    for task in tasks {
        let part: Result<i64> = task.await.map_err(Failure::failed)?;
        total = total.wrapping_add(part?);
    }
    Ok(total)
}

async fn scan_file(store: &Arc<dyn ObjectStore>, file: PathBuf, columns: &[usize]) -> Result<i64> {
    let at = |error| Failure::at(&file, error);
    let location =
        Location::from_absolute_path(&file).map_err(|error| Failure::at(&file, error))?;
    let reader = ParquetFile { store: Arc::clone(store), location };
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(at)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
    let builder = builder.with_projection(mask).with_batch_size(ROWS_OF_A_BATCH);
    let mut batches = builder.build().map_err(at)?;
    let mut total = 0_i64;
    while let Some(batch) = batches.try_next().await.map_err(at)? {
        for column in batch.columns() {
            let value = value(column.as_ref()).map_err(|error| Failure::at(&file, error))?;
            total = total.wrapping_add(value);
        }
    }
    Ok(total)
}

/// Touches each value.
fn value(column: &dyn Array) -> std::result::Result<i64, String> {
    Ok(match column.data_type() {
        DataType::Int64 => sum(column.as_primitive::<Int64Type>()).unwrap_or(0),
        DataType::Int32 => i64::from(sum(column.as_primitive::<Int32Type>()).unwrap_or(0)),
        DataType::Float64 => {
            (sum(column.as_primitive::<Float64Type>()).unwrap_or(0.0) * 4.0) as i64
        }
        DataType::Utf8 => {
            column.as_string::<i32>().iter().flatten().map(|text| text.len() as i64).sum()
        }
        other => return Err(format!("a column of type {other}")),
    })
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn columns_are_chosen_by_name() {
        assert_eq!(chosen(1), [4]);
        assert_eq!(chosen(4), [4, 5, 12, 13]);
        assert_eq!(chosen(20).len(), 20);
    }
}
