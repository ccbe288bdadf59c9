//! The contenders' names.

use crate::named::{Named, Whose};

/// A contender that digests the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    ReapoolDirect,
    ReapoolBuffered,
    ReapoolAutomatic,
    Threads1,
    Rayon2,
    Rayon16,
    Rayon16Again,
    Rayon64,
    RayonPieces2,
    RayonPieces16,
    RayonPieces64,
    B3sum,
    B3sum16,
    Tokio,
    Compio,
    IoEngine,
    ReadersAndPool,
}

use Contender::{
    B3sum, B3sum16, Compio, IoEngine, Rayon2, Rayon16, Rayon16Again, Rayon64, RayonPieces2,
    RayonPieces16, RayonPieces64, ReadersAndPool, ReapoolAutomatic, ReapoolBuffered, ReapoolDirect,
    Threads1, Tokio,
};

impl Named for Contender {
    const ALL: &'static [Self] = &[
        ReapoolDirect,
        ReapoolBuffered,
        ReapoolAutomatic,
        Threads1,
        Rayon2,
        Rayon16,
        Rayon16Again,
        Rayon64,
        RayonPieces2,
        RayonPieces16,
        RayonPieces64,
        B3sum,
        B3sum16,
        Tokio,
        Compio,
        IoEngine,
        ReadersAndPool,
    ];

    fn name(self) -> &'static str {
        match self {
            ReapoolDirect => "reapool-direct",
            ReapoolBuffered => "reapool-buffered",
            ReapoolAutomatic => "reapool-automatic",
            Threads1 => "threads-1",
            Rayon2 => "rayon-2",
            Rayon16 => "rayon-16",
            Rayon16Again => "rayon-16-again",
            Rayon64 => "rayon-64",
            RayonPieces2 => "rayon-pieces-2",
            RayonPieces16 => "rayon-pieces-16",
            RayonPieces64 => "rayon-pieces-64",
            B3sum => "b3sum",
            B3sum16 => "b3sum-16",
            Tokio => "tokio",
            Compio => "compio",
            IoEngine => "io-engine",
            ReadersAndPool => "readers-and-pool",
        }
    }

    fn label(self) -> Option<&'static str> {
        match self {
            ReapoolAutomatic => Some("reapool, automatic"),
            ReapoolDirect => Some("reapool, direct"),
            ReapoolBuffered => Some("reapool, buffered"),
            Threads1 => Some("one thread"),
            Rayon64 => Some("rayon 64, whole files"),
            RayonPieces2 => Some("rayon 2, in pieces"),
            RayonPieces16 => Some("rayon 16, in pieces"),
            RayonPieces64 => Some("rayon 64, in pieces"),
            B3sum16 => Some("b3sum, 16 at once"),
            Tokio => Some("tokio"),
            Compio => Some("compio"),
            IoEngine => Some("io-engine"),
            _ => None,
        }
    }

    fn whose(self) -> Whose {
        if self.is_reapool() { Whose::Reapool } else { Whose::Other }
    }
}

impl Contender {
    pub(crate) const fn is_reapool(self) -> bool {
        matches!(self, ReapoolDirect | ReapoolBuffered | ReapoolAutomatic)
    }

    /// Whether this is another program's way, and not the second run of one: with two chances, a
    /// contender would be luckier than the others.
    pub(crate) fn is_rival(self) -> bool {
        !self.is_reapool() && self != Rayon16Again
    }

    /// Whether this has several threads of one process that block in their reads.
    pub(crate) const fn is_threaded(self) -> bool {
        matches!(
            self,
            Rayon2
                | Rayon16
                | Rayon64
                | RayonPieces2
                | RayonPieces16
                | RayonPieces64
                | Tokio
                | ReadersAndPool
        )
    }
}
