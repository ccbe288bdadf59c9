//! The contenders' names.

use serde::{Deserialize, Serialize};

use crate::named::{Named, Whose};

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
    /// The contenders that read: all but the latency pair.
    pub(crate) fn readers() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|contender| !Self::PAIR.contains(contender))
    }

    /// The latency pair, and a third contender for the kernel's share of its time.
    pub(crate) const PAIR: [Self; 3] = [Ping, Wake, Hop];

    pub(crate) const fn is_reapool(self) -> bool {
        matches!(self, ReapoolChained | ReapoolOutside | ReapoolSingle)
    }
}

impl Named for Contender {
    const ALL: &'static [Self] = &[
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
        Ping,
        Wake,
        Hop,
    ];

    fn name(self) -> &'static str {
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

    fn label(self) -> Option<&'static str> {
        match self {
            Raw => Some("AIO loop, one thread"),
            Sharded => Some("AIO loop per worker"),
            ReapoolChained => Some("reapool, chained"),
            ReapoolOutside => Some("reapool, outside"),
            Threads => Some("threads with pread"),
            Tokio => Some("tokio, spawn_blocking"),
            Uring => Some("io_uring, one thread"),
            IoEngine => Some("io-engine"),
            Compio => Some("compio"),
            _ => None,
        }
    }

    fn whose(self) -> Whose {
        if self.is_reapool() { Whose::Reapool } else { Whose::Other }
    }
}
