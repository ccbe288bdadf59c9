//! Threads that read, and a pool that digests, with a channel in between.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::thread;

use blake3::{Hash, Hasher};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::contract::{Paths, in_order};
use super::piece::PIECE;
use crate::load::Numbers;
use crate::stop::{Trouble, failed};

const READERS: usize = 32;

/// The pool's answer to a piece: the file's state, unless the piece was the last, and the buffer.
type Back = (Option<Hasher>, Vec<u8>);

/// A piece on its way to the pool.
struct Piece {
    hasher: Hasher,
    buffer: Vec<u8>,
    count: usize,
    last: bool,
    index: usize,
    home: Sender<Back>,
}

/// A reader has two buffers: it reads one piece while the pool digests the other.
struct Reader {
    to_pool: Sender<Piece>,
    home: Sender<Back>,
    back: Receiver<Back>,
    spare: Vec<Vec<u8>>,
    /// The state of the file that is being read, while the pool has no piece of it.
    hasher: Option<Hasher>,
}

pub(super) fn digests(paths: &Paths) -> Result<Vec<Hash>, Trouble> {
    let numbers = Numbers::new(0..paths.len() as u64);
    let (to_pool, pieces) = bounded::<Piece>(2 * READERS);
    let (found, all) = unbounded();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (pieces, found) = (pieces.clone(), found.clone());
            scope.spawn(move || pieces.iter().for_each(|piece| digest(piece, &found)));
        }
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let mut reader = Reader::new(to_pool.clone());
                let numbers = &numbers;
                scope.spawn(move || {
                    while let Some(number) = numbers.take() {
                        let path = &paths[number as usize];
                        reader.read(number as usize, path).map_err(failed(path.display()))?;
                    }
                    Ok(())
                })
            })
            .collect();
        drop((to_pool, found));
        readers.into_iter().try_for_each(|reader| reader.join().expect("panics abort"))
    })?;
    in_order(all, paths.len())
}

/// The pool's work on a piece.
fn digest(piece: Piece, found: &Sender<(usize, Hash)>) {
    let Piece { mut hasher, buffer, count, last, index, home } = piece;
    hasher.update(&buffer[..count]);
    if last {
        let _ = found.send((index, hasher.finalize()));
    }
    // A reader that has failed receives nothing back.
    let _ = home.send(((!last).then_some(hasher), buffer));
}

impl Reader {
    fn new(to_pool: Sender<Piece>) -> Self {
        let (home, back) = bounded(2);
        Self { to_pool, home, back, spare: vec![vec![0; PIECE]; 2], hasher: None }
    }

    /// The pool has one piece of a file at a time, so it digests them in order.
    fn read(&mut self, index: usize, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut offset = 0;
        self.hasher = Some(Hasher::new());
        loop {
            while self.spare.is_empty() {
                self.take_back();
            }
            let mut buffer = self.spare.pop().expect("one has come back");
            let count = file.read(&mut buffer)?;
            offset += count as u64;
            let last = count == 0 || offset >= size;
            let hasher = loop {
                match self.hasher.take() {
                    Some(hasher) => break hasher,
                    None => self.take_back(),
                }
            };
            let piece = Piece { hasher, buffer, count, last, index, home: self.home.clone() };
            self.to_pool.send(piece).expect("the pool lives");
            if last {
                return Ok(());
            }
        }
    }

    fn take_back(&mut self) {
        let (hasher, buffer) = self.back.recv().expect("this has a sender itself");
        self.spare.push(buffer);
        // The answer to the previous file's last piece may come late. It has no state.
        self.hasher = hasher.or(self.hasher.take());
    }
}
