//! `query generate`: makes files with data.

use std::path::PathBuf;

use crate::arguments::{Argument, Arguments, Wanted};
use crate::data::set::DataSet;
use crate::failure::{Failure, Result};
use crate::output::print;
use crate::tables::Format;

const HELP: &str = "\
Usage: query generate [OPTIONS] DIR

Makes files with data in DIR: 20 columns, id, k (0 to 999), name (one of 100), code (12 digits),
i1 to i8 (whole numbers below 2^36) and f1 to f8 (multiples of a quarter below 2^18). The same
options make the same data. If DIR has them already, nothing is done. DIR must have no other files.

Options:
      --gib N       So many rows that Parquet files have about N GiB together [default: 2]
      --rows N      So many rows instead
      --files N     In how many files [default: 8]
      --format F    parquet or csv [default: parquet]
      --seed N      Other numbers make other data [default: 1]
  -h, --help        Print this
";

pub(crate) const SEED: u64 = 1;
pub(crate) const FILES: u64 = 8;
pub(crate) const GIB: f64 = 2.0;

pub(crate) fn main(mut arguments: Arguments) -> Result {
    let (mut files, mut rows, mut seed) = (FILES, DataSet::rows_of(GIB), SEED);
    let (mut format, mut directory) = (Format::Parquet, None);
    let wanted = arguments.read(HELP, |arguments, argument| {
        match &argument {
            Argument::Value(path) if directory.is_none() => directory = Some(PathBuf::from(path)),
            Argument::Value(_) => return Err(argument.unexpected()),
            Argument::Option(name) => match name.as_str() {
                "gib" => rows = DataSet::rows_of(arguments.value()?),
                "rows" => rows = arguments.value()?,
                "files" => files = arguments.value()?,
                "format" => format = arguments.value()?,
                "seed" => seed = arguments.value()?,
                _ => return Err(argument.unexpected()),
            },
        }
        Ok(())
    })?;
    if let Wanted::Help = wanted {
        return Ok(());
    }
    let directory = directory.ok_or_else(|| Failure::usage("no directory is given"))?;
    DataSet::new(format, files, rows, seed).make(&directory)?;
    print(format_args!("{rows} rows in {}", directory.display()))
}
