//! `query measure`: the comparison's command line and its report.

use std::fs;
use std::path::{Path, PathBuf};

use crate::arguments::{Argument, Arguments, Wanted};
use crate::context::processors;
use crate::data::command::{FILES, GIB, SEED};
use crate::data::set::DataSet;
use crate::failure::{Failure, Result};
use crate::measure::chart::svg;
use crate::measure::machine::Machine;
use crate::measure::memory_group::MemoryGroup;
use crate::measure::results::{Results, Settings};
use crate::measure::rounds::{PROCESS_MEMORY, Rounds};
use crate::measure::table::markdown;
use crate::measure::workload::{ALL, Memory, Workload};
use crate::output::{print, say};
use crate::tables::Format;

const HELP: &str = "\
Usage: query measure [OPTIONS] --data DIR

Compares LocalStore with LocalFileSystem under the parquet crate's reader and under DataFusion.
Each turn is a process of its own; the stores take turns, in an order that changes from round to
round. Before a turn, the files are taken out of the page cache, and for warm ones read into it.
Prints a table in Markdown: medians of the rounds, with the least and the greatest; CPU time, user
and system; the greatest memory of the process; and how much the device was asked for, which shows
whether a turn was cold. The last two columns are the medians of the rounds' ratios.

The workloads called alternating have less memory than data, by a cgroup: that takes root.

Options:
      --data DIR       Where the data are, or are made, as by generate (--quick: in DIR/quick)
      --rounds N       How many rounds [default: 5]
      --threads N      Threads and partitions [default: the number of processors]
      --gib N          How much data [default: 2]
      --only NAME      This workload alone; may be given several times
      --out DIR        Write query.md, query.json (every turn) and query.svg (the ratios) into DIR
      --quick          One round over 16 MiB, to see that it works
      --list           Print the names of the workloads
  -h, --help           Print this
";

struct Options {
    data: Option<PathBuf>,
    rounds: usize,
    threads: usize,
    rows: u64,
    workloads: Vec<Workload>,
    out: Option<PathBuf>,
    quick: bool,
    list: bool,
}

pub(crate) fn main(arguments: Arguments) -> Result {
    let Some(mut options) = parse(arguments)? else { return Ok(()) };
    if options.list {
        return print(ALL.map(|workload| workload.name).join("\n"));
    }
    let data = options.data.take().ok_or_else(|| Failure::usage("--data is missing"))?;
    let data = if options.quick { data.join("quick") } else { data };
    refuse_without_cgroups(&options.workloads)?;
    let data_set = DataSet::new(Format::Parquet, FILES, options.rows, SEED);
    data_set.make(&data)?;
    let results = measure(&options, &data, data_set.paths(&data))?;
    let table = markdown(&results);
    print(table.trim_end())?;
    options.out.map_or(Ok(()), |out| write(&out, &results, &table))
}

fn parse(mut arguments: Arguments) -> Result<Option<Options>> {
    let mut options = Options {
        data: None,
        rounds: 5,
        threads: processors(),
        rows: DataSet::rows_of(GIB),
        workloads: Vec::new(),
        out: None,
        quick: false,
        list: false,
    };
    let wanted = arguments.read(HELP, |arguments, argument| {
        let Argument::Option(name) = &argument else { return Err(argument.unexpected()) };
        match name.as_str() {
            "data" => options.data = Some(arguments.path()?),
            "rounds" => options.rounds = arguments.value::<usize>()?.max(1),
            "threads" => options.threads = arguments.value::<usize>()?.max(1),
            "gib" => options.rows = DataSet::rows_of(arguments.value()?),
            "only" => options.workloads.push(workload(&arguments.value::<String>()?)?),
            "out" => options.out = Some(arguments.path()?),
            "quick" => options.quick = true,
            "list" => options.list = true,
            _ => return Err(argument.unexpected()),
        }
        Ok(())
    })?;
    if let Wanted::Help = wanted {
        return Ok(None);
    }
    if options.quick {
        (options.rounds, options.rows) = (1, DataSet::rows_of(1.0 / 64.0));
    }
    if options.workloads.is_empty() {
        options.workloads = ALL.into();
    }
    Ok(Some(options))
}

fn workload(name: &str) -> Result<Workload> {
    let unknown =
        || Failure::usage(format_args!("unknown workload {name:?}: --list has the names"));
    Workload::find(name).ok_or_else(unknown)
}

/// Before all else is measured, as it would be lost.
fn refuse_without_cgroups(workloads: &[Workload]) -> Result {
    let limited = |workload: &&Workload| workload.memory != Memory::OfMachine;
    let Some(workload) = workloads.iter().find(limited) else { return Ok(()) };
    let made = MemoryGroup::make(PROCESS_MEMORY);
    made.map(drop).map_err(|failure| {
        let (reason, _) = failure.report();
        Failure::Failed(format!(
            "{} limits memory by a cgroup, as root can where cgroups may be written to; --only \
             measures others: {}",
            workload.name,
            reason.unwrap_or_default()
        ))
    })
}

fn measure(options: &Options, directory: &Path, files: Vec<PathBuf>) -> Result<Results> {
    let mut file_bytes = 0;
    for file in &files {
        file_bytes += file.metadata().map_err(|error| Failure::at(file, error))?.len();
    }
    let &Options { rounds, threads, rows, .. } = options;
    let machine = Machine::this();
    let settings = Settings { rounds, threads, rows, file_bytes };
    let rounds = Rounds { directory, files, file_bytes, rounds, threads };
    let mut sections = Vec::new();
    for workload in &options.workloads {
        for &state in workload.states {
            sections.push(rounds.section(*workload, state)?);
        }
    }
    Ok(Results { machine, settings, sections })
}

fn write(out: &Path, results: &Results, table: &str) -> Result {
    fs::create_dir_all(out).map_err(|error| Failure::at(out, error))?;
    let json = serde_json::to_string_pretty(results).map_err(Failure::failed)?;
    for (name, text) in [("md", table), ("json", &json), ("svg", &svg(&results.lines()))] {
        let path = out.join("query").with_extension(name);
        fs::write(&path, text).map_err(|error| Failure::at(&path, error))?;
        say(format_args!("wrote {}", path.display()));
    }
    Ok(())
}
