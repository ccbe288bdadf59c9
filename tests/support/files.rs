//! What the tests of the files layer share: files with contents of their own, runs over them, and
//! what can be seen of a run from outside.

use std::collections::HashSet;
use std::fs::{self, File};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reapool::{Dispatcher, FileError, Files, FilesBuilder, FilesRun, PathEntry, Policy, Processed};
use tempfile::TempDir;

use super::{Tended, builder, skipped, watched};

/// What comes of a file.
pub(crate) type Outcome<T> = Result<Processed<T>, FileError>;

pub(crate) const POLICIES: [Policy; 3] = [Policy::Direct, Policy::Buffered, Policy::Automatic];

/// The size of the chunks in most tests, in bytes.
pub(crate) const CHUNK: usize = 64 << 10;

/// With so many workers, and as many converters.
pub(crate) fn dispatcher(workers: usize) -> Tended {
    Tended::new(builder().depth(64).workers(workers).converters(workers))
}

/// Settings so small that a test can exceed them: chunks of 64 KiB, four read ahead, and 4 MiB for
/// all.
pub(crate) fn modest(dispatcher: &Dispatcher) -> FilesBuilder {
    let builder = Files::builder(dispatcher).chunk(CHUNK).read_ahead(4 * CHUNK);
    builder.memory(4 << 20).whole_limit(1 << 20)
}

/// Bytes that are different at each offset, as far as blocks are concerned, and in each file.
pub(crate) fn pattern(seed: usize, len: usize) -> Vec<u8> {
    // Its length is prime, so that no block of a power of two is like another nearby.
    let period: Vec<u8> = (0..251).map(|place| ((place + seed * 7) % 251) as u8).collect();
    let mut bytes = period.repeat(len.div_ceil(251));
    bytes.truncate(len);
    // Beyond 251 files, and where the period comes round.
    bytes.chunks_mut(4096).enumerate().for_each(|(block, bytes)| {
        bytes[0] = (seed / 251) as u8;
        bytes[bytes.len() - 1] = (block / 251) as u8;
    });
    bytes
}

/// Writes a file of `len` bytes that are its own by `seed`.
pub(crate) fn patterned(directory: &Path, name: &str, seed: usize, len: usize) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, pattern(seed, len)).unwrap();
    path
}

/// A file of each size, each with its place as its seed.
pub(crate) fn files_of(directory: &Path, sizes: &[usize]) -> Vec<PathBuf> {
    let file = |(place, &len)| patterned(directory, &format!("{place}-{len}"), place, len);
    sizes.iter().enumerate().map(file).collect()
}

/// So many small files, each with contents of its own.
pub(crate) fn small_files(directory: &Path, count: usize) -> Vec<PathBuf> {
    let file = |seed| patterned(directory, &format!("small-{seed:05}"), seed, 100 + seed % 200);
    (0..count).map(file).collect()
}

/// A file without blocks: all of it reads as zeros.
pub(crate) fn sparse(directory: &Path, name: &str, len: u64) -> PathBuf {
    let path = directory.join(name);
    File::create(&path).unwrap().set_len(len).unwrap();
    path
}

/// A directory in memory, where there is no device to wait for; `None`, said loudly, without one.
pub(crate) fn in_memory() -> Option<TempDir> {
    let mounted = fs::read_to_string("/proc/mounts").unwrap();
    let is_memory = |line: &str| line.split(' ').skip(1).take(2).eq(["/dev/shm", "tmpfs"]);
    if !mounted.lines().any(is_memory) {
        skipped("files in memory: /dev/shm is no tmpfs");
        return None;
    }
    Some(TempDir::new_in("/dev/shm").unwrap())
}

/// All results of a run. That they don't come is a failure.
pub(crate) fn all<T: Send + 'static>(run: FilesRun<T>) -> Vec<Outcome<T>> {
    watched(move || run.collect())
}

/// All results of a run of which none may be an error, in the order of the paths.
pub(crate) fn successes<T: Send + 'static>(run: FilesRun<T>) -> Vec<Processed<T>> {
    let outcomes = all(run).into_iter();
    let mut done: Vec<_> =
        outcomes.map(|outcome| outcome.unwrap_or_else(|error| panic!("{error}"))).collect();
    done.sort_by_key(|done| done.index);
    done
}

/// The only result of a run over one path.
pub(crate) fn only<T: Send + 'static>(run: FilesRun<T>) -> Outcome<T> {
    let mut outcomes = all(run);
    assert_eq!(outcomes.len(), 1);
    outcomes.pop().unwrap()
}

/// Streams files and puts their chunks together.
pub(crate) fn gathered<P>(files: &Files, paths: P) -> FilesRun<Vec<u8>>
where
    P: IntoIterator<Item: PathEntry + 'static, IntoIter: Send + 'static>,
{
    let gather = |bytes: &mut Vec<u8>, chunk: reapool::Chunk| {
        assert_eq!(chunk.offset(), bytes.len() as u64, "the next byte's offset");
        assert!(!chunk.is_empty(), "a chunk of nothing");
        bytes.extend_from_slice(&chunk);
    };
    files.stream(paths, |_| Vec::new(), gather, |bytes, _| bytes)
}

/// Reads files whole and copies them.
pub(crate) fn copied<P>(files: &Files, paths: P) -> FilesRun<Vec<u8>>
where
    P: IntoIterator<Item: PathEntry + 'static, IntoIter: Send + 'static>,
{
    files.read(paths, |file| file.contents().to_vec())
}

/// Compares without printing what may be megabytes.
pub(crate) fn assert_same(what: &str, found: &[u8], expected: &[u8]) {
    if found == expected {
        return;
    }
    let place = found.iter().zip(expected).position(|(found, expected)| found != expected);
    let lengths = (found.len(), expected.len());
    panic!("{what}: {lengths:?} bytes found and expected, first difference at {place:?}");
}

/// How many paths a run has pulled from an iterator.
#[derive(Clone, Default)]
pub(crate) struct Pulled(Arc<AtomicUsize>);

impl Pulled {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn from<I: Iterator>(&self, paths: I) -> impl Iterator<Item = I::Item> + use<I> {
        let count = Arc::clone(&self.0);
        paths.inspect(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        })
    }
}

/// How many descriptors this process has of files in a directory. Other tests use other ones.
///
/// A listing takes time, in which files come and go; what is in two listings was there between
/// them.
pub(crate) fn open_below(directory: &Path) -> usize {
    let list = || {
        let descriptors = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
        let targets = descriptors
            .filter_map(|entry| Some((entry.file_name(), fs::read_link(entry.path()).ok()?)));
        targets.filter(|(_, target)| target.starts_with(directory)).collect::<HashSet<_>>()
    };
    list().intersection(&list()).count()
}
