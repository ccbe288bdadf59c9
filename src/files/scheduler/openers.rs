//! The blocking threads that open files for one run, and where its files are expected to be.

use crate::file::residency::Residency;

/// The most files that one step of a blocking thread opens.
pub(crate) const OPEN_AT_ONCE: usize = 8;

/// After this many files in a row that were not where they were expected, the others open files.
pub(crate) const STREAK: u32 = 8;

/// How a blocking thread's step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchEnd {
    /// Within its time: it opened as many files as it may, or there were no more paths.
    InTime,
    /// Its time was over.
    OutOfTime,
}

/// Where the next files are expected to be, as the last ones were: workers open files that none has
/// tried yet if these are expected in memory, else blocking threads do.
#[derive(Default)]
pub(crate) struct Expectation {
    residency: Residency,
    /// Files in a row that were not there.
    streak: u32,
}

impl Expectation {
    pub(crate) fn residency(&self) -> Residency {
        self.residency
    }

    /// A worker has looked at a file.
    pub(crate) fn observe(&mut self, residency: Residency) {
        self.streak = if residency == self.residency { 0 } else { self.streak + 1 };
        if self.streak >= STREAK {
            (self.streak, self.residency) = (0, residency);
        }
    }

    /// A blocking thread has tried whether a worker could have read a file.
    pub(crate) fn observe_probe(&mut self, residency: Residency) {
        if self.residency == Residency::Cold {
            self.observe(residency);
        }
    }
}

/// Steps of blocking threads that open files.
pub(crate) struct Openers {
    /// Those at work or coming, without those that list or stand by.
    count: usize,
    /// Those that are opening a file at this moment, and may be long in it.
    opening: usize,
    /// Files that were opened, and wait for the end of a step, which hands them over.
    opened: usize,
    /// How many files a blocking thread opens in one step's time: that many are worth another step.
    pace: usize,
    /// A blocking thread stands by, or is coming.
    standing_by: bool,
}

impl Openers {
    pub(crate) fn new() -> Self {
        Self { count: 0, opening: 0, opened: 0, pace: 1, standing_by: false }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn begin(&mut self) {
        self.count += 1;
    }

    /// A step is over, which has opened `files`.
    pub(crate) fn done(&mut self, files: usize, end: BatchEnd) {
        self.count -= 1;
        let pace = match end {
            // It might have opened more in its time.
            BatchEnd::InTime => files.max(self.pace),
            BatchEnd::OutOfTime => files.max(1),
        };
        self.pace = pace.min(OPEN_AT_ONCE);
    }

    /// A step is about to open a file.
    pub(crate) fn opening(&mut self) {
        self.opening += 1;
    }

    /// It has opened the file, which is handed over at the end of a step.
    pub(crate) fn opened(&mut self) {
        self.opening -= 1;
        self.opened += 1;
    }

    /// These files were handed over.
    pub(crate) fn handed_over(&mut self, files: usize) {
        self.opened -= files;
    }

    /// Whether so many paths are worth another step. An opener at work goes on; another is worth it
    /// if there is enough for a step of its own.
    pub(crate) fn are_too_few(&self, paths: usize, most: usize) -> bool {
        let worth = paths / self.pace + usize::from(self.count == 0 && paths > 0);
        self.count < worth.min(most)
    }

    /// Whether something is left undone by those that are opening a file at this moment: so many
    /// paths that wait and for which none of the others comes, or files that were opened before.
    pub(crate) fn leave_undone(&self, paths: usize) -> bool {
        let none_comes = self.count == self.opening && paths > 0;
        self.opening > 0 && (none_comes || self.opened > 0)
    }

    pub(crate) fn stand_by(&mut self) {
        self.standing_by = true;
    }

    pub(crate) fn is_one_standing_by(&self) -> bool {
        self.standing_by
    }

    /// The thread that stood by opens files from now on.
    pub(crate) fn stop_standing_by(&mut self) {
        self.standing_by = false;
        self.count += 1;
    }
}
