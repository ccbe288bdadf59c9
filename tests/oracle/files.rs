//! Random trees, read with random settings, against what `std::fs` says: every path has one result,
//! and what a file's functions get are exactly its bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::{option, prop_oneof};
use reapool::{FileErrorKind, Files, Order, Policy, ReadHistory};

use crate::cases::{regressions, runner};
use crate::support::cache::forget;
use crate::support::files::{POLICIES, all, assert_same, copied, gathered, patterned};
use crate::support::{self, Tended, scratch};

#[derive(Clone, Debug)]
struct Program {
    entries: Vec<Entry>,
    settings: Settings,
    /// Read whole, and not streamed.
    whole: bool,
    workers: usize,
    depth: usize,
}

#[derive(Clone, Debug)]
enum Entry {
    /// Of so many bytes, in the page cache or not.
    File {
        len: usize,
        cold: bool,
    },
    Missing,
    Directory,
    /// One of those before it once more, counted round.
    Again(usize),
}

#[derive(Clone, Debug)]
struct Settings {
    policy: usize,
    in_order: bool,
    memory: usize,
    chunk: usize,
    read_ahead: usize,
    files_at_once: usize,
    open_files: usize,
    results: usize,
    whole_limit: Option<usize>,
    remembers: bool,
}

fn len() -> impl Strategy<Value = usize> {
    let edges = [0, 1, 512, 4096, 8192, 16 << 10, 64 << 10, 128 << 10, 300 << 10];
    let near = (0..edges.len(), 0..3_usize)
        .prop_map(move |(edge, more)| (edges[edge] + more).saturating_sub(1));
    prop_oneof![3 => near, 1 => 0..200_000_usize]
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        12 => (len(), any::<bool>()).prop_map(|(len, cold)| Entry::File { len, cold }),
        1 => Just(Entry::Missing),
        1 => Just(Entry::Directory),
        1 => any::<usize>().prop_map(Entry::Again),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let chunk = prop_oneof![Just(4096_usize), Just(5000), Just(16 << 10), Just(64 << 10)];
    let bounds = (1..5_usize, 1..5_usize, 1..5_usize);
    let whole = option::of(prop_oneof![Just(4096_usize), Just(100_000), Just(400_000)]);
    (0..3_usize, any::<bool>(), 1..3_usize, chunk, 0..6_usize, bounds, whole, any::<bool>())
        .prop_map(|(policy, in_order, memory, chunk, ahead, bounds, whole_limit, remembers)| {
            Settings {
                policy,
                in_order,
                memory: memory * (2 << 20),
                chunk,
                read_ahead: ahead * chunk,
                files_at_once: bounds.0,
                open_files: bounds.1,
                results: bounds.2,
                whole_limit,
                remembers,
            }
        })
}

fn program() -> impl Strategy<Value = Program> {
    (vec(entry(), 0..14), settings(), any::<bool>(), 1..4_usize, 1..9_usize).prop_map(
        |(entries, settings, whole, workers, depth)| Program {
            entries,
            settings,
            whole,
            workers,
            depth,
        },
    )
}

/// What is to come of a path.
#[derive(Debug)]
enum Expected {
    Bytes(Vec<u8>),
    Error(FileErrorKind),
}

impl Settings {
    fn files(&self, dispatcher: &Tended) -> Files {
        let order = if self.in_order { Order::Input } else { Order::Completion };
        let policy: Policy = POLICIES[self.policy];
        let mut builder = Files::builder(dispatcher).policy(policy).order(order);
        if self.remembers {
            builder = builder.history(&ReadHistory::new(1 << 20));
        }
        let builder = builder.memory(self.memory).chunk(self.chunk).read_ahead(self.read_ahead);
        let builder = builder.files_at_once(self.files_at_once).open_files(self.open_files);
        let builder = builder.results(self.results);
        self.whole_limit
            .into_iter()
            .fold(builder, |builder, limit| builder.whole_limit(limit))
            .build()
            .unwrap()
    }

    fn whole_limit(&self) -> usize {
        self.whole_limit.unwrap_or((16 << 20).min(self.memory / 4))
    }
}

impl Program {
    /// Makes the tree.
    fn paths(&self, directory: &Path) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            let name = format!("{place}");
            paths.push(match entry {
                Entry::File { len, cold } => {
                    let path = patterned(directory, &name, place, *len);
                    if *cold {
                        forget(&path);
                    }
                    path
                }
                Entry::Directory => {
                    fs::create_dir(directory.join(&name)).unwrap();
                    directory.join(name)
                }
                Entry::Again(other) if place > 0 => paths[other % place].clone(),
                Entry::Missing | Entry::Again(_) => directory.join(name),
            });
        }
        paths
    }

    fn expected(&self, path: &Path) -> Expected {
        if path.is_dir() {
            return Expected::Error(FileErrorKind::NotAFile);
        }
        match fs::read(path) {
            Ok(bytes) if self.whole && bytes.len() > self.settings.whole_limit() => {
                Expected::Error(FileErrorKind::TooLarge)
            }
            Ok(bytes) => Expected::Bytes(bytes),
            Err(_) => Expected::Error(FileErrorKind::Io),
        }
    }

    fn run(&self) {
        let directory = scratch();
        let paths = self.paths(directory.path());
        let builder =
            support::builder().depth(self.depth).workers(self.workers).blocking_threads(3);
        let dispatcher = Tended::new(builder);
        let files = self.settings.files(&dispatcher);
        let run = if self.whole {
            copied(&files, paths.clone())
        } else {
            gathered(&files, paths.clone())
        };
        let outcomes = all(run);
        let index = |outcome: &support::files::Outcome<Vec<u8>>| match outcome {
            Ok(done) => done.index as usize,
            Err(error) => error.index as usize,
        };
        if self.settings.in_order {
            assert!(outcomes.is_sorted_by_key(index), "out of order");
        }
        let mut by_index = BTreeMap::new();
        for outcome in outcomes {
            assert!(by_index.insert(index(&outcome), outcome).is_none(), "a path twice");
        }
        assert!(by_index.keys().copied().eq(0..paths.len()), "a path has no result");
        for (place, outcome) in by_index {
            let path = &paths[place];
            match (outcome, self.expected(path)) {
                (Ok(done), Expected::Bytes(bytes)) => {
                    let len = bytes.len() as u64;
                    assert_eq!((&done.path, done.bytes, done.size), (path, len, len));
                    assert_same(&format!("file {place}"), &done.value, &bytes);
                }
                (Err(error), Expected::Error(kind)) => {
                    assert_eq!((&error.path, error.kind()), (path, kind), "{error}");
                }
                (Ok(done), expected) => panic!("file {place}: {done:?}, and not {expected:?}"),
                (Err(error), _) => panic!("file {place}: {error}"),
            }
        }
        // The last job may be about to end.
        dispatcher.quiesce();
        let stats = dispatcher.stats();
        assert_eq!((stats.outstanding, stats.panics), (0, 0), "{stats:?}");
    }
}

#[test]
fn files_are_what_std_reads() {
    let result = runner(50, regressions!("files")).run(&program(), |program| {
        program.run();
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
