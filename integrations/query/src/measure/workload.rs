//! What is measured.

use serde::Serialize;

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
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Task {
    /// The `parquet` crate's asynchronous reader alone, over so many columns.
    Scan(usize),
    /// Queries with DataFusion, one after the other.
    Queries(&'static [Query]),
    /// A query of the whole table, and meanwhile queries of its first file alone.
    BesideHot,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) task: Task,
    pub(crate) states: &'static [State],
    /// What is timed by itself. One without a name is all there is.
    pub(crate) parts: &'static [&'static str],
}

const BOTH: &[State] = &[State::Cold, State::Warm];
const COLD: &[State] = &[State::Cold];

const fn scan(name: &'static str, title: &'static str, columns: usize) -> Workload {
    Workload { name, title, task: Task::Scan(columns), states: BOTH, parts: &[""] }
}

const fn query(name: &'static str, title: &'static str, query: &'static [Query]) -> Workload {
    Workload { name, title, task: Task::Queries(query), states: BOTH, parts: &[""] }
}

const fn again(
    name: &'static str,
    title: &'static str,
    queries: &'static [Query],
    parts: &'static [&'static str],
) -> Workload {
    Workload { name, title, task: Task::Queries(queries), states: COLD, parts }
}

const RUNS: &[&str] = &["1st run", "2nd run", "3rd run"];

pub(crate) const ALL: [Workload; 10] = [
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
    Workload {
        name: "beside-hot",
        title: "20 columns beside a hot file",
        task: Task::BesideHot,
        states: &[State::FirstFileWarm],
        parts: &["the whole", "hot file, median"],
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

/// A query of the first file, which is registered as a table of its own.
pub(crate) const OF_HOT: &str = "SELECT sum(i2) FROM hot";

impl Query {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::One => "SELECT sum(i1) FROM t",
            // Half of the rows, spread all over: no page can be left out.
            Self::Filtered => "SELECT count(*), sum(i2), sum(f1) FROM t WHERE i3 < 34359738368",
            Self::All => {
                "SELECT sum(id), sum(k), sum(octet_length(name)), max(code), \
                 sum(i1), sum(i2), sum(i3), sum(i4), sum(i5), sum(i6), sum(i7), sum(i8), \
                 sum(f1), sum(f2), sum(f3), sum(f4), sum(f5), sum(f6), sum(f7), sum(f8) FROM t"
            }
        }
    }
}
