//! The files of one run that are done with, in numbers. Closing one may have to wait, as on a
//! network: so blocking threads close them, and meanwhile they count as open.

/// This many files are worth a step that closes them.
pub(crate) const CLOSE_AT: usize = 16;

#[derive(Default)]
pub(crate) struct Closes {
    waiting: usize,
    in_progress: usize,
    /// A step that closes files is coming.
    coming: bool,
}

impl Closes {
    /// A file is done with.
    pub(crate) fn add(&mut self) {
        self.waiting += 1;
    }

    /// Whether closing files is worth a step, or what others wait for: only `spare` more may be
    /// open.
    pub(crate) fn are_due(&self, spare: usize) -> bool {
        (self.waiting >= CLOSE_AT || self.waiting > 0 && spare == 0) && !self.coming
    }

    /// A step that closes files is coming, or has come.
    pub(crate) fn set_coming(&mut self, coming: bool) {
        self.coming = coming;
    }

    /// A file is about to be closed.
    pub(crate) fn begin(&mut self) {
        self.waiting -= 1;
        self.in_progress += 1;
    }

    /// It is closed.
    pub(crate) fn done(&mut self) {
        self.in_progress -= 1;
    }

    /// How many files are open that are done with.
    pub(crate) fn open(&self) -> usize {
        self.waiting + self.in_progress
    }
}
