//! One turn: a workload with a store, in a process that does nothing else. Prints what it took, for
//! the process that measures.

use std::path::{Path, PathBuf};
use std::time::Instant;

use datafusion::execution::context::SessionContext;
use serde::{Deserialize, Serialize};

use crate::answers::rows;
use crate::arguments::{Argument, Arguments, Wanted};
use crate::ask::collect;
use crate::context::{self, Place};
use crate::failure::{Failure, Result};
use crate::measure::memory_group::MemoryGroup;
use crate::measure::meter::{Meter, Part, peak_kib};
use crate::measure::scan::scan;
use crate::measure::workload::{HALVES, IN_TURNS, OF_HOT, Query, Task, Workload};
use crate::output::print;
use crate::stores::{Store, StoreKind};
use crate::tables::Table;

/// The command that only this program gives itself.
pub(crate) const COMMAND: &str = "turn-of-measure";

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Turn {
    pub(crate) parts: Vec<Part>,
    pub(crate) peak_kib: u64,
    /// Of the cgroup that it ran in, if it did.
    pub(crate) memory: Option<GroupMemory>,
    /// The results, which are the same with each store.
    pub(crate) answer: String,
}

/// The memory of a cgroup.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct GroupMemory {
    pub(crate) limit_bytes: u64,
    /// What the turn has left in the page cache.
    pub(crate) left_bytes: u64,
}

pub(crate) fn main(mut arguments: Arguments) -> Result {
    let mut values = Vec::new();
    let wanted = arguments.read("Used by query measure.", |_, argument| match argument {
        Argument::Value(value) => {
            values.push(value.into_string().map_err(|_| Failure::usage("not UTF-8"))?);
            Ok(())
        }
        option @ Argument::Option(_) => Err(option.unexpected()),
    })?;
    if let Wanted::Help = wanted {
        return Ok(());
    }
    let [store, workload, threads, directory, group @ ..] = &values[..] else {
        return Err(Failure::usage("STORE WORKLOAD THREADS DIR [CGROUP]"));
    };
    // First of all: what a thread has before that is no memory of the cgroup.
    if let Some(group) = group.first() {
        MemoryGroup::join(Path::new(group))?;
    }
    let workload = Workload::find(workload).ok_or_else(|| Failure::usage("unknown workload"))?;
    let threads = threads.parse().map_err(Failure::usage)?;
    let store = store.parse::<StoreKind>().map_err(Failure::Usage)?;
    let store = Store::open_with(store, workload.history)?;
    let table = Table::of_files("t", Path::new(directory))?;
    let run = Run { store, table, threads };
    let turn = context::block_on(threads, &std::env::temp_dir(), run.turn(workload.task))?;
    print(serde_json::to_string(&turn).map_err(Failure::failed)?)
}

struct Run {
    store: Store,
    table: Table,
    threads: usize,
}

impl Run {
    async fn turn(&self, task: Task) -> Result<Turn> {
        let (parts, answer) = match task {
            Task::Scan(columns) => self.scan(columns).await?,
            Task::Queries(queries) => {
                let meter = Meter::start()?;
                let context = self.context(&[&self.table]).await?;
                queries_of(&context, meter, queries).await?
            }
            Task::Alternating => self.alternating().await?,
            Task::BesideHot => self.beside_hot().await?,
        };
        Ok(Turn { parts, answer, peak_kib: peak_kib()?, memory: None })
    }

    async fn scan(&self, columns: usize) -> Result<(Vec<Part>, String)> {
        let meter = Meter::start()?;
        let store = self.store.object_store();
        let total = scan(store, self.table.files(), columns, self.threads).await?;
        Ok((vec![meter.read()?], total.to_string()))
    }

    async fn alternating(&self) -> Result<(Vec<Part>, String)> {
        let (all, meter) = (Meter::start()?, Meter::start()?);
        let context = self.context(&[]).await?;
        let files = self.table.files();
        let (first, second) = files.split_at(files.len() / 2);
        for (name, files) in HALVES.into_iter().zip([first, second]) {
            self.table.register_some(&context, name, files).await?;
        }
        let (mut parts, answer) = queries_of(&context, meter, &IN_TURNS).await?;
        parts.insert(0, all.read()?);
        Ok((parts, answer))
    }

    async fn beside_hot(&self) -> Result<(Vec<Part>, String)> {
        let first: &PathBuf =
            self.table.files().first().ok_or_else(|| Failure::failed("a table without files"))?;
        let hot = Table::of_files("hot", first)?;
        let meter = Meter::start()?;
        let context = self.context(&[&self.table, &hot]).await?;
        let whole = {
            let context = context.clone();
            tokio::spawn(async move { collect(&context, &Query::All.sql()).await })
        };
        let mut times = Vec::new();
        while !whole.is_finished() {
            let began = Instant::now();
            collect(&context, OF_HOT).await?;
            times.push(began.elapsed().as_secs_f64());
        }
        let result = whole.await.map_err(Failure::failed)??;
        let whole = meter.read()?;
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(0.0);
        // Which of the two used the processor can't be told.
        let hot = Part { seconds: median, user_seconds: 0.0, system_seconds: 0.0, device_bytes: 0 };
        Ok((vec![whole, hot], rows(&result)?.join("\n")))
    }

    async fn context(&self, tables: &[&Table]) -> Result<SessionContext> {
        let context = context::context(&Place::Here, &self.store, self.threads, &[]).await?;
        for table in tables {
            table.register(&context).await?;
        }
        Ok(context)
    }
}

/// The first one's time includes that of making the tables known, which reads footers: it is what
/// has passed since the meter's start.
async fn queries_of(
    context: &SessionContext,
    mut meter: Meter,
    queries: &[Query],
) -> Result<(Vec<Part>, String)> {
    let (mut parts, mut answers) = (Vec::new(), Vec::new());
    for query in queries {
        let result = collect(context, &query.sql()).await?;
        parts.push(meter.read()?);
        answers.extend(rows(&result)?);
        meter = Meter::start()?;
    }
    Ok((parts, answers.join("\n")))
}
