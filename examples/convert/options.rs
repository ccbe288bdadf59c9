//! The command line.

use std::env;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::encoder::Encoding;
use crate::levels;
use crate::roots::Place;
use crate::rule::{Format, From, Rule};
use crate::settle::Sources;
use crate::shared::command_line::{mistake, parse_from};
use crate::shared::settings::Settings;

/// Compresses the files that are named, and those below directories that are named, many at a
/// time: FILE becomes FILE.gz or FILE.zst beside it.
///
/// With --decompress it is the other way round, and with --from what is compressed already is
/// compressed anew.
///
/// A target gets its name when it is complete, so that no part of a file is ever found under it.
/// Until then it has none, or, with --fsync and where the file system has no files without a name,
/// a temporary one in the same place (.NAME.RANDOM.tmp). It has the permissions and times of its
/// source, and the owner as far as that is allowed. After an error, and after the first Ctrl-C, no
/// target is left that is not complete. Symbolic links are not followed.
///
/// The suffix of a name says what a file is: .gz and .tgz, or .zst and .tzst (FILE.tgz becomes
/// FILE.tar and the like). Files with other suffixes of compressed files (.xz, .bz2, .zip ...) are
/// not compressed. Files that don't fit are left out; that is an error if one was named itself.
#[derive(Parser)]
#[command(
    name = "convert",
    version,
    override_usage = "convert [OPTIONS] [-1 ... -19] PATH...",
    mut_arg("memory", |memory| memory.help(
        "Memory for what is being read and written, 4M to 1T"
    ).long_help(
        "Memory for what is being read and written, 4M to 1T\n\n\
        At least half a MiB for each worker is used, half as much again with --verify, and what \
        compression takes itself. Sizes are numbers of bytes, or have a suffix for a power of \
        1024, as 512K, 64M and 1GiB have."
    )),
    mut_arg("chunk", |chunk| chunk.long_help(
        "Size of a read of a large file, a multiple of 4K up to 64M\n\n\
        No more than an eighth of the memory is used."
    )),
    after_help = "The policy holds for writing too; automatic writes targets of large files \
        directly.\n\n\
        Exit status: 0 if all went well, 1 if something was not converted, kept or removed, 2 for \
        a mistake in the command line, 130 after Ctrl-C. A second Ctrl-C doesn't wait, and may \
        leave temporary files. SIGTERM and SIGHUP do the same, with 143 and 129."
)]
struct Given {
    /// Files, and directories of which all files below are converted
    ///
    /// They are not read from the standard input, as gzip and zstd do: each target has a name, and
    /// the times of its source. A file that is called - is named as ./-.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// What is made of the files [default: gzip]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// How much is done for small targets: 1 to 9 for gzip (6), 1 to 19 for zstd (3); -N is short
    /// for it
    #[arg(long, value_name = "N")]
    level: Option<u32>,
    /// Decompress the files
    #[arg(short, long)]
    decompress: bool,
    /// Which files are taken [default: none; with --decompress, auto]
    #[arg(long, value_enum)]
    from: Option<Contents>,
    /// Make the targets in DIR, which is made if need be
    ///
    /// What is below a directory that was named has the same place below DIR.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Keep the sources. This is the default
    #[arg(short, long, overrides_with = "remove")]
    keep: bool,
    /// Remove each source when its target is complete
    ///
    /// That is after --fsync and --verify, if these are asked for. A source that has changed
    /// meanwhile stays, and so does one whose permissions or times the target can't have. Without
    /// --fsync, a crash of the system can take targets with it whose sources are gone.
    #[arg(long, overrides_with = "keep")]
    remove: bool,
    /// Replace files that there are already; otherwise that is an error
    #[arg(short, long)]
    force: bool,
    /// Have the device keep each target before it gets its name
    #[arg(long)]
    fsync: bool,
    /// Read all targets back and compare them with what was compressed
    ///
    /// They are read past the page cache unless --policy is buffered. The BLAKE3 checksums of
    /// their data are compared with those of what was compressed. A target that differs is
    /// removed.
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Which files are taken, as the user says it.
#[derive(Clone, Copy, ValueEnum)]
enum Contents {
    /// Those that are not compressed
    None,
    /// Those in this format
    Gzip,
    /// Those in this format
    Zstd,
    /// All that can be read, but for those that have the format already
    Auto,
}

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

pub(crate) fn parse_arguments() -> Result<Options, clap::Error> {
    let given: Given = parse_from(levels::spelled_out(env::args_os()))?;
    given.check().map_err(mistake::<Given>)
}

impl Given {
    /// Finds out whether the options go together.
    fn check(self) -> Result<Options, String> {
        if self.paths.iter().any(|path| path.as_os_str() == "-") {
            return Err(
                "the standard input is not converted; a file that is called - is ./-".into()
            );
        }
        let (rule, encoding) = match self.decompress {
            true => self.decompressing()?,
            false => self.compressing()?,
        };
        let place = self.to.map_or(Place::BesideSource, Place::Below);
        if rule.is_in_place() && matches!(place, Place::BesideSource) {
            // Nothing would be left to compare with, or to go back to.
            if self.verify || !self.force {
                return Err(
                    "targets would replace their sources: that takes --force, and can't be \
                            verified. --to makes them elsewhere"
                        .into(),
                );
            }
        }
        let sources = if self.remove { Sources::Remove } else { Sources::Keep };
        let Self { settings, force, fsync, verify, paths, .. } = self;
        Ok(Options { settings, rule, encoding, place, sources, force, fsync, verify, paths })
    }

    fn from(&self) -> Option<From> {
        self.from.map(|contents| match contents {
            Contents::None => From::Plain,
            Contents::Gzip => From::Compressed(Format::Gzip),
            Contents::Zstd => From::Compressed(Format::Zstd),
            Contents::Auto => From::Auto,
        })
    }

    fn decompressing(&self) -> Result<(Rule, Encoding), String> {
        if self.level.is_some() || self.format.is_some() {
            return Err("--decompress takes neither a level nor --format".into());
        }
        let from = self.from().unwrap_or(From::Auto);
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
        let rule = Rule { from: self.from().unwrap_or(From::Plain), to: Some(format) };
        Ok((rule, Encoding::Compressed(format, level)))
    }
}
