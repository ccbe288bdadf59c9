//! The user's iterator of paths.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::unwind::{Payload, catch, discard};

pub(crate) type Paths = Box<dyn Iterator<Item = PathBuf> + Send>;

/// Paths, and their numbers.
pub(crate) struct Source {
    state: Mutex<State>,
}

struct State {
    /// `None` once it has ended.
    paths: Option<Paths>,
    next: u64,
}

/// A path, and its position among all.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) index: u64,
    pub(crate) path: PathBuf,
}

/// What the iterator came up with.
pub(crate) enum Item {
    Path(Numbered),
    /// There are no more.
    End,
    /// The user's iterator panicked.
    Panicked(Payload),
}

impl Source {
    pub(crate) fn new(paths: Paths) -> Self {
        Self { state: Mutex::new(State { paths: Some(paths), next: 0 }) }
    }

    /// Runs the user's iterator, which may take its time.
    pub(crate) fn next(&self) -> Item {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let index = state.next;
        let item = match state.paths.as_mut().map(|paths| catch(|| paths.next())) {
            Some(Ok(Some(path))) => Item::Path(Numbered { index, path }),
            Some(Ok(None)) | None => Item::End,
            Some(Err(payload)) => Item::Panicked(payload),
        };
        match item {
            Item::Path(_) => state.next += 1,
            Item::End | Item::Panicked(_) => state.end(),
        }
        item
    }
}

impl State {
    /// Drops the iterator, which is users' code too.
    fn end(&mut self) {
        let paths = self.paths.take();
        if let Err(payload) = catch(|| drop(paths)) {
            discard(payload);
        }
    }
}
