//! Programs: the jobs that are submitted, and the kernel's answers, in order.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;

use super::plan::{How, Plan, plan};
use crate::engine::fake::{Answer, Share};

#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) shape: Shape,
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) depth: u32,
    pub(super) backlog: usize,
    pub(super) parked: usize,
    /// 0 for an event loop.
    pub(super) workers: usize,
    pub(super) file: Kind,
    /// After each step, the program waits until nothing more happens.
    pub(super) stepwise: bool,
}

/// The kind of the jobs' files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Direct,
    Append,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Submit(How, Vec<Plan>),
    Flush,
    /// Sets the answers to the next submissions.
    Script(Vec<Answer>),
    /// Completes these requests together.
    Complete(Vec<(usize, Share)>),
    FailWait(i32),
    /// Has an event come once more.
    Stray(usize),
    Cancel(usize),
    Join(usize),
    Forget(usize),
    PollTask(usize),
    DropTask(usize),
    /// Lets the callbacks that are held go on.
    Release,
    /// Waits until nothing more happens.
    Settle,
    /// Takes a turn of the event loop's owner, with at most this many callbacks.
    Turn(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Drain,
    Shutdown,
    Drop,
    /// The wait for its end is given up before the kernel is done.
    Late,
    /// A callback drops the dispatcher.
    InCallback,
}

impl Shape {
    pub(super) fn is_loop(&self) -> bool {
        self.workers == 0
    }
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let answer = prop_oneof![
        4 => (0..4_usize).prop_map(Answer::Accept),
        3 => Just(Answer::Refuse(libc::EAGAIN)),
        1 => Just(Answer::Refuse(libc::EINTR)),
        2 => Just(Answer::Refuse(libc::EINVAL)),
        1 => Just(Answer::Refuse(libc::EBADF)),
    ];
    let lasting = (1..12_usize).prop_map(|count| vec![Answer::Refuse(libc::EAGAIN); count]);
    prop_oneof![6 => vec(answer, 1..5), 1 => lasting]
}

fn share() -> impl Strategy<Value = Share> {
    prop_oneof![
        5 => Just(Share::Full),
        3 => any::<u8>().prop_map(Share::Part),
        1 => Just(Share::Nothing),
        1 => Just(Share::Error(libc::EIO)),
        1 => Just(Share::Error(libc::ENOSPC)),
        // The crate itself ends jobs with these errors, too.
        1 => Just(Share::Error(libc::ECANCELED)),
        1 => Just(Share::Error(libc::EAGAIN)),
    ]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        4 => Just(How::Single),
        4 => Just(How::Batch),
        4 => Just(How::Spawn),
        1 => Just(How::Patient),
        1 => Just(How::Task),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<usize>;
    let wait_error = prop_oneof![6 => Just(libc::EINTR), 1 => Just(libc::EINVAL)];
    prop_oneof![
        10 => (how(), vec(plan(), 1..6)).prop_map(|(how, plans)| Step::Submit(how, plans)),
        1 => Just(Step::Flush),
        3 => answers().prop_map(Step::Script),
        10 => vec((any(), share()), 1..5).prop_map(Step::Complete),
        1 => wait_error.prop_map(Step::FailWait),
        1 => any().prop_map(Step::Stray),
        3 => any().prop_map(Step::Cancel),
        1 => any().prop_map(Step::Join),
        1 => any().prop_map(Step::Forget),
        2 => any().prop_map(Step::PollTask),
        1 => any().prop_map(Step::DropTask),
        2 => Just(Step::Release),
        2 => Just(Step::Settle),
        3 => (0..6_usize).prop_map(Step::Turn),
    ]
}

/// Programs for an event loop (no worker), for one worker, or for several.
pub(super) fn program(workers: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Program> {
    let kind = prop_oneof![Just(Kind::Plain), Just(Kind::Direct), Just(Kind::Append)];
    let shape = (1..5_u32, 0..5_usize, 1..8_usize, workers, kind, any::<bool>()).prop_map(
        |(depth, backlog, parked, workers, file, stepwise)| Shape {
            depth,
            backlog,
            parked,
            workers,
            file,
            stepwise,
        },
    );
    let end = prop_oneof![
        3 => Just(End::Drain),
        2 => Just(End::Shutdown),
        2 => Just(End::Drop),
        1 => Just(End::Late),
        1 => Just(End::InCallback),
    ];
    (shape, vec(step(), 1..30), end).prop_map(|(shape, steps, end)| Program { shape, steps, end })
}
