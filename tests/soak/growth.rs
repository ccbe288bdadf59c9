//! Whether memory grows with time: what is allocated at rest, and what is resident.

use crate::gauge::Sample;
use crate::trouble::{Trouble, Troubles};

/// By how much what is allocated at rest may be more after the last round than after the first, in
/// KiB: forgotten handles, and what was never needed before. A byte lost with each job is soon more
/// than that.
const HEAP_MOST: u64 = 2 << 10;
/// By how much what is resident at rest may be more at the end than after the first third, in KiB.
///
/// It is counted when the allocator has given back what it can of freed memory, as that grows for
/// long: glibc gives threads that allocate at the same time arenas of their own, up to 8 for each
/// core, and each arena keeps what was freed in it. In seven minutes that took the process from 89
/// to 118 MiB at rest, of which 46 and 75 were free. With one arena (`MALLOC_ARENA_MAX=1`) there
/// were 63 from the first round to the last.
///
/// There is some room, as a page can't be given back that has a byte in use.
const RSS_MOST: u64 = 16 << 10;

/// How much more there was at rest in the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    pub(crate) heap: i64,
    pub(crate) rss: i64,
}

pub(crate) const LIMITS: (u64, u64) = (HEAP_MOST, RSS_MOST);

pub(crate) fn judge(samples: &[Sample], troubles: &Troubles) -> Growth {
    let quiet: Vec<_> = samples.iter().filter(|sample| sample.is_quiet).collect();
    let (Some(first), Some(last)) = (quiet.first(), quiet.last()) else {
        return Growth::default();
    };
    let third = quiet[quiet.len() / 3];
    let more = |now: u64, then: u64| now as i64 - then as i64;
    let growth = Growth {
        heap: more(last.heap, first.heap),
        rss: more(last.rss_at_rest(), third.rss_at_rest()),
    };
    if growth.heap > HEAP_MOST as i64 || growth.rss > RSS_MOST as i64 {
        troubles.tell(Trouble::Growth, format_args!("of memory at rest, in KiB: {growth:?}"));
    }
    growth
}
