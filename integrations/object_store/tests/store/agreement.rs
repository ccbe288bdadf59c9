//! Random operations on one directory, by this store and by `LocalFileSystem`: whatever is read
//! is the same, errors included.

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, Result,
};
use proptest::collection::vec;
use proptest::prelude::*;
use reapool_object_store::LocalStore;

use crate::{contents, evict, scratch};

const NAMES: [&str; 4] = ["one", "two", "in/a/directory", "in/another"];

#[derive(Clone, Debug)]
enum Step {
    /// By one of the two.
    Put(usize, usize, bool),
    Delete(usize),
    Rename(usize, usize),
    Copy(usize, usize),
    /// In its place.
    Truncate(usize, u64),
    /// A directory, where an object was or might be.
    MakeDirectory(usize),
    Evict(usize),
    Get(usize, Option<GetRange>, Condition, bool),
    GetRanges(usize, Vec<Range<u64>>),
}

#[derive(Clone, Copy, Debug)]
enum Condition {
    None,
    Match,
    MatchOther,
    NoneMatch,
    ModifiedSince,
    UnmodifiedSince,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..100_000_usize, 2 => 0..10_usize, 1 => 1_000_000..2_500_000_usize]
}

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..110_000_u64, 1 => 0..2_600_000_u64, 1 => Just(0)]
}

fn range() -> impl Strategy<Value = Range<u64>> {
    (offset(), prop_oneof![0..100_000_u64, 0..5_u64]).prop_map(|(start, len)| start..start + len)
}

fn get_range() -> impl Strategy<Value = Option<GetRange>> {
    prop_oneof![
        3 => Just(None),
        4 => range().prop_map(|range| Some(GetRange::Bounded(range))),
        1 => offset().prop_map(|start| Some(GetRange::Offset(start))),
        1 => offset().prop_map(|last| Some(GetRange::Suffix(last))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let condition = prop_oneof![
        5 => Just(Condition::None),
        1 => Just(Condition::Match),
        1 => Just(Condition::MatchOther),
        1 => Just(Condition::NoneMatch),
        1 => Just(Condition::ModifiedSince),
        1 => Just(Condition::UnmodifiedSince),
    ];
    prop_oneof![
        4 => (name(), size(), any::<bool>()).prop_map(|(n, len, ours)| Step::Put(n, len, ours)),
        1 => name().prop_map(Step::Delete),
        1 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (name(), name()).prop_map(|(from, to)| Step::Copy(from, to)),
        1 => (name(), offset()).prop_map(|(n, len)| Step::Truncate(n, len)),
        1 => name().prop_map(Step::MakeDirectory),
        2 => name().prop_map(Step::Evict),
        8 => (name(), get_range(), condition, any::<bool>())
            .prop_map(|(n, range, condition, head)| Step::Get(n, range, condition, head && n == 0)),
        6 => (name(), vec(range(), 0..6)).prop_map(|(n, ranges)| Step::GetRanges(n, ranges)),
    ]
}

struct World {
    ours: LocalStore,
    local: LocalFileSystem,
    root: PathBuf,
    puts: u64,
}

type Got = (ObjectMeta, Range<u64>, Bytes);

async fn got(result: Result<GetResult>, head: bool) -> Result<Got> {
    let result = result?;
    let (meta, range) = (result.meta.clone(), result.range.clone());
    Ok((meta, range, if head { Bytes::new() } else { result.bytes().await? }))
}

/// Errors are compared by their texts, which name kind, path and reason.
fn told<T>(result: Result<T>) -> std::result::Result<T, String> {
    result.map_err(|error| error.to_string())
}

impl World {
    async fn run(&mut self, step: &Step) -> std::result::Result<(), TestCaseError> {
        let at = |name: usize| Path::from(NAMES[name]);
        let path = |name: usize| self.root.join(NAMES[name]);
        // What only changes the directory may be refused: then it changes nothing.
        match step {
            &Step::Put(name, len, ours) => {
                self.puts += 1;
                let bytes = contents(self.puts, len).into();
                let store: &dyn ObjectStore = if ours { &self.ours } else { &self.local };
                let _ = store.put(&at(name), bytes).await;
            }
            &Step::Delete(name) => drop(self.ours.delete(&at(name)).await),
            &Step::Rename(from, to) => drop(self.ours.rename(&at(from), &at(to)).await),
            &Step::Copy(from, to) => drop(self.ours.copy(&at(from), &at(to)).await),
            &Step::Truncate(name, len) => {
                if let Ok(file) = std::fs::OpenOptions::new().write(true).open(path(name)) {
                    file.set_len(len).unwrap();
                }
            }
            &Step::MakeDirectory(name) => {
                let _ = std::fs::remove_file(path(name));
                let _ = std::fs::create_dir_all(path(name));
            }
            &Step::Evict(name) => {
                if path(name).is_file() {
                    evict(&path(name));
                }
            }
            Step::Get(name, range, condition, head) => {
                let meta = self.local.head(&at(*name)).await.ok();
                let options = || {
                    let tag = meta.as_ref().and_then(|meta| meta.e_tag.clone());
                    let date = meta.as_ref().map(|meta| meta.last_modified);
                    let options = GetOptions::new().with_range(range.clone()).with_head(*head);
                    match condition {
                        Condition::None => options,
                        Condition::Match => options.with_if_match(tag),
                        Condition::MatchOther => options.with_if_match(Some("\"other\"")),
                        Condition::NoneMatch => options.with_if_none_match(tag),
                        Condition::ModifiedSince => options.with_if_modified_since(date),
                        Condition::UnmodifiedSince => options.with_if_unmodified_since(date),
                    }
                };
                let ours = got(self.ours.get_opts(&at(*name), options()).await, *head).await;
                let local = got(self.local.get_opts(&at(*name), options()).await, *head).await;
                prop_assert_eq!(told(ours), told(local));
            }
            Step::GetRanges(name, ranges) => {
                let ours = self.ours.get_ranges(&at(*name), ranges).await;
                let local = self.local.get_ranges(&at(*name), ranges).await;
                prop_assert_eq!(told(ours), told(local));
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_read_is_the_same(steps in vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let root = scratch();
            let local = || LocalFileSystem::new_with_prefix(root.path()).unwrap();
            // Fewer files are kept open than there are names.
            let ours = LocalStore::builder().local(local()).open_files(2).memory(8 << 20).build();
            let (ours, root) = (ours.unwrap(), root.path().to_owned());
            let mut world = World { ours, local: local(), root, puts: 0 };
            for step in &steps {
                world.run(step).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}
