//! Hashes many files at once, and the standard input among them.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use blake3::{Hasher, OutputReader};
use reapool::{Chunk, Dispatcher, FileErrorKind, FilesRun, Order};

use crate::shared::count::{Count, sizes};
use crate::shared::fallbacks::Fallbacks;
use crate::shared::interrupt::Interrupt;
use crate::shared::names::reason;
use crate::shared::output::Output;
use crate::shared::screen::Screen;
use crate::shared::settings::Settings;
use crate::shared::watch::{Stage, Watch};
use crate::standard_input::{Places, StandardInput};

/// How much of the standard input is read at a time.
const PIECE: usize = 1 << 20;

/// The checksum of a file, or why there is none.
pub(crate) type Hashed = Result<OutputReader, String>;

/// How much was done.
pub(crate) struct Done {
    /// How many of the paths have been told with a checksum.
    pub(crate) files: u64,
    /// How much was read of files.
    pub(crate) bytes: u64,
}

/// What all files are hashed with.
pub(crate) struct Hashing<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) order: Order,
    pub(crate) mode: Mode,
    /// Where checksums begin in what BLAKE3 puts out, in bytes.
    pub(crate) seek: u64,
    /// The name of what is done.
    pub(crate) what: &'static str,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) screen: &'a Screen,
    pub(crate) output: &'a Output,
}

/// How BLAKE3 is used.
pub(crate) enum Mode {
    Plain(Hasher),
    /// The standard input has been read for the key.
    Keyed(Hasher),
}

impl Mode {
    fn hasher(&self) -> &Hasher {
        match self {
            Self::Plain(hasher) | Self::Keyed(hasher) => hasher,
        }
    }
}

impl Hashing<'_> {
    /// Calls `tell` for each path, in their order if that is asked for, until it fails or the user
    /// interrupts. What is to be done is counted by another iterator over the same paths, if
    /// there can be one.
    pub(crate) fn run(
        &self,
        paths: impl Iterator<Item = PathBuf> + Send + 'static,
        counted: Option<impl Iterator<Item = PathBuf> + Send + 'static>,
        mut tell: impl FnMut(&Path, Hashed) -> io::Result<()>,
    ) -> Result<Done, Box<dyn Error>> {
        let &Self { settings, screen, interrupt, output, seek, .. } = self;
        let dispatcher: Dispatcher = settings.dispatcher()?;
        let files = settings.files(&dispatcher).order(self.order).build()?;
        let (places, hasher) = (Places::default(), self.mode.hasher().clone());
        let counted = counted.map(|paths| sizes(Places::default().note(paths)));
        let count = counted.map(|sizes| Count::start(screen, sizes)).transpose()?.flatten();
        let run = files.stream(
            places.note(paths),
            move |_| hasher.clone(),
            |hasher: &mut Hasher, chunk: Chunk| {
                hasher.update(&chunk);
            },
            move |hasher, _| output_of(&hasher, seek),
        );
        let stage = Stage::of(&run, self.what).counted(count.as_ref().map(Count::totals));
        let watch = Watch::over(stage, Vec::new(), interrupt, screen, Some(output))?;
        let mut fallbacks = Fallbacks::default();
        let mut files = 0;
        self.take(run, &places, &mut fallbacks, |path, hashed| {
            let is_hashed = hashed.is_ok();
            tell(path, hashed)?;
            files += u64::from(is_hashed);
            Ok(())
        });
        let bytes = watch.progress().snapshot().bytes;
        drop((watch, count));
        dispatcher.shutdown()?;
        fallbacks.report(settings, screen);
        Ok(Done { files, bytes })
    }

    /// Takes the results of a run as they come.
    fn take(
        &self,
        run: FilesRun<OutputReader>,
        places: &Places,
        fallbacks: &mut Fallbacks,
        mut tell: impl FnMut(&Path, Hashed) -> io::Result<()>,
    ) {
        for (before, result) in (0..).zip(run) {
            if !self.take_standard_input(places, before, &mut tell) {
                return;
            }
            let is_told = match result {
                Ok(file) => {
                    fallbacks.count(&file);
                    tell(&file.path, Ok(file.value))
                }
                Err(error) if error.kind() == FileErrorKind::Stopped => return,
                Err(error) => tell(&error.path, Err(reason(&error))),
            };
            if is_told.is_err() {
                return;
            }
        }
        let _ = self.take_standard_input(places, u64::MAX, &mut tell);
    }

    /// Hashes the standard input if so many files come before it. False if that is the end.
    fn take_standard_input(
        &self,
        places: &Places,
        before: u64,
        tell: &mut impl FnMut(&Path, Hashed) -> io::Result<()>,
    ) -> bool {
        while !self.interrupt.has_come() && places.take(before) {
            let hashed = self.standard_input();
            if self.interrupt.has_come() || tell(Path::new("-"), hashed).is_err() {
                return false;
            }
        }
        !self.interrupt.has_come()
    }

    fn standard_input(&self) -> Hashed {
        let mut hasher = match &self.mode {
            Mode::Plain(hasher) => hasher.clone(),
            Mode::Keyed(_) => return Err("the standard input was read for the key".to_owned()),
        };
        let mut input = StandardInput::new(self.interrupt);
        let mut piece = vec![0; PIECE];
        loop {
            match io::Read::read(&mut input, &mut piece).map_err(|error| error.to_string())? {
                0 => return Ok(output_of(&hasher, self.seek)),
                length => hasher.update(&piece[..length]),
            };
        }
    }
}

fn output_of(hasher: &Hasher, seek: u64) -> OutputReader {
    let mut output = hasher.finalize_xof();
    output.set_position(seek);
    output
}
