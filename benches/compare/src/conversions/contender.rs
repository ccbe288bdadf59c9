//! The contenders' names.

use super::workload::Workload;
use crate::named::{Named, Whose};

/// A contender that makes files of files, or reads one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Reapool,
    Aio,
    Rayon2,
    Rayon16,
    Rayon16Again,
    Rayon64,
    RayonCopy16,
    Tokio,
    Cp,
    Rsync,
    FileReader,
    FilesStream,
    BufReader1M,
    BufReader8K,
}

use Contender::{
    Aio, BufReader1M, BufReader8K, Cp, FileReader, FilesStream, Rayon2, Rayon16, Rayon16Again,
    Rayon64, RayonCopy16, Reapool, Rsync, Tokio,
};

impl Named for Contender {
    const ALL: &'static [Self] = &[
        Reapool,
        Aio,
        Rayon2,
        Rayon16,
        Rayon16Again,
        Rayon64,
        RayonCopy16,
        Tokio,
        Cp,
        Rsync,
        FileReader,
        FilesStream,
        BufReader1M,
        BufReader8K,
    ];

    fn name(self) -> &'static str {
        match self {
            Reapool => "reapool",
            Aio => "aio",
            Rayon2 => "rayon-2",
            Rayon16 => "rayon-16",
            Rayon16Again => "rayon-16-again",
            Rayon64 => "rayon-64",
            RayonCopy16 => "rayon-copy-16",
            Tokio => "tokio",
            Cp => "cp",
            Rsync => "rsync",
            FileReader => "file-reader",
            FilesStream => "files-stream",
            BufReader1M => "buf-reader-1m",
            BufReader8K => "buf-reader-8k",
        }
    }

    fn label(self) -> Option<&'static str> {
        match self {
            Reapool => Some("reapool"),
            Aio => Some("AIO by hand"),
            Rayon2 => Some("rayon, 2 threads"),
            Rayon16 => Some("rayon, 16 threads"),
            Rayon64 => Some("rayon, 64 threads"),
            RayonCopy16 => Some("rayon, fs::copy"),
            Tokio => Some("tokio"),
            Cp => Some("cp -r"),
            Rsync => Some("rsync -a"),
            FileReader => Some("reapool, FileReader"),
            FilesStream => Some("reapool, Files"),
            BufReader1M => Some("BufReader, 1 MiB"),
            BufReader8K => Some("BufReader, 8 KiB"),
            _ => None,
        }
    }

    fn whose(self) -> Whose {
        if self.is_reapool() { Whose::Reapool } else { Whose::Other }
    }
}

impl Contender {
    pub(crate) const fn is_reapool(self) -> bool {
        matches!(self, Reapool | FileReader | FilesStream)
    }

    /// Whether this is another program's way, and not the second run of one: with two chances, a
    /// contender would be luckier than the others.
    pub(super) fn is_rival(self) -> bool {
        !self.is_reapool() && self != Rayon16Again
    }

    /// The name of the program that this runs.
    pub(super) const fn program(self) -> Option<&'static str> {
        match self {
            Cp => Some("cp"),
            Rsync => Some("rsync"),
            _ => None,
        }
    }

    pub(super) const fn takes_part(self, workload: Workload) -> bool {
        let reads = matches!(self, FileReader | FilesStream | BufReader1M | BufReader8K);
        match workload {
            Workload::Copy => !reads,
            // The kernel and the programs can't compress.
            Workload::Compress | Workload::Sync => {
                !reads && !matches!(self, RayonCopy16 | Cp | Rsync)
            }
            // There are fewer files than threads.
            Workload::Large => !reads && !matches!(self, Rayon16Again | Rayon64),
            Workload::Reader => reads,
        }
    }
}
