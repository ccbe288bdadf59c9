//! The plan of one job of a program, and random plans.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::{bool, option, prop_oneof};

/// A job. Lengths and offsets are in units of its file.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) operation: Op,
    pub(super) exact: bool,
    /// In bytes.
    pub(super) limit: Option<usize>,
    pub(super) due: JobDeadline,
    /// The acts of its callback.
    pub(super) acts: Vec<Act>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Read {
        at: u64,
        len: usize,
    },
    Write {
        at: u64,
        len: usize,
    },
    ReadVectored {
        at: u64,
        lens: Vec<usize>,
    },
    WriteVectored {
        at: u64,
        lens: Vec<usize>,
    },
    /// In bytes.
    Range {
        at: u64,
        len: usize,
    },
    SyncAll,
    SyncData,
    Poll,
    Nop,
    Blocking {
        panics: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobDeadline {
    Never,
    /// It has come when the job is accepted.
    Past,
    /// It doesn't come while a test runs.
    Later,
}

/// An act of a callback.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Submit(How, Vec<Plan>),
    /// Of the handles that exist then, the one with this index, modulo their number.
    Cancel(usize),
    Join(usize),
    /// Waits until the program releases it.
    Hold,
    Panic,
}

/// How jobs are submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Single,
    Batch,
    Spawn,
    /// By a thread that waits for room.
    Patient,
    /// By a task that waits for room, and is polled now and then.
    Task,
}

impl Plan {
    /// Whether its callback or its work panics.
    pub(super) fn panics(&self) -> bool {
        matches!(self.operation, Op::Blocking { panics: true })
            || self.acts.iter().any(|act| matches!(act, Act::Panic))
    }
}

impl Op {
    /// Whether it can be cancelled, and have a deadline.
    pub(super) fn has_result(&self) -> bool {
        !matches!(self, Self::Nop | Self::Blocking { .. })
    }
}

/// How callbacks submit jobs.
fn how() -> impl Strategy<Value = How> {
    prop_oneof![Just(How::Single), Just(How::Batch), Just(How::Spawn)]
}

fn operation() -> impl Strategy<Value = Op> {
    let (at, len) = (0..8_u64, 0..5_usize);
    let lens = vec(0..3_usize, 0..4);
    prop_oneof![
        6 => (at.clone(), len.clone()).prop_map(|(at, len)| Op::Read { at, len }),
        6 => (at.clone(), len).prop_map(|(at, len)| Op::Write { at, len }),
        2 => (at.clone(), lens.clone()).prop_map(|(at, lens)| Op::ReadVectored { at, lens }),
        2 => (at, lens).prop_map(|(at, lens)| Op::WriteVectored { at, lens }),
        2 => (0..3000_u64, 0..1500_usize).prop_map(|(at, len)| Op::Range { at, len }),
        1 => Just(Op::SyncAll),
        1 => Just(Op::SyncData),
        2 => Just(Op::Poll),
        2 => Just(Op::Nop),
        1 => bool::weighted(0.2).prop_map(|panics| Op::Blocking { panics }),
    ]
}

fn due() -> impl Strategy<Value = JobDeadline> {
    prop_oneof![
        12 => Just(JobDeadline::Never),
        1 => Just(JobDeadline::Past),
        1 => Just(JobDeadline::Later),
    ]
}

fn plan_of(acts: BoxedStrategy<Vec<Act>>) -> BoxedStrategy<Plan> {
    let limit = option::weighted(0.1, 0..3000_usize);
    (operation(), any::<bool>(), limit, due(), acts)
        .prop_map(|(operation, exact, limit, due, acts)| Plan {
            operation,
            exact,
            limit,
            due,
            acts,
        })
        .boxed()
}

/// A job whose callback may submit others, and so on.
pub(super) fn plan() -> BoxedStrategy<Plan> {
    let callback_of = |inner| {
        let act = prop_oneof![
            6 => (how(), vec(inner, 1..4)).prop_map(|(how, plans)| Act::Submit(how, plans)),
            1 => any::<usize>().prop_map(Act::Cancel),
            1 => any::<usize>().prop_map(Act::Join),
            1 => Just(Act::Hold),
            1 => Just(Act::Panic),
        ];
        plan_of(vec(act, 0..3).boxed())
    };
    plan_of(Just(Vec::new()).boxed()).prop_recursive(3, 12, 3, callback_of).boxed()
}
