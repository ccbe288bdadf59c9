//! The contenders' names.

use serde::{Deserialize, Serialize};

/// A contender that digests the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
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

impl Contender {
    pub(crate) const ALL: [Self; 17] = [
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

    /// The name on the command line and in the tables.
    pub(crate) const fn name(self) -> &'static str {
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

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contender| contender.name() == name)
    }

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

impl From<Contender> for &'static str {
    fn from(contender: Contender) -> Self {
        contender.name()
    }
}

impl TryFrom<String> for Contender {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::named(&name).ok_or_else(|| format!("{name} is nobody's name"))
    }
}
