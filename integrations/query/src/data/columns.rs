//! The twenty columns.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;

/// Whole numbers are below this, so that their sum over the longest table that one would make
/// does not overflow.
const BELOW: u64 = 1 << 36;

/// How many names there are.
const NAMES: u64 = 100;

/// How many groups there are.
const GROUPS: u64 = 1000;

/// What a column has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The row's number.
    Id,
    /// One of a thousand small numbers.
    Group,
    /// One of a hundred words.
    Name,
    /// Twelve random digits.
    Code,
    /// A random number.
    Whole,
    /// A random multiple of a quarter: sums are exact, and so the same in any order.
    Quarters,
}

impl Kind {
    /// Whether few values come again and again, so that a dictionary makes the column small.
    pub(crate) fn repeats(self) -> bool {
        matches!(self, Self::Group | Self::Name)
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Id | Self::Whole => DataType::Int64,
            Self::Group => DataType::Int32,
            Self::Name | Self::Code => DataType::Utf8,
            Self::Quarters => DataType::Float64,
        }
    }
}

/// Names and kinds, in order.
pub(crate) fn all() -> Vec<(String, Kind)> {
    let first = [("id", Kind::Id), ("k", Kind::Group), ("name", Kind::Name), ("code", Kind::Code)];
    let mut columns: Vec<_> = first.map(|(name, kind)| (name.to_owned(), kind)).into();
    columns.extend((1..=8).map(|number| (format!("i{number}"), Kind::Whole)));
    columns.extend((1..=8).map(|number| (format!("f{number}"), Kind::Quarters)));
    columns
}

pub(crate) fn schema() -> Arc<Schema> {
    let field = |(name, kind): (String, Kind)| Field::new(name, kind.data_type(), false);
    Arc::new(Schema::new(all().into_iter().map(field).collect::<Vec<_>>()))
}

/// Rows by their numbers.
pub(crate) fn rows(seed: u64, rows: Range<u64>) -> Result<RecordBatch, ArrowError> {
    let column = |(index, (_, kind)): (usize, (String, Kind))| {
        let random = |row: u64| scramble(scramble(seed ^ index as u64) ^ row);
        array(kind, rows.clone(), random)
    };
    RecordBatch::try_new(schema(), all().into_iter().enumerate().map(column).collect())
}

fn array(kind: Kind, rows: Range<u64>, random: impl Fn(u64) -> u64) -> ArrayRef {
    match kind {
        Kind::Id => Arc::new(Int64Array::from_iter_values(rows.map(|row| row as i64))),
        Kind::Group => {
            Arc::new(Int32Array::from_iter_values(rows.map(|row| (random(row) % GROUPS) as i32)))
        }
        Kind::Name => {
            let name = |row| format!("name-{}", random(row) % NAMES);
            Arc::new(StringArray::from_iter_values(rows.map(name)))
        }
        Kind::Code => {
            let code = |row| format!("{:012x}", random(row) >> 16);
            Arc::new(StringArray::from_iter_values(rows.map(code)))
        }
        Kind::Whole => {
            Arc::new(Int64Array::from_iter_values(rows.map(|row| (random(row) % BELOW) as i64)))
        }
        Kind::Quarters => {
            let quarters = |row| (random(row) % (1 << 20)) as f64 / 4.0;
            Arc::new(Float64Array::from_iter_values(rows.map(quarters)))
        }
    }
}

/// splitmix64's function: neighbours have nothing to do with each other.
fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::{all, rows, schema};

    #[test]
    fn there_are_twenty_columns() {
        assert_eq!(all().len(), 20);
        assert_eq!(schema().fields().len(), 20);
    }

    #[test]
    fn a_row_is_the_same_wherever_it_is_made() {
        let (whole, part) = (rows(1, 0..100).unwrap(), rows(1, 40..60).unwrap());
        assert_eq!(whole.slice(40, 20), part);
        assert_ne!(rows(2, 40..60).unwrap(), part);
    }
}
