//! What the user wants done with each file.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use crate::files::builder::BLOCK;
use crate::files::chunk::Chunk;
use crate::files::info::FileInfo;
use crate::files::whole::WholeFile;

/// A file's way from its first chunk to its result.
pub(crate) trait Fold: Send + Sync + 'static {
    type State: Send + 'static;
    type Output: Send + 'static;

    /// How many bytes of a file of this size are to be read at once, where they are not as many as
    /// usual; or that it is too large.
    fn piece(&self, size: u64, usual: usize) -> Result<usize, TooLarge>;

    fn begin(&self, file: &FileInfo) -> Self::State;

    /// Takes the next chunk, after which nothing follows if it is known to be the last. `Break` says
    /// that this is enough.
    fn chunk(&self, state: &mut Self::State, chunk: Chunk, last: bool) -> ControlFlow<Enough>;

    fn finish(&self, state: Self::State, file: &FileInfo) -> Self::Output;
}

/// A file is larger than this, which is too large to be read whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLarge {
    pub(crate) limit: usize,
}

/// Why no further chunk is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Enough {
    /// The user has seen what there was to see.
    Satisfied,
    /// The file has turned out to be too large.
    TooLarge(TooLarge),
}

/// What a function that takes a chunk may return: nothing, or whether to go on.
pub trait IntoFlow {
    /// `Break` if the rest of the file is not to be read.
    fn into_flow(self) -> ControlFlow<()>;
}

impl IntoFlow for () {
    fn into_flow(self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl IntoFlow for ControlFlow<()> {
    fn into_flow(self) -> ControlFlow<()> {
        self
    }
}

/// The three functions of a stream.
pub(crate) struct Streaming<B, C, E, S, R> {
    pub(crate) begin: B,
    pub(crate) chunk: C,
    pub(crate) finish: E,
    pub(crate) types: PhantomData<fn(S) -> R>,
}

impl<B, C, E, S, R, T> Fold for Streaming<B, C, E, S, R>
where
    B: Fn(&FileInfo) -> S + Send + Sync + 'static,
    C: Fn(&mut S, Chunk) -> R + Send + Sync + 'static,
    E: Fn(S, &FileInfo) -> T + Send + Sync + 'static,
    S: Send + 'static,
    R: IntoFlow + 'static,
    T: Send + 'static,
{
    type State = S;
    type Output = T;

    fn piece(&self, _size: u64, usual: usize) -> Result<usize, TooLarge> {
        Ok(usual)
    }

    fn begin(&self, file: &FileInfo) -> S {
        (self.begin)(file)
    }

    fn chunk(&self, state: &mut S, chunk: Chunk, _last: bool) -> ControlFlow<Enough> {
        match (self.chunk)(state, chunk).into_flow() {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(()) => ControlFlow::Break(Enough::Satisfied),
        }
    }

    fn finish(&self, state: S, file: &FileInfo) -> T {
        (self.finish)(state, file)
    }
}

/// The one function for whole files.
pub(crate) struct Whole<F> {
    pub(crate) function: F,
    /// In bytes.
    pub(crate) limit: usize,
}

/// What has come of a file so far: its only chunk mostly.
#[derive(Debug)]
pub(crate) enum Contents {
    Nothing,
    One(Chunk),
    /// Copied together, of a file that was not as long as it said.
    Several(Vec<u8>),
}

impl<F, T> Fold for Whole<F>
where
    F: Fn(WholeFile) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type State = Contents;
    type Output = T;

    fn piece(&self, size: u64, usual: usize) -> Result<usize, TooLarge> {
        match usize::try_from(size) {
            // One read gets all of it, and sees the end; and of one that doesn't tell, a good part.
            Ok(size) if size <= self.limit => {
                let least = usual.min(64 << 10);
                Ok(((size / BLOCK + 1) * BLOCK).max(least))
            }
            _ => Err(TooLarge { limit: self.limit }),
        }
    }

    fn begin(&self, _file: &FileInfo) -> Contents {
        Contents::Nothing
    }

    fn chunk(&self, contents: &mut Contents, chunk: Chunk, last: bool) -> ControlFlow<Enough> {
        if let (Contents::Nothing, true) = (&*contents, last) {
            *contents = Contents::One(chunk);
            return ControlFlow::Continue(());
        }
        // The run's memory is given back: who held some while waiting for more could wait for ever.
        let mut all = match std::mem::replace(contents, Contents::Nothing) {
            Contents::Several(all) => all,
            Contents::Nothing | Contents::One(_) => Vec::new(),
        };
        all.extend_from_slice(&chunk);
        if all.len() > self.limit {
            return ControlFlow::Break(Enough::TooLarge(TooLarge { limit: self.limit }));
        }
        *contents = Contents::Several(all);
        ControlFlow::Continue(())
    }

    fn finish(&self, contents: Contents, file: &FileInfo) -> T {
        (self.function)(WholeFile::new(file.clone(), contents))
    }
}
