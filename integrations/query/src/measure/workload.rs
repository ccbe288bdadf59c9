//! What is measured.

use serde::Serialize;

use crate::stores::History;

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum State {
    /// No file is in the page cache.
    Cold,
    /// All files are.
    Warm,
    /// The first file is, the others are not.
    FirstFileWarm,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Query {
    One,
    Filtered,
    All,
    /// All columns of the first half of the files.
    FirstHalf,
    /// All columns of the second half of the files.
    SecondHalf,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Task {
    /// The `parquet` crate's asynchronous reader alone, over so many columns.
    Scan(usize),
    /// Queries with DataFusion, one after the other.
    Queries(&'static [Query]),
    /// Queries of the two halves in turns. All of them together are the first part.
    Alternating,
    /// A query of the whole table, and meanwhile queries of its first file alone.
    BesideHot,
}

/// How much memory a turn has, for its process and for what that reads into the page cache.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Memory {
    OfMachine,
    /// A cgroup's, which has room for the process and half of the data.
    ForHalf,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) task: Task,
    pub(crate) states: &'static [State],
    pub(crate) memory: Memory,
    pub(crate) history: History,
    /// What is timed by itself. One without a name is all there is.
    pub(crate) parts: &'static [&'static str],
}

const BOTH: &[State] = &[State::Cold, State::Warm];
const COLD: &[State] = &[State::Cold];

const fn once(name: &'static str, title: &'static str, task: Task) -> Workload {
    let (memory, history) = (Memory::OfMachine, History::Default);
    Workload { name, title, task, states: BOTH, memory, history, parts: &[""] }
}

const fn scan(name: &'static str, title: &'static str, columns: usize) -> Workload {
    once(name, title, Task::Scan(columns))
}

const fn query(name: &'static str, title: &'static str, query: &'static [Query]) -> Workload {
    once(name, title, Task::Queries(query))
}

const fn again(
    name: &'static str,
    title: &'static str,
    queries: &'static [Query],
    parts: &'static [&'static str],
) -> Workload {
    Workload { states: COLD, parts, ..once(name, title, Task::Queries(queries)) }
}

/// There is room for the data of one query, but not for those of both.
const fn alternating(
    name: &'static str,
    title: &'static str,
    history: History,
    parts: &'static [&'static str],
) -> Workload {
    let workload = once(name, title, Task::Alternating);
    Workload { states: COLD, memory: Memory::ForHalf, history, parts, ..workload }
}

const RUNS: &[&str] = &["1st run", "2nd run", "3rd run"];

pub(crate) const ALL: [Workload; 13] = [
    scan("scan-1", "parquet reader, 1 column", 1),
    scan("scan-4", "parquet reader, 4 columns", 4),
    scan("scan-20", "parquet reader, 20 columns", 20),
    query("one", "DataFusion, sum of one column", &[Query::One]),
    query("filtered", "DataFusion, filter and two sums", &[Query::Filtered]),
    query("all", "DataFusion, all 20 columns", &[Query::All]),
    again("filtered-thrice", "filter and two sums, again", &[Query::Filtered; 3], RUNS),
    again("all-thrice", "all 20 columns, again", &[Query::All; 3], RUNS),
    again(
        "in-turns",
        "two queries in turns",
        &[Query::One, Query::Filtered, Query::One, Query::Filtered, Query::One, Query::Filtered],
        &["one, 1st", "filter, 1st", "one, 2nd", "filter, 2nd", "one, 3rd", "filter, 3rd"],
    ),
    alternating(
        "alternating",
        "halves in turns, memory for one",
        History::Default,
        &[
            "all six",
            "one half, 1st",
            "other half, 1st",
            "one half, 2nd",
            "other half, 2nd",
            "one half, 3rd",
            "other half, 3rd",
        ],
    ),
    alternating(
        "alternating-direct",
        "halves in turns, nothing remembered",
        History::Nothing,
        &["all six"],
    ),
    alternating(
        "alternating-long",
        "halves in turns, too much remembered",
        History::HalfOfMachine,
        &["all six"],
    ),
    Workload {
        states: &[State::FirstFileWarm],
        parts: &["the whole", "hot file, median"],
        ..once("beside-hot", "20 columns beside a hot file", Task::BesideHot)
    },
];

impl Workload {
    pub(crate) fn find(name: &str) -> Option<Self> {
        ALL.into_iter().find(|workload| workload.name == name)
    }
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::FirstFileWarm => "one file warm",
        }
    }
}

/// What `Task::Alternating` asks.
pub(crate) const IN_TURNS: [Query; 6] = [
    Query::FirstHalf,
    Query::SecondHalf,
    Query::FirstHalf,
    Query::SecondHalf,
    Query::FirstHalf,
    Query::SecondHalf,
];

/// The tables of the two halves.
pub(crate) const HALVES: [&str; 2] = ["first_half", "second_half"];

/// A query of the first file, which is registered as a table of its own.
pub(crate) const OF_HOT: &str = "SELECT sum(i2) FROM hot";

impl Query {
    pub(crate) fn sql(self) -> String {
        match self {
            Self::One => "SELECT sum(i1) FROM t".into(),
            // Half of the rows, spread all over: no page can be left out.
            Self::Filtered => {
                "SELECT count(*), sum(i2), sum(f1) FROM t WHERE i3 < 34359738368".into()
            }
            Self::All => of_all_columns("t"),
            Self::FirstHalf => of_all_columns(HALVES[0]),
            Self::SecondHalf => of_all_columns(HALVES[1]),
        }
    }
}

fn of_all_columns(table: &str) -> String {
    format!(
        "SELECT sum(id), sum(k), sum(octet_length(name)), max(code), \
         sum(i1), sum(i2), sum(i3), sum(i4), sum(i5), sum(i6), sum(i7), sum(i8), \
         sum(f1), sum(f2), sum(f3), sum(f4), sum(f5), sum(f6), sum(f7), sum(f8) FROM {table}"
    )
}
