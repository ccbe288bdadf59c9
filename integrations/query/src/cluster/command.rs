//! `query cluster`: one query on a cluster of this machine, and in this process.

use std::path::Path;
use std::time::Instant;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::context::SessionContext;
use log::LevelFilter;

use crate::answers::rows;
use crate::arguments::{Argument, Arguments, Sql, Wanted};
use crate::ask::collect;
use crate::cluster::processes::Process;
use crate::context::{self, Place, processors};
use crate::failure::{Failure, Result};
use crate::output::{print, say};
use crate::stores::{Store, StoreKind};
use crate::tables::{NamedPath, Table};
use crate::{logging, page_cache, signals};

const HELP: &str = "\
Usage: query cluster [OPTIONS] SQL

Starts a Ballista scheduler and executors on this machine, each a process, and runs SQL on them as
their client. Prints the result; on the standard error, the time, and how each executor has read
the files. Then runs the same SQL in this process with LocalFileSystem, and fails if the results
differ. All that it has started ends with it.

Options:
      --table NAME=PATH  A table: a file, or a directory of files, which end in .parquet or .csv;
                         may be given several times
      --store S          Who reads the executors' files: reapool, or local (LocalFileSystem)
                         [default: reapool]
      --executors N      How many executors to start [default: 2]
      --cold             Take the tables' files out of the page cache before the query
      --partitions N     Read and compute in N parts at once [default: twice the executors]
  -h, --help             Print this

Exit status: as for `query`.
";

struct Options {
    tables: Vec<NamedPath>,
    store: StoreKind,
    executors: usize,
    cold: bool,
    partitions: Option<usize>,
    sql: String,
}

pub(crate) fn main(arguments: Arguments) -> Result {
    let Some(options) = parse(arguments)? else { return Ok(()) };
    logging::start(LevelFilter::Warn);
    let tables = options.tables.iter().cloned().map(Table::find).collect::<Result<Vec<_>>>()?;
    let temporary = context::temporary_directory()?;
    context::block_on(processors(), temporary.path(), run(&options, &tables, temporary.path()))
}

fn parse(mut arguments: Arguments) -> Result<Option<Options>> {
    let mut options = Options {
        tables: Vec::new(),
        store: StoreKind::Reapool,
        executors: 2,
        cold: false,
        partitions: None,
        sql: String::new(),
    };
    let mut sql = Sql::default();
    let wanted = arguments.read(HELP, |arguments, argument| {
        match &argument {
            Argument::Value(_) => sql.read(&argument)?,
            Argument::Option(name) => match name.as_str() {
                "table" => options.tables.push(arguments.value()?),
                "store" => options.store = arguments.value()?,
                "executors" => options.executors = arguments.value::<usize>()?.max(1),
                "cold" => options.cold = true,
                "partitions" => options.partitions = Some(arguments.value::<usize>()?.max(1)),
                _ => return Err(argument.unexpected()),
            },
        }
        Ok(())
    })?;
    if let Wanted::Help = wanted {
        return Ok(None);
    }
    options.sql = sql.given()?;
    Ok(Some(options))
}

/// The processes of a cluster.
struct Cluster {
    address: String,
    scheduler: Process,
    executors: Vec<Process>,
}

impl Cluster {
    async fn start(options: &Options, temporary: &Path) -> Result<Self> {
        let mut scheduler = Process::start("scheduler", &["--bind", "127.0.0.1:0"], temporary)?;
        let address = scheduler.wait_for("scheduler ").await?;
        let settings = ["--scheduler", &address, "--store", options.store.name()];
        let start = |_| Process::start("executor", &settings, temporary);
        let mut executors = (0..options.executors).map(start).collect::<Result<Vec<_>>>()?;
        for executor in &mut executors {
            executor.wait_for("executor ready").await?;
        }
        Ok(Self { address, scheduler, executors })
    }

    /// Ends the processes, and says what the executors have read.
    async fn end(self) -> Result {
        for executor in &self.executors {
            executor.ask_to_end()?;
        }
        for (number, mut executor) in self.executors.into_iter().enumerate() {
            let counts = executor.wait_for("executor read: ").await?;
            say(format_args!("executor {} read: {counts}", number + 1));
            executor.end().await?;
        }
        self.scheduler.ask_to_end()?;
        self.scheduler.end().await
    }

    /// Does not let them finish what they do. When this is done, they write nothing any more.
    async fn kill(self) {
        for process in self.executors.into_iter().chain([self.scheduler]) {
            process.kill().await;
        }
    }
}

async fn run(options: &Options, tables: &[Table], temporary: &Path) -> Result {
    let ended = signals::ended()?;
    // A mistake in the query shows before anything is started.
    let here = context_of(options, &Place::Here, tables).await?;
    here.sql(&options.sql).await?;
    let cluster = Cluster::start(options, temporary).await?;
    say(format_args!("scheduler at {}, {} executors", cluster.address, options.executors));
    let result = tokio::select! {
        result = answer_of(&cluster, options, tables) => result,
        () = ended => Err(Failure::Interrupted),
    };
    let result = match result {
        Ok(result) => result,
        Err(failure) => {
            cluster.kill().await;
            return Err(failure);
        }
    };
    cluster.end().await?;
    let expected = collect(&here, &options.sql).await?;
    if rows(&result)? != rows(&expected)? {
        return Err(Failure::failed("the cluster's result differs from this process's"));
    }
    say("the result is the same as in this process with LocalFileSystem");
    Ok(())
}

/// The cluster's answer, which is printed.
async fn answer_of(
    cluster: &Cluster,
    options: &Options,
    tables: &[Table],
) -> Result<Vec<RecordBatch>> {
    if options.cold {
        for table in tables {
            page_cache::forget(table.files())?;
        }
    }
    let began = Instant::now();
    let context = context_of(options, &Place::Remote(cluster.address.clone()), tables).await?;
    let result = collect(&context, &options.sql).await?;
    let seconds = began.elapsed().as_secs_f64();
    print(pretty_format_batches(&result).map_err(Failure::failed)?)?;
    say(format_args!("cluster: {seconds:.3} s"));
    Ok(result)
}

/// This process reads with `LocalFileSystem`; as a client, it reads nothing but for types.
async fn context_of(options: &Options, place: &Place, tables: &[Table]) -> Result<SessionContext> {
    let store = Store::open(StoreKind::Local)?;
    let partitions = options.partitions.unwrap_or(2 * options.executors);
    context::context(place, &store, partitions, tables).await
}
