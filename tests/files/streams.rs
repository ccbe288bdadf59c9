//! The chunks of a file come in order and one at a time, on workers; those of different files come
//! side by side.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use reapool::{Chunk, FileInfo, Files, FilesRun};

use crate::support::cache::{evict, forget};
use crate::support::files::{
    CHUNK, POLICIES, all, dispatcher, files_of, gathered, modest, only, patterned, successes,
};
use crate::support::{Gate, scratch, watched};

/// What happened to one file.
#[derive(Default)]
struct Seen {
    begun: AtomicUsize,
    finished: AtomicUsize,
    inside: AtomicBool,
    bytes: AtomicUsize,
    /// What was out of order.
    wrong: Mutex<Vec<String>>,
}

impl Seen {
    /// Runs what must be alone with this file.
    fn alone(&self, what: &str, body: impl FnOnce()) {
        if self.inside.swap(true, Ordering::SeqCst) {
            self.complain(format!("{what} beside another"));
        }
        let name = thread::current().name().unwrap_or_default().to_owned();
        if !name.starts_with("aio-worker-") {
            self.complain(format!("{what} on {name:?}"));
        }
        body();
        self.inside.store(false, Ordering::SeqCst);
    }

    fn take(&self, chunk: &Chunk) {
        let before = self.bytes.fetch_add(chunk.len(), Ordering::SeqCst);
        let counts = (self.begun.load(Ordering::SeqCst), self.finished.load(Ordering::SeqCst));
        if chunk.offset() != before as u64 || counts != (1, 0) {
            self.complain(format!("{chunk:?} after {before} bytes, begun, finished: {counts:?}"));
        }
        if chunk.is_empty() || chunk.len() > CHUNK || chunk.capacity() < chunk.len() {
            self.complain(format!("{chunk:?} of {}", chunk.capacity()));
        }
    }

    fn complain(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }
}

/// Streams files, watching all that happens; `slow` runs with each chunk.
fn watching<F>(files: &Files, paths: Vec<PathBuf>, slow: F) -> (FilesRun<u64>, Arc<[Seen]>)
where
    F: Fn(&FileInfo, &Chunk) + Send + Sync + 'static,
{
    let seen: Arc<[Seen]> = paths.iter().map(|_| Seen::default()).collect();
    let [begins, chunks, finishes] = [(); 3].map(|()| Arc::clone(&seen));
    let begin = move |file: &FileInfo| {
        let seen = &begins[file.index() as usize];
        seen.alone("begin", || {
            seen.begun.fetch_add(1, Ordering::SeqCst);
        });
        file.clone()
    };
    let chunk = move |file: &mut FileInfo, chunk: Chunk| {
        let seen = &chunks[file.index() as usize];
        seen.alone("chunk", || {
            seen.take(&chunk);
            slow(file, &chunk);
        });
    };
    let finish = move |state: FileInfo, file: &FileInfo| {
        assert_eq!((state.index(), state.path()), (file.index(), file.path()));
        let seen = &finishes[file.index() as usize];
        seen.alone("finish", || {
            seen.finished.fetch_add(1, Ordering::SeqCst);
        });
        file.metadata().size
    };
    (files.stream(paths, begin, chunk, finish), seen)
}

fn assert_orderly(seen: &[Seen], sizes: &[usize]) {
    for (place, (seen, size)) in seen.iter().zip(sizes).enumerate() {
        assert_eq!(*seen.wrong.lock().unwrap(), Vec::<String>::new(), "file {place}");
        let counts = [&seen.begun, &seen.finished, &seen.bytes];
        let counts = counts.map(|count| count.load(Ordering::SeqCst));
        assert_eq!(counts, [1, 1, *size], "file {place}: begun, finished, bytes");
    }
}

#[test]
fn each_file_goes_its_way_in_order_and_alone() {
    let (directory, dispatcher) = (scratch(), dispatcher(4));
    let sizes: Vec<_> = (0..60).map(|place| (place * 37_501) % (7 * CHUNK)).collect();
    let paths = files_of(directory.path(), &sizes);
    for policy in POLICIES {
        for cold in [true, false] {
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            if cold {
                paths.iter().for_each(|path| forget(path));
            }
            // Now and then one that takes its time, so that more arrives meanwhile.
            let (run, seen) = watching(&files, paths.clone(), |file, chunk| {
                let rounds = if file.index() % 5 == 0 { 40 } else { 1 };
                (0..rounds).for_each(|_| _ = std::hint::black_box(blake3::hash(chunk)));
            });
            let done = successes(run);
            assert_orderly(&seen, &sizes);
            assert!(done.iter().zip(&sizes).all(|(done, size)| done.value == *size as u64));
        }
    }
}

#[test]
fn a_file_waits_for_its_own_chunk_while_others_go_on() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let sizes = [8 * CHUNK, 5 * CHUNK + 1, 9 * CHUNK];
    let paths = files_of(directory.path(), &sizes);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        paths.iter().for_each(|path| forget(path));
        let gate = Gate::default();
        let held = gate.clone();
        let (run, seen) = watching(&files, paths.clone(), move |file, chunk| {
            if file.index() == 0 && chunk.offset() == CHUNK as u64 {
                held.pass();
            }
        });
        let seen_by_test = Arc::clone(&seen);
        watched(move || {
            let mut run = run;
            gate.wait_for(1);
            // All of the others, on the other worker; of this one, nothing beyond the held chunk.
            let mut others: Vec<_> = (0..2).map(|_| run.next().unwrap().unwrap().index).collect();
            others.sort_unstable();
            assert_eq!(others, [1, 2]);
            assert_eq!(seen_by_test[0].bytes.load(Ordering::SeqCst), 2 * CHUNK);
            gate.open();
            assert_eq!(run.next().unwrap().unwrap().index, 0);
            assert!(run.next().is_none());
        });
        assert_orderly(&seen, &sizes);
    }
}

#[test]
fn as_many_files_as_workers_are_in_their_functions_at_once() {
    const WORKERS: usize = 3;
    let (directory, dispatcher) = (scratch(), dispatcher(WORKERS));
    let paths = files_of(directory.path(), &[3 * CHUNK; WORKERS]);
    for policy in POLICIES {
        for cold in [true, false] {
            if cold {
                paths.iter().for_each(|path| forget(path));
            }
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            let gate = Gate::default();
            let held = gate.clone();
            let (run, seen) = watching(&files, paths.clone(), move |_, _| held.pass());
            gate.wait_for(WORKERS);
            gate.open();
            assert_eq!(successes(run).len(), WORKERS);
            assert_orderly(&seen, &[3 * CHUNK; WORKERS]);
        }
    }
}

#[test]
fn an_empty_file_is_begun_and_finished() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let path = patterned(directory.path(), "empty", 0, 0);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let (run, seen) = watching(&files, vec![path.clone()], |_, _| {});
        assert_eq!(only(run).unwrap().value, 0);
        assert_orderly(&seen, &[0]);
        assert_eq!(all(gathered(&files, Vec::<PathBuf>::new())).len(), 0, "no paths at all");
    }
}

#[test]
fn what_is_not_cached_is_read_in_chunks_of_the_size_asked_for() {
    const MIB: usize = 1 << 20;
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let path = patterned(directory.path(), "large", 1, 8 * MIB);
    for policy in POLICIES {
        let files = Files::builder(&dispatcher).policy(policy).chunk(MIB).build().unwrap();
        let lens = || {
            let push = |lens: &mut Vec<usize>, chunk: Chunk| lens.push(chunk.len());
            only(files.stream([path.clone()], |_| Vec::new(), push, |lens, _| lens)).unwrap().value
        };
        // A look into the page cache begins to read, and now and then has what it looks for.
        assert!((0..50).any(|_| evict(&path) && lens() == [MIB; 8]), "{policy:?}");
    }
}
