//! `Files` over a directory, again and again, with any settings.

use std::fs;
use std::io;
use std::panic::panic_any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reapool::{
    Chunk, Dispatcher, FileError, FileErrorKind, Files, FilesRun, Order, Policy, Processed,
    ReadHistory, WholeFile,
};

use crate::dice::Dice;
use crate::ledger::Tally;
use crate::realm::Deliberate;
use crate::stamp::{BLOCK, Stamp};
use crate::trouble::{Trouble, Troubles};
use crate::world::World;

/// Shelves have the smaller numbers.
const NUMBERS: u64 = 1000;

/// Files of which all bytes are known, and some that aren't there.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: &'static str,
    files: Vec<(PathBuf, u64)>,
    /// Whether reads may fail.
    is_faulty: bool,
    pub(crate) counts: Counts,
    history: ReadHistory,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) runs: AtomicU64,
    /// Files that were read, and had what they should.
    pub(crate) good: AtomicU64,
    /// Paths that were not there, and files that were made to fail.
    pub(crate) failed: AtomicU64,
    pub(crate) panicked: AtomicU64,
    /// Results of a run that was stopped or left.
    pub(crate) stopped: AtomicU64,
}

impl Tree {
    pub(crate) fn plant(
        name: &'static str,
        directory: &Path,
        count: usize,
        is_faulty: bool,
        dice: &mut Dice,
    ) -> io::Result<Arc<Self>> {
        fs::create_dir_all(directory)?;
        let mut files = Vec::new();
        for index in 0..count {
            let most = *dice.pick(&[0, 100, BLOCK, 10 * BLOCK, 80 * BLOCK]);
            let (path, len) = (directory.join(index.to_string()), dice.below(most + 1));
            if dice.one_in(50) {
                // Not there.
                files.push((path, u64::MAX));
                continue;
            }
            fs::write(&path, contents(index, 0..len))?;
            files.push((path, len as u64));
        }
        let (counts, history) = (Counts::default(), ReadHistory::new(1 << 20));
        Ok(Arc::new(Self { name, files, is_faulty, counts, history }))
    }

    /// Runs over it until the actors are to come to an end.
    pub(crate) fn act(self: &Arc<Self>, dispatcher: &Dispatcher, world: &World, mut dice: Dice) {
        while !world.is_over() {
            self.once(dispatcher, &world.troubles, &mut dice);
        }
    }

    fn once(self: &Arc<Self>, dispatcher: &Dispatcher, troubles: &Arc<Troubles>, dice: &mut Dice) {
        let files = Files::builder(dispatcher)
            .policy(*dice.pick(&[Policy::Direct, Policy::Buffered, Policy::Automatic]))
            .order(*dice.pick(&[Order::Completion, Order::Input]))
            .memory(dice.between(4, 16) << 20)
            .chunk(*dice.pick(&[BLOCK, 16 * BLOCK, 64 * BLOCK]))
            .history(&self.history)
            .files_at_once(dice.between(1, 64))
            .whole_limit(1 << 20)
            .results(dice.between(1, 64))
            .build();
        let files = match files {
            Ok(files) => files,
            Err(error) => return troubles.tell(Trouble::Surprise, error),
        };
        let paths: Vec<_> = self.files.iter().map(|(path, _)| path.clone()).collect();
        let (tree, throws, told) = (Arc::clone(self), dice.throw(), Arc::clone(troubles));
        let function = move |file: WholeFile| {
            let index = index_of(file.path());
            tree.may_panic(index, throws);
            tree.look(&told, index, 0, file.contents());
            file.contents().len() as u64
        };
        let run = if dice.one_in(2) {
            files.read(paths, function)
        } else {
            self.stream(&files, paths, throws, troubles)
        };
        Tally::add(&self.counts.runs, 1);
        let enough = if dice.one_in(4) { dice.below(self.files.len()) } else { usize::MAX };
        self.take(run, enough, dice.one_in(2), troubles);
    }

    fn stream(
        self: &Arc<Self>,
        files: &Files,
        paths: Vec<PathBuf>,
        throws: u64,
        troubles: &Arc<Troubles>,
    ) -> FilesRun<u64> {
        let (tree, told) = (Arc::clone(self), Arc::clone(troubles));
        let chunk = move |(index, seen): &mut (usize, u64), chunk: Chunk| {
            if chunk.offset() != *seen {
                let what = format!("file {index}: a chunk at {}, after {seen}", chunk.offset());
                told.tell(Trouble::Mismatch, what);
            }
            tree.look(&told, *index, chunk.offset(), &chunk);
            *seen = chunk.offset() + chunk.len() as u64;
        };
        let tree = Arc::clone(self);
        files.stream(
            paths,
            |file| (index_of(file.path()), 0),
            chunk,
            move |(index, seen), _| {
                tree.may_panic(index, throws);
                seen
            },
        )
    }

    /// Takes results: each file's once.
    fn take(&self, run: FilesRun<u64>, enough: usize, stops: bool, troubles: &Troubles) {
        let stopper = run.stopper();
        let mut seen = vec![false; self.files.len()];
        let mut run = run;
        for taken in 0.. {
            if taken == enough && stops {
                stopper.stop();
            } else if taken == enough {
                return;
            }
            let Some(result) = run.next() else { break };
            let index =
                result.as_ref().map_or_else(|error| error.index, |done| done.index) as usize;
            if std::mem::replace(&mut seen[index], true) {
                troubles.tell(Trouble::Doubled, format_args!("the result of file {index}"));
            }
            self.judge(index, result, taken >= enough, troubles);
        }
        let missing = seen.iter().filter(|seen| !**seen).count();
        if missing > 0 && enough == usize::MAX {
            troubles.tell(Trouble::Lost, format_args!("{missing} results of a run of files"));
        }
    }

    fn judge(
        &self,
        index: usize,
        result: Result<Processed<u64>, FileError>,
        is_stopped: bool,
        troubles: &Troubles,
    ) {
        let len = self.files[index].1;
        let counter = match result {
            Ok(done) if done.value == len && done.bytes == len => &self.counts.good,
            Err(error) => match error.kind() {
                FileErrorKind::Io if len == u64::MAX || self.is_faulty => &self.counts.failed,
                FileErrorKind::Panicked => &self.counts.panicked,
                FileErrorKind::Stopped if is_stopped => &self.counts.stopped,
                kind => return troubles.tell(Trouble::Surprise, format_args!("{kind:?}: {error}")),
            },
            other => return troubles.tell(Trouble::Surprise, format_args!("{len}: {other:?}")),
        };
        Tally::add(counter, 1);
    }

    fn look(&self, troubles: &Troubles, index: usize, offset: u64, bytes: &[u8]) {
        let from = offset as usize;
        if bytes != contents(index, from..from + bytes.len()) {
            let what = format!("file {index}, {} bytes from {offset} on", bytes.len());
            troubles.tell(Trouble::Mismatch, what);
        }
    }

    fn may_panic(&self, index: usize, throws: u64) {
        if Dice::new(throws ^ index as u64).one_in(300) {
            panic_any(Deliberate);
        }
    }
}

fn index_of(path: &Path) -> usize {
    path.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

fn contents(index: usize, range: std::ops::Range<usize>) -> Vec<u8> {
    let first = range.start / BLOCK;
    let mut bytes = vec![0; range.end - first * BLOCK];
    for (block, room) in bytes.chunks_mut(BLOCK).enumerate() {
        let (file, block) = (NUMBERS + index as u64, (first + block) as u64);
        Stamp { file, block, generation: 0 }.fill(room);
    }
    bytes.drain(..range.start - first * BLOCK);
    bytes
}
