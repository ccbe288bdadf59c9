//! `query SQL`: runs a query and prints its result.

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::context::SessionContext;
use log::LevelFilter;

use crate::arguments::{Argument, Arguments, Sql, Wanted};
use crate::context::{self, Place, processors};
use crate::failure::{Failure, Result};
use crate::output::{print, say};
use crate::stores::{Store, StoreKind};
use crate::tables::{NamedPath, Table};
use crate::{logging, page_cache, signals};

const HELP: &str = "\
Usage: query [OPTIONS] SQL
       query COMMAND [OPTIONS]      (query COMMAND --help tells more)

Runs SQL over Parquet and CSV files. Prints the result on the standard output; times, and how the
store has read the files, on the standard error.

Options:
      --table NAME=PATH  A table: a file, or a directory of files, which end in .parquet or .csv;
                         may be given several times
      --store S          Who reads the files: reapool, or local (LocalFileSystem) [default: reapool]
      --cold             Take the tables' files out of the page cache before the first run
      --repeat N         Run the query N times [default: 1]
      --partitions N     Read and compute in N parts at once [default: the number of processors]
      --standalone       Run it on Ballista, with a scheduler and an executor in this process
      --remote HOST:PORT Run it on the Ballista cluster of this scheduler. The executors read the
                         files, with stores of their own, so this can't be used with --store
  -h, --help             Print this

Commands:
  cluster    Run a query on a scheduler and executors that are started for it
  executor   Start an executor of a Ballista cluster
  generate   Make files with data to query
  measure    Compare the two stores
  scheduler  Start the scheduler of a Ballista cluster

Exit status: 0 if all went well, also if the reader of the output closes it early; 1 if the query
or a file fails; 2 for a mistake in the command line; 130 if a signal ended it.
";

struct Options {
    tables: Vec<NamedPath>,
    store: Option<StoreKind>,
    cold: bool,
    repeat: usize,
    partitions: usize,
    place: Place,
    sql: String,
}

pub(crate) fn main(arguments: Arguments) -> Result {
    let Some(options) = parse(arguments)? else { return Ok(()) };
    logging::start(LevelFilter::Warn);
    let tables = options.tables.iter().cloned().map(Table::find).collect::<Result<Vec<_>>>()?;
    // With a cluster elsewhere, this process only lists and plans.
    let otherwise =
        if let Place::Remote(_) = options.place { StoreKind::Local } else { StoreKind::Reapool };
    let store = Store::open(options.store.unwrap_or(otherwise))?;
    let temporary = context::temporary_directory()?;
    context::block_on(processors(), temporary.path(), async {
        let ended = signals::ended()?;
        tokio::select! {
            done = ask(&options, &store, &tables) => done,
            () = ended => Err(Failure::Interrupted),
        }
    })
}

fn parse(mut arguments: Arguments) -> Result<Option<Options>> {
    let mut options = Options {
        tables: Vec::new(),
        store: None,
        cold: false,
        repeat: 1,
        partitions: processors(),
        place: Place::Here,
        sql: String::new(),
    };
    let mut sql = Sql::default();
    let wanted = arguments.read(HELP, |arguments, argument| {
        match &argument {
            Argument::Value(_) => sql.read(&argument)?,
            Argument::Option(name) => match name.as_str() {
                "table" => options.tables.push(arguments.value()?),
                "store" => options.store = Some(arguments.value()?),
                "cold" => options.cold = true,
                "repeat" => options.repeat = arguments.value()?,
                "partitions" => options.partitions = arguments.value::<usize>()?.max(1),
                "standalone" => options.place = Place::Standalone,
                "remote" => options.place = Place::Remote(arguments.value()?),
                _ => return Err(argument.unexpected()),
            },
        }
        Ok(())
    })?;
    if let Wanted::Help = wanted {
        return Ok(None);
    }
    options.sql = sql.given()?;
    if matches!(options.place, Place::Remote(_)) && options.store.is_some() {
        return Err(Failure::usage("--store does not go with --remote: executors have their own"));
    }
    Ok(Some(options))
}

async fn ask(options: &Options, store: &Store, tables: &[Table]) -> Result {
    if options.cold {
        for table in tables {
            page_cache::forget(table.files())?;
        }
    }
    let context = context::context(&options.place, store, options.partitions, tables).await?;
    for run in 1..=options.repeat {
        let began = Instant::now();
        let result = collect(&context, &options.sql).await?;
        let seconds = began.elapsed().as_secs_f64();
        if run == 1 {
            print(pretty_format_batches(&result).map_err(Failure::failed)?)?;
        }
        say(format_args!("run {run}: {seconds:.3} s"));
    }
    if let Some(counts) = store.counts() {
        say(format_args!("read: {counts}"));
    }
    Ok(())
}

/// At least one batch, so that a result without rows has columns.
pub(crate) async fn collect(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    let query = context.sql(sql).await?;
    let schema = Arc::clone(query.schema().inner());
    let mut batches = query.collect().await?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}
