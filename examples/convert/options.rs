//! The command line.

use std::path::PathBuf;

use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value, ValueExt};

use crate::encoder::Encoding;
use crate::roots::Place;
use crate::rule::{Format, From, Rule};
use crate::settle::Sources;
use crate::shared::settings::{self, Settings, options_help};

pub(crate) const HELP: &str = concat!(
    "\
Usage: convert [OPTIONS] PATH...

Compresses the files that are named, and those below directories that are named, many at a time:
FILE becomes FILE.gz or FILE.zst beside it. With --decompress it is the other way round, and with
--from what is compressed already is compressed anew.

A target gets its name when it is complete, so that no part of a file is ever found under it. Until
then it has none, or, with --fsync and where the file system has no files without a name, a
temporary one in the same place (.NAME.RANDOM.tmp). It has the permissions and times of its source,
and the owner as far as that is allowed. After an error, and after the first Ctrl-C, no target is
left that is not complete. Symbolic links are not followed.

The suffix of a name says what a file is: .gz and .tgz, or .zst and .tzst (FILE.tgz becomes FILE.tar
and the like). Files with other suffixes of compressed files (.xz, .bz2, .zip ...) are not
compressed. Files that don't fit are left out; that is an error if one was named itself.

Options:
      --format F     What is made of the files: gzip or zstd [default: gzip]
  -1 ... -19, --level N
                     How much is done for small targets: 1 to 9 for gzip, 1 to 19 for zstd [default:
                     6 for gzip, 3 for zstd]
  -d, --decompress   Decompress the files
      --from F       Which files are taken: none (those that are not compressed), gzip or zstd
                     (those in this format), or auto (all that can be read, but for those that have
                     the format already) [default: none; with --decompress, auto]
      --to DIR       Make the targets in DIR, which is made if need be: what is below a directory
                     that was named has the same place below DIR
  -k, --keep         Keep the sources. This is the default
      --remove       Remove each source when its target is complete, and after --fsync and --verify,
                     if these are asked for. One that has changed meanwhile stays, and so does one
                     whose permissions or times the target can't have. Without --fsync, a crash of
                     the system can take targets with it whose sources are gone
  -f, --force        Replace files that there are already; otherwise that is an error
      --fsync        Have the device keep each target before it gets its name
      --verify       Read all targets back, past the page cache unless --policy is buffered, and
                     compare the BLAKE3 checksums of their data with those of what was compressed. A
                     target that differs is removed
",
    options_help!(
        "      --memory MIB   Memory for what is being read and written, 4 to 1048576; at least half a MiB
                     for each worker, half as much again with --verify, and what compression takes
                     itself [default: 64]
      --chunk KIB    Size of a read of a large file, a multiple of 4 from 4 to 65536, no more than
                     an eighth of the memory [default: 1024]
"
    ),
    "
The policy holds for writing too; automatic writes targets of large files directly.

Exit status: 0 if all went well, 1 if something was not converted, kept or removed, 2 for a mistake
in the command line, 130 after Ctrl-C. A second Ctrl-C doesn't wait, and may leave temporary files.
SIGTERM and SIGHUP do the same, with 143 and 129.
"
);

pub(crate) struct Options {
    pub(crate) settings: Settings,
    pub(crate) rule: Rule,
    pub(crate) encoding: Encoding,
    pub(crate) place: Place,
    pub(crate) sources: Sources,
    /// Replace targets that are there.
    pub(crate) force: bool,
    pub(crate) fsync: bool,
    pub(crate) verify: bool,
    pub(crate) paths: Vec<PathBuf>,
}

/// The options as they were given.
struct Given {
    settings: Settings,
    format: Option<Format>,
    level: Option<u32>,
    from: Option<From>,
    decompress: bool,
    place: Place,
    sources: Sources,
    force: bool,
    fsync: bool,
    verify: bool,
    paths: Vec<PathBuf>,
}

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    let mut given = Given::nothing();
    let mut parser = Parser::from_env();
    // A level whose next digit may come.
    let mut begun = None;
    while let Some(argument) = parser.next()? {
        if let Some(name) = settings::name(&argument) {
            given.settings.set(name, &mut parser)?;
            continue;
        }
        let digits = begun.take();
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Short(digit @ '0'..='9') => {
                let level = digits.unwrap_or(0) * 10 + u32::from(digit) - u32::from('0');
                given.level = Some(level);
                begun = parser.try_raw_args().is_none().then_some(level.min(1000));
            }
            Short('k') | Long("keep") => given.sources = Sources::Keep,
            Long("remove") => given.sources = Sources::Remove,
            Short('f') | Long("force") => given.force = true,
            Short('d') | Long("decompress") => given.decompress = true,
            Long("fsync") => given.fsync = true,
            Long("verify") => given.verify = true,
            Long("level") => given.level = Some(parser.value()?.parse()?),
            Long("to") => given.place = Place::Below(parser.value()?.into()),
            Long("format") => given.format = Some(parser.value()?.parse_with(format)?),
            Long("from") => given.from = Some(parser.value()?.parse_with(from)?),
            Value(path) => given.paths.push(path.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    given.check().map(Some).map_err(Into::into)
}

fn format(text: &str) -> Result<Format, &'static str> {
    Format::of_name(text).ok_or("neither gzip nor zstd")
}

fn from(text: &str) -> Result<From, &'static str> {
    match text {
        "auto" => Ok(From::Auto),
        "none" => Ok(From::Plain),
        _ => Format::of_name(text).map(From::Compressed).ok_or("neither auto, none, gzip nor zstd"),
    }
}

impl Given {
    fn nothing() -> Self {
        Self {
            settings: Settings::default(),
            format: None,
            level: None,
            from: None,
            decompress: false,
            place: Place::BesideSource,
            sources: Sources::Keep,
            force: false,
            fsync: false,
            verify: false,
            paths: Vec::new(),
        }
    }

    /// Finds out whether the options go together.
    fn check(self) -> Result<Options, String> {
        if self.paths.is_empty() {
            return Err("a PATH is expected".into());
        }
        let (rule, encoding) = match self.decompress {
            true => self.decompressing()?,
            false => self.compressing()?,
        };
        if rule.is_in_place() && matches!(self.place, Place::BesideSource) {
            // Nothing would be left to compare with, or to go back to.
            if self.verify || !self.force {
                return Err(
                    "targets would replace their sources: that takes --force, and can't be \
                            verified. --to makes them elsewhere"
                        .into(),
                );
            }
        }
        let Self { settings, place, sources, force, fsync, verify, paths, .. } = self;
        Ok(Options { settings, rule, encoding, place, sources, force, fsync, verify, paths })
    }

    fn decompressing(&self) -> Result<(Rule, Encoding), String> {
        if self.level.is_some() || self.format.is_some() {
            return Err("--decompress takes neither a level nor --format".into());
        }
        let from = self.from.unwrap_or(From::Auto);
        if from == From::Plain {
            return Err("--decompress takes files that are compressed".into());
        }
        Ok((Rule { from, to: None }, Encoding::Plain))
    }

    fn compressing(&self) -> Result<(Rule, Encoding), String> {
        let format = self.format.unwrap_or(Format::Gzip);
        let (least, most, usual) = format.levels();
        let level = self.level.unwrap_or(usual);
        if !(least..=most).contains(&level) {
            return Err(format!("{} has levels from {least} to {most}", format.name()));
        }
        let rule = Rule { from: self.from.unwrap_or(From::Plain), to: Some(format) };
        Ok((rule, Encoding::Compressed(format, level)))
    }
}
