//! The script: which requests are to go wrong, and how; and an account of those that came.

use std::collections::BTreeMap;
use std::ops::Range;

use super::hold::Hold;

/// What the kernel asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    /// A name is looked up, as each opening does.
    Lookup,
    /// The length is asked for: stat(2), and reads of what is believed to be behind the end.
    Attributes,
    /// truncate(2) by a client.
    SetLength,
    Open,
    Read,
    Write,
    Sync,
    /// A descriptor is closed (`FUSE_FLUSH`): close(2) waits for the answer.
    Close,
    /// The last one has been closed, and nothing is under way: nobody waits.
    Release,
}

/// A request as it came. Without an offset and a count, both are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) op: Op,
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) count: usize,
}

/// What is done with a file before the request is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Truncate(u64),
    Replace { seed: u64, len: u64 },
}

/// Which requests, and what comes of them. A request follows the first rule that matches it.
#[derive(Clone)]
pub(crate) struct Rule {
    op: Op,
    file: Option<String>,
    range: Range<u64>,
    larger_than: usize,
    skip: usize,
    times: usize,
    every: usize,
    matched: usize,
    pub(super) hold: Option<Hold>,
    pub(super) change: Option<Change>,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// Does it, up to so many bytes.
    Most(usize),
    Errno(i32),
}

impl Rule {
    /// For all requests of a kind, which are done as if there were no rule.
    pub(crate) fn on(op: Op) -> Self {
        Self {
            op,
            file: None,
            range: 0..u64::MAX,
            larger_than: 0,
            skip: 0,
            times: usize::MAX,
            every: 1,
            matched: 0,
            hold: None,
            change: None,
            outcome: Outcome::Most(usize::MAX),
        }
    }

    /// Only for a file with this name.
    pub(crate) fn of(mut self, file: &str) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// Only for what begins at this offset.
    pub(crate) fn at(self, offset: u64) -> Self {
        self.within(offset..offset + 1)
    }

    /// Only for what begins in this range.
    pub(crate) fn within(mut self, range: Range<u64>) -> Self {
        self.range = range;
        self
    }

    /// Only for what asks for more bytes than that.
    pub(crate) fn larger_than(mut self, count: usize) -> Self {
        self.larger_than = count;
        self
    }

    /// Lets so many pass first.
    pub(crate) fn after(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// For so many, and no longer.
    pub(crate) fn times(mut self, count: usize) -> Self {
        self.times = count;
        self
    }

    /// For one of so many.
    pub(crate) fn every(mut self, count: usize) -> Self {
        self.every = count;
        self
    }

    /// Not before the test releases it. What it finds is what is there then.
    pub(crate) fn held(mut self, hold: &Hold) -> Self {
        self.hold = Some(hold.clone());
        self
    }

    /// Fails.
    pub(crate) fn errno(mut self, errno: i32) -> Self {
        self.outcome = Outcome::Errno(errno);
        self
    }

    /// Does no more than so many bytes.
    pub(crate) fn short(mut self, count: usize) -> Self {
        self.outcome = Outcome::Most(count);
        self
    }

    /// The file ends there from now on, and nobody tells the kernel.
    pub(crate) fn truncating(mut self, len: u64) -> Self {
        self.change = Some(Change::Truncate(len));
        self
    }

    /// Another file, with the bytes of this seed, has the name from now on.
    pub(crate) fn replacing(mut self, seed: u64, len: u64) -> Self {
        self.change = Some(Change::Replace { seed, len });
        self
    }

    /// Whether it is this one that decides. Counts.
    fn takes(&mut self, request: &Request) -> bool {
        let matches = self.op == request.op
            && self.file.as_ref().is_none_or(|file| *file == request.file)
            && self.range.contains(&request.offset)
            && (self.larger_than == 0 || request.count > self.larger_than);
        if !matches {
            return false;
        }
        self.matched += 1;
        let Some(turn) = self.matched.checked_sub(self.skip + 1) else { return false };
        turn % self.every == 0 && turn / self.every < self.times
    }
}

/// Requests beyond these are counted only.
const LOGGED: usize = 10_000;

#[derive(Default)]
pub(super) struct Script {
    rules: Vec<Rule>,
    counts: BTreeMap<Op, usize>,
    log: Vec<Request>,
}

impl Script {
    pub(super) fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(super) fn count(&self, op: Op) -> usize {
        self.counts.get(&op).copied().unwrap_or(0)
    }

    pub(super) fn log(&self) -> &[Request] {
        &self.log
    }

    /// The rule for a request, which is taken down.
    pub(super) fn decide(&mut self, request: &Request) -> Option<Rule> {
        *self.counts.entry(request.op).or_default() += 1;
        if self.log.len() < LOGGED {
            self.log.push(request.clone());
        }
        self.rules.iter_mut().find_map(|rule| rule.takes(request).then(|| rule.clone()))
    }
}
