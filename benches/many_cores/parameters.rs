//! The numbers that the model is made of, each with its source. Times are in nanoseconds.

/// Of an instruction of the crate in user space. Assumed: three instructions in each nanosecond.
pub(crate) const INSTRUCTION: f64 = 0.3;
/// To move a cache line from the core that wrote it last. Assumed: between chiplets and sockets it
/// is 50 to 100.
pub(crate) const LINE: f64 = 75.0;
/// The same for the two cores of the machine in `README.md` of the folder above, where a round trip
/// took 50 to 100.
pub(crate) const LINE_OF_TWO_CORES: f64 = 37.0;
/// How many of several cache lines are on their way at the same time. Assumed: the first one, the
/// lock's own, comes alone, as nobody reads on without it.
const LINES_AT_ONCE: f64 = 2.0;
/// To take and to give up a lock whose cache line is here: two atomic instructions.
pub(crate) const LOCK: f64 = 10.0;
/// How long a thread spins for a lock of the standard library's before it sleeps: 100 pauses of
/// about 45 cycles.
pub(crate) const SPIN: f64 = 1_500.0;
/// What it takes a thread to wake another one, and that one to come. `wakeups/pace.rs` and
/// `spin.rs` have a few microseconds for both sides, and 20 us on a virtual machine.
pub(crate) const WAKE: f64 = 1_500.0;
pub(crate) const WAKE_LATENCY: f64 = 5_000.0;

/// What is done under the lock of the books at once, or by one thread: instructions, and cache
/// lines that another thread may have written. Instructions were counted by callgrind, of each line
/// of the code, in "chained in callbacks" and "from outside" of the benchmark `instructions`.
/// Cache lines were counted in the layout of `Books`, which has 640 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) instructions: f64,
    pub(crate) lines: f64,
}

const fn cost(instructions: f64, lines: f64) -> Cost {
    Cost { instructions, lines }
}

/// Under the lock: a callback's job is parked. Lock, head of the queue, its entry, counts.
pub(crate) const PARK: Cost = cost(95.0, 4.0);
/// A job is finished, and its slot freed. Lock, counts, flags, head of the free list, its entry.
pub(crate) const FINISH: Cost = cost(75.0, 5.0);
/// The same for each further job of a run, if all are finished or parked together. Estimated, as
/// the crate doesn't do so.
pub(crate) const FINISH_MORE: Cost = cost(25.0, 0.2);
pub(crate) const PARK_MORE: Cost = cost(45.0, 0.25);
/// Slots are filled, and each with a job: the queue, the free list, the slot (24 bytes), and two
/// lines of the job, which a callback on another core made.
pub(crate) const FILL: Cost = cost(100.0, 5.0);
pub(crate) const FILL_JOB: Cost = cost(175.0, 2.75);
/// The same if the job's own memory is looked at when the lock has been given up, and then.
/// Estimated, as the crate doesn't do so.
pub(crate) const FILL_JOB_UNSEEN: Cost = cost(110.0, 0.75);
pub(crate) const DESCRIBE_UNSEEN: Cost = cost(140.0, 2.5);
/// Jobs from outside are accepted in a batch. The same call fills slots.
pub(crate) const ACCEPT: Cost = cost(130.0, 4.0);
pub(crate) const ACCEPT_JOB: Cost = cost(36.0, 0.25);
/// The reaper takes jobs out of their slots.
pub(crate) const REAP: Cost = cost(60.0, 2.0);
pub(crate) const REAP_JOB: Cost = cost(41.0, 0.4);
/// A look at the books: by the reaper after a harvest and before it waits, by a worker that goes to
/// sleep or was woken.
pub(crate) const LOOK: Cost = cost(60.0, 3.0);

/// Without a lock: a worker takes a job from the channel, calls, makes the next job, and frees the
/// last one. 1,334 instructions are the whole job, of which the rest is here. The lines are the
/// channel's head, the message, and three of the job.
pub(crate) const CALL: Cost = cost(760.0, 5.0);
/// The reaper sends a job: the channel's tail is its own, the place in the channel is not.
pub(crate) const SEND: Cost = cost(100.0, 1.0);
/// A thread outside makes a job, and gets its buffer back.
pub(crate) const MAKE: Cost = cost(450.0, 2.0);
/// The engine describes a job to the kernel.
pub(crate) const DESCRIBE: Cost = cost(76.0, 0.5);

/// A system call without what it does. Assumed.
pub(crate) const SYSTEM_CALL: f64 = 200.0;
/// The kernel's part of io_submit(2) in a read, and of io_getevents(2). A raw loop on the null
/// device takes 0.355 us for both, and on a loop device over memory 1.6 us (`README.md`).
pub(crate) const SUBMIT_NULL: f64 = 250.0;
pub(crate) const SUBMIT_DEVICE: f64 = 1_500.0;
pub(crate) const EVENT: f64 = 90.0;
/// The most events that one call takes.
pub(crate) const EVENTS_MAX: usize = 256;

/// What the crate decides by: `coalescing.rs`, `watch.rs`, `pace.rs` of `src/pipeline`.
pub(crate) const HARVEST_MAX: usize = 32;
pub(crate) const COALESCE: f64 = 100_000.0;
pub(crate) const PATIENCE: f64 = 100_000.0;
pub(crate) const WORTH_A_WAKE_UP: f64 = 50_000.0;
pub(crate) const QUICK: f64 = 10_000.0;
pub(crate) const NO_TIME: f64 = 25_000.0;
pub(crate) const LONGEST: f64 = 400_000.0;
pub(crate) const WEIGHT: f64 = 8.0;

impl Cost {
    /// For this many.
    pub(crate) fn times(self, count: usize) -> Self {
        cost(self.instructions * count as f64, self.lines * count as f64)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        cost(self.instructions + other.instructions, self.lines + other.lines)
    }

    /// How long it takes a core. `line` is the time of a line that has to come from another core, 0
    /// if all lines are here.
    pub(crate) fn time(self, line: f64) -> f64 {
        let in_turn = self.lines.min(1.0) + (self.lines - 1.0).max(0.0) / LINES_AT_ONCE;
        self.instructions * INSTRUCTION + in_turn * line
    }
}
