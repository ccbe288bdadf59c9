//! Whether two results are the same.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::failure::{Failure, Result};

/// The rows as text, sorted: without ORDER BY they may come in any order. Floating-point sums may
/// differ in their last digits, as parts are added in another order.
pub(crate) fn rows(batches: &[RecordBatch]) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| cells(column.as_ref())).collect::<Result<_>>()?;
        for row in 0..batch.num_rows() {
            let cells: Vec<_> = columns.iter().map(|column| column[row].as_str()).collect();
            rows.push(cells.join("\t"));
        }
    }
    rows.sort();
    Ok(rows)
}

fn cells(column: &dyn Array) -> Result<Vec<String>> {
    if *column.data_type() == DataType::Float64 {
        let column = column.as_primitive::<Float64Type>();
        let shown =
            |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.11e}"));
        return Ok(column.iter().map(shown).collect());
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options).map_err(Failure::failed)?;
    let cell = |row| formatter.value(row).try_to_string().map_err(Failure::failed);
    (0..column.len()).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array};
    use datafusion::arrow::record_batch::RecordBatch;

    use super::rows;

    fn batch(numbers: [i64; 2], sums: [f64; 2]) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
        let sums: ArrayRef = Arc::new(Float64Array::from(sums.to_vec()));
        RecordBatch::try_from_iter([("number", numbers), ("sum", sums)]).unwrap()
    }

    fn of(batch: RecordBatch) -> Vec<String> {
        rows(&[batch]).unwrap_or_default()
    }

    #[test]
    fn neither_order_nor_the_last_digit_matters() {
        let some = of(batch([1, 2], [0.1 + 0.2, 5.0]));
        assert_eq!(some.len(), 2);
        assert_eq!(some, of(batch([2, 1], [5.0, 0.3])));
        assert_ne!(some, of(batch([2, 1], [5.0, 0.300_001])));
        assert_ne!(some, of(batch([2, 3], [5.0, 0.3])));
    }
}
