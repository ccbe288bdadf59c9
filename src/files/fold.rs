//! The user's callbacks for each file that is handed on in chunks, as one trait.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use crate::files::chunk::Chunk;
use crate::files::consumer::Consumer;
use crate::files::info::{FileInfo, WholeFile};
use crate::files::settings::BLOCK;

/// Makes a file's result of its chunks.
pub(crate) trait Fold: Consumer {
    type State: Send + 'static;

    /// Whether a chunk of this length, which is not known to be the last, is of no use: all of the
    /// file is wanted in one chunk. The file is read again then, in a longer one.
    fn is_too_little(&self, _len: usize) -> bool {
        false
    }

    fn begin(&self, file: &FileInfo) -> Self::State;

    /// Takes the next chunk. `Break` says that no further chunk is wanted.
    fn chunk(&self, state: &mut Self::State, chunk: Chunk) -> ControlFlow<Enough>;

    fn finish(&self, state: Self::State, file: &FileInfo) -> Self::Output;
}

/// Why no further chunk is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Enough {
    /// The user's callback said so.
    Satisfied,
    /// The file has turned out to be larger than this.
    TooLarge(usize),
}

/// The types that a callback for chunks may return: nothing, or whether to go on.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
/// use reapool::{Dispatcher, Files};
///
/// // Whether each file begins with a bracket: the first chunk tells.
/// let dispatcher = Dispatcher::new()?;
/// let mut run = Files::new(&dispatcher)?.stream(
///     ["Cargo.toml"],
///     |_file| false,
///     |found, chunk| {
///         *found = chunk.starts_with(b"[");
///         ControlFlow::Break(())
///     },
///     |found, _file| found,
/// );
/// assert!(run.next().unwrap()?.value);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the function for chunks can't return `{Self}`",
    label = "neither nothing nor a `ControlFlow<()>`",
    note = "end it with `;` to read on always, or return `ControlFlow::Break(())` to end the file \
            there; what comes of the file is returned by the last function"
)]
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

/// The three callbacks of [`Files::stream`](crate::Files::stream).
pub(crate) struct Streaming<B, C, E, S, R> {
    pub(crate) begin: B,
    pub(crate) chunk: C,
    pub(crate) finish: E,
    pub(crate) types: PhantomData<fn(S) -> R>,
}

impl<B, C, E, S, R, T> Consumer for Streaming<B, C, E, S, R>
where
    B: Fn(&FileInfo) -> S + Send + Sync + 'static,
    C: Fn(&mut S, Chunk) -> R + Send + Sync + 'static,
    E: Fn(S, &FileInfo) -> T + Send + Sync + 'static,
    S: Send + 'static,
    R: IntoFlow + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn request_len(&self, _size: u64, usual: usize) -> Result<usize, usize> {
        Ok(usual)
    }
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

    fn begin(&self, file: &FileInfo) -> S {
        (self.begin)(file)
    }

    fn chunk(&self, state: &mut S, chunk: Chunk) -> ControlFlow<Enough> {
        match (self.chunk)(state, chunk).into_flow() {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(()) => ControlFlow::Break(Enough::Satisfied),
        }
    }

    fn finish(&self, state: S, file: &FileInfo) -> T {
        (self.finish)(state, file)
    }
}

/// The one callback of [`Files::read`](crate::Files::read).
pub(crate) struct Whole<F> {
    pub(crate) function: F,
    /// The largest file, in bytes.
    pub(crate) limit: usize,
}

impl<F, T> Consumer for Whole<F>
where
    F: Fn(WholeFile) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn request_len(&self, size: u64, usual: usize) -> Result<usize, usize> {
        match usize::try_from(size) {
            // One read gets all of it and sees the end; of a file that doesn't tell its size, it
            // gets a good part.
            Ok(size) if size <= self.limit => {
                let least = usual.min(64 << 10);
                Ok(((size / BLOCK + 1) * BLOCK).max(least))
            }
            _ => Err(self.limit),
        }
    }
}

impl<F, T> Fold for Whole<F>
where
    F: Fn(WholeFile) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type State = Option<Chunk>;

    fn is_too_little(&self, len: usize) -> bool {
        len <= self.limit
    }

    fn begin(&self, _file: &FileInfo) -> Option<Chunk> {
        None
    }

    fn chunk(&self, contents: &mut Option<Chunk>, chunk: Chunk) -> ControlFlow<Enough> {
        if chunk.len() > self.limit {
            return ControlFlow::Break(Enough::TooLarge(self.limit));
        }
        *contents = Some(chunk);
        ControlFlow::Continue(())
    }

    fn finish(&self, contents: Option<Chunk>, file: &FileInfo) -> T {
        (self.function)(WholeFile::new(file.clone(), contents))
    }
}
