//! The contenders' names.

use serde::{Deserialize, Serialize};

/// A contender that carries the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    Raw,
    RawAgain,
    Sharded,
    ReapoolChained,
    ReapoolOutside,
    ReapoolSingle,
    Threads,
    ReadersPool,
    Rayon,
    Tokio,
    Uring,
    UringPool,
    IoEngine,
    Compio,
    /// Two threads and two channels, for the latency pair.
    Ping,
    /// Two threads and two eventfds, for the latency pair.
    Wake,
    /// A poll job, for the latency pair.
    Hop,
}

use Contender::{
    Compio, Hop, IoEngine, Ping, Raw, RawAgain, Rayon, ReadersPool, ReapoolChained, ReapoolOutside,
    ReapoolSingle, Sharded, Threads, Tokio, Uring, UringPool, Wake,
};

impl Contender {
    /// The contenders that read.
    pub(crate) const READERS: [Self; 14] = [
        Raw,
        Sharded,
        ReapoolChained,
        ReapoolOutside,
        ReapoolSingle,
        Threads,
        RawAgain,
        ReadersPool,
        Rayon,
        Tokio,
        Uring,
        UringPool,
        IoEngine,
        Compio,
    ];

    /// The latency pair, and a third contender for the kernel's share of its time.
    pub(crate) const PAIR: [Self; 3] = [Ping, Wake, Hop];

    /// The name on the command line and in the tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Raw => "raw",
            RawAgain => "raw-again",
            Sharded => "sharded",
            ReapoolChained => "reapool-chained",
            ReapoolOutside => "reapool-outside",
            ReapoolSingle => "reapool-single",
            Threads => "threads",
            ReadersPool => "readers-pool",
            Rayon => "rayon",
            Tokio => "tokio",
            Uring => "uring",
            UringPool => "uring-pool",
            IoEngine => "io-engine",
            Compio => "compio",
            Ping => "ping",
            Wake => "wake",
            Hop => "hop",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::READERS.into_iter().chain(Self::PAIR).find(|contender| contender.name() == name)
    }

    pub(crate) const fn is_reapool(self) -> bool {
        matches!(self, ReapoolChained | ReapoolOutside | ReapoolSingle)
    }
}
