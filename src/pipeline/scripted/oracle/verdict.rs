//! Checks at the end that the model agrees with what was seen.

use super::extent::{Extent, written};
use super::ledger::{Fate, Ledger, Record, Seen, Why};
use super::model::{Ending, Model, Phase, Track, operation};
use super::plan::{JobDeadline, Op};
use crate::Stats;
use crate::engine::operation::Operation;

/// How often a kernel that has no request is asked before it is believed.
pub(super) const TRIES: u32 = 9;

/// The values that the counters must have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    accepted: u64,
    refused: u64,
    failed: u64,
    short: u64,
    resumed: u64,
    cancelled: u64,
    timed_out: u64,
    nops: u64,
    blocking_calls: u64,
    panics: u64,
    submitted: u64,
    submit_calls: u64,
}

impl Counts {
    fn of(stats: &Stats) -> Self {
        Self {
            accepted: stats.accepted,
            refused: stats.refused,
            failed: stats.failed,
            short: stats.short,
            resumed: stats.resumed,
            cancelled: stats.cancelled,
            timed_out: stats.timed_out,
            nops: stats.nops,
            blocking_calls: stats.blocking_calls,
            panics: stats.panics,
            submitted: stats.submitted,
            submit_calls: stats.submit_calls,
        }
    }
}

/// Checks that every job has ended as the model says, and that the counters agree.
pub(super) fn check(model: &Model, ledger: &Ledger, stats: &Stats) {
    let mut counts = Counts { submit_calls: model.calls, ..Counts::default() };
    // Requests that were refused, and jobs that ended while they waited.
    let (mut refused, mut ended_early) = (0, 0);
    for (name, record) in ledger.records.iter().enumerate() {
        assert_eq!(record.dropped, 1, "drops of the callback of job {name}");
        assert!(!record.astray, "job {name}");
        let Fate::Accepted(_) = record.fate else {
            assert_ne!(record.fate, Fate::Offered, "job {name}");
            assert!(record.seen.is_empty() && record.worked == 0, "job {name} was refused");
            counts.refused += u64::from(record.fate != Fate::Dropped);
            continue;
        };
        counts.accepted += 1;
        let track = model.track(name, &record.plan);
        counts.submitted += track.requests;
        counts.resumed += track.resumed;
        counts.panics += u64::from(record.plan.panics());
        let Some(seen) = the_one(name, record, &mut counts) else { continue };
        let ending = ending(name, record, &track, seen);
        counts.cancelled += u64::from(record.cancelled);
        counts.timed_out += u64::from(seen.result == Err(Why::Errno(libc::ETIMEDOUT)));
        counts.failed += u64::from(seen.result.is_err());
        counts.short += u64::from(seen.short);
        refused += u64::from(ending.refused);
        // The kernel has not taken it, or not its rest: it waited, or was cancelled on its way to
        // the kernel.
        let waited = track.phase == Phase::Backlog || track.requests == 0;
        let waited = waited && record.plan.operation.has_result();
        ended_early += u64::from(waited && !ending.refused);
        check_seen(name, record, &track, &ending, seen);
    }
    assert_eq!(Counts::of(stats), counts, "the counters, and what they have to be; {stats:?}");
    assert_eq!((stats.finished, stats.completed), (counts.accepted, counts.submitted), "{stats:?}");
    assert_eq!((stats.outstanding, stats.parked, stats.in_flight), (0, 0, 0), "{stats:?}");
    assert_eq!((stats.buffered, stats.cached, stats.blocking_transfers), (0, 0, 0), "{stats:?}");
    let performed = counts.submitted + refused + counts.nops + counts.blocking_calls;
    assert_eq!(performed, counts.accepted + counts.resumed - ended_early, "{stats:?}");
}

/// Checks that the engine took jobs in the order in which they were accepted.
pub(super) fn check_order(model: &Model, ledger: &Ledger) {
    let place = |name: &usize| match ledger.records[*name].fate {
        Fate::Accepted(place) => place,
        fate => panic!("job {name} was submitted, and is {fate:?}"),
    };
    let order: Vec<usize> = model.order.iter().map(place).collect();
    assert!(order.is_sorted(), "out of order: {order:?} of the jobs {:?}", model.order);
}

/// The values that a job's callback was given, if it had to run.
fn the_one<'a>(name: usize, record: &'a Record, counts: &mut Counts) -> Option<&'a Seen> {
    match record.plan.operation {
        Op::Nop => counts.nops += 1,
        Op::Blocking { panics } => {
            counts.blocking_calls += 1;
            assert_eq!(record.worked, 1, "the work of job {name}");
            if panics {
                assert!(record.seen.is_empty(), "job {name}, whose work panicked");
                return None;
            }
        }
        _ => {}
    }
    assert_eq!(record.seen.len(), 1, "runs of the callback of job {name}");
    Some(&record.seen[0])
}

fn ending(name: usize, record: &Record, track: &Track, seen: &Seen) -> Ending {
    let is_poll = matches!(record.plan.operation, Op::Poll);
    if !record.plan.operation.has_result() {
        return Ending { result: Ok(0), filled: 0, refused: false };
    }
    if record.cancelled {
        assert!(is_poll || track.phase == Phase::Backlog, "job {name} was cancelled: {track:?}");
        return track.left_off(libc::ECANCELED);
    }
    if record.plan.due == JobDeadline::Past {
        return track.left_off(libc::ETIMEDOUT);
    }
    match track.phase {
        Phase::Ended(ending) => ending,
        phase => {
            let believed = phase == Phase::Backlog && track.starved >= TRIES;
            assert!(believed, "job {name} ended with {:?}: {track:?}", seen.result);
            track.refused(libc::EAGAIN)
        }
    }
}

fn check_seen(name: usize, record: &Record, track: &Track, ending: &Ending, seen: &Seen) {
    let plan = &record.plan;
    let (extent, operation) = (track.extent, operation(&plan.operation));
    let transferred = track.transferred(ending);
    let ok = ending.result.is_ok();
    let nothing = operation.reads() && extent.requested > 0 && transferred == 0;
    let ended = ok || ending.result == Err(Why::EndOfFile);
    let expected = Seen {
        operation,
        offset: extent.offset + extent.skip as u64,
        requested: extent.requested,
        transferred,
        result: ending.result,
        data: data(name, &plan.operation, &extent, track, ending, plan.exact),
        short: operation.transfers() && ok && transferred < extent.requested,
        eof: nothing && ended,
    };
    let mut seen = seen.clone();
    let reads = matches!(operation, Operation::Read | Operation::ReadVectored);
    if reads && !ok && !plan.exact && seen.data.len() == expected.data.len() {
        // The bytes of the buffer are unspecified.
        seen.data.clone_from(&expected.data);
    }
    assert_eq!(seen, expected, "what the callback of job {name} saw, and was to; {plan:?}");
}

/// The bytes that a callback must be given. Where they are unspecified, as many zeros.
fn data(
    name: usize,
    operation: &Op,
    extent: &Extent,
    track: &Track,
    ending: &Ending,
    exact: bool,
) -> Vec<u8> {
    let filled = ending.result.is_ok() || exact;
    match operation {
        Op::Write { len, .. } => (0..len * extent.unit).map(|at| written(name, at)).collect(),
        Op::WriteVectored { .. } => (0..extent.whole).map(|at| written(name, at)).collect(),
        Op::Read { .. } | Op::ReadVectored { .. } if filled => {
            track.buffer[..ending.filled].to_vec()
        }
        Op::Read { len, .. } => vec![0; len * extent.unit],
        Op::ReadVectored { .. } => vec![0; extent.whole],
        Op::Range { .. } if filled => {
            track.buffer[extent.skip.min(extent.whole)..][..track.transferred(ending)].to_vec()
        }
        _ => Vec::new(),
    }
}
