//! The jobs that wait for a slot, in the order in which they are to get one.
//!
//! A job can also be taken out of the middle, by its ticket or because its deadline has come. That
//! costs no more than a look into a map.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem;

use crate::job::Job;
use crate::job::meta::Ticket;
use crate::sync::Instant;

/// Below this many gaps the queue is not worth compacting.
const GAPS_MIN: usize = 32;

/// A queue in which each job keeps the number that it got when it entered. A job that is taken out
/// of the middle leaves a gap.
#[derive(Default)]
pub(crate) struct Backlog {
    /// The job with number `first + i` is at index `i`. Neither end is a gap.
    queue: VecDeque<Option<Job>>,
    first: i64,
    gaps: usize,
    /// The numbers of jobs that have a handle.
    tickets: HashMap<Ticket, i64>,
    /// The numbers of jobs that have a deadline.
    deadlines: BTreeSet<(Instant, i64)>,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.queue.len() - self.gaps
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn front(&self) -> Option<&Job> {
        self.queue.front()?.as_ref()
    }

    /// Puts a job behind all others, and starts its clock.
    #[inline]
    pub(crate) fn accept(&mut self, mut job: Job) {
        if job.meta().is_looked_for() {
            self.begin_to_look_for(&mut job);
        }
        self.queue.push_back(Some(job));
    }

    fn begin_to_look_for(&mut self, job: &mut Job) {
        job.meta_mut().start_clock();
        self.note(job, self.first + self.queue.len() as i64);
    }

    pub(crate) fn push_front(&mut self, job: Job) {
        self.first -= 1;
        self.note(&job, self.first);
        self.queue.push_front(Some(job));
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<Job> {
        let job = self.queue.pop_front()?;
        self.first += 1;
        if let Some(job) = &job
            && !(self.tickets.is_empty() && self.deadlines.is_empty())
        {
            self.forget(job, self.first - 1);
        }
        if self.gaps > 0 {
            self.close_gaps();
        }
        job
    }

    /// The job with this ticket, if it waits here.
    pub(crate) fn find(&self, ticket: Ticket) -> Option<&Job> {
        let number = *self.tickets.get(&ticket)?;
        self.queue[self.index(number)].as_ref()
    }

    /// Takes the job with this ticket out.
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Job> {
        let number = *self.tickets.get(&ticket)?;
        self.take_number(number)
    }

    #[inline]
    pub(crate) fn has_deadlines(&self) -> bool {
        !self.deadlines.is_empty()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Takes a job out whose deadline has come by now.
    pub(crate) fn take_overdue(&mut self, now: Instant) -> Option<Job> {
        let &(deadline, number) = self.deadlines.first()?;
        if deadline <= now { self.take_number(number) } else { None }
    }

    fn index(&self, number: i64) -> usize {
        (number - self.first) as usize
    }

    /// Makes a job's number known by the job's ticket and deadline.
    fn note(&mut self, job: &Job, number: i64) {
        if let Some(ticket) = job.meta().ticket() {
            self.tickets.insert(ticket, number);
        }
        if let Some(deadline) = job.meta().deadline() {
            self.deadlines.insert((deadline, number));
        }
    }

    /// Undoes `note`.
    fn forget(&mut self, job: &Job, number: i64) {
        if let Some(ticket) = job.meta().ticket() {
            self.tickets.remove(&ticket);
        }
        if let Some(deadline) = job.meta().deadline() {
            self.deadlines.remove(&(deadline, number));
        }
    }

    fn take_number(&mut self, number: i64) -> Option<Job> {
        let index = self.index(number);
        let job = self.queue[index].take()?;
        self.forget(&job, number);
        self.gaps += 1;
        self.close_gaps();
        Some(job)
    }

    fn close_gaps(&mut self) {
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.first += 1;
            self.gaps -= 1;
        }
        while let Some(None) = self.queue.back() {
            self.queue.pop_back();
            self.gaps -= 1;
        }
        // A gap takes a place in memory until the jobs before it have left, which may be never. If
        // there are as many gaps as jobs to be numbered anew, each gap's share of that work is
        // constant.
        if self.gaps >= GAPS_MIN && self.gaps >= self.len() {
            self.compact();
        }
    }

    /// Numbers the jobs anew, without gaps.
    fn compact(&mut self) {
        self.tickets.clear();
        self.deadlines.clear();
        self.queue.retain(Option::is_some);
        self.gaps = 0;
        let queue = mem::take(&mut self.queue);
        for (job, number) in queue.iter().flatten().zip(self.first..) {
            self.note(job, number);
        }
        self.queue = queue;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::{Backlog, GAPS_MIN};
    use crate::admission::limits::Limits;
    use crate::blocking::BlockingPool;
    use crate::engine::fake::Fake;
    use crate::file::FileHandle;
    use crate::job::Job;
    use crate::pipeline::{Pipeline, Runs};
    use crate::submit::handle::JobHandle;
    use crate::submit::spawned::Spawned;

    /// Makes jobs with and without handles and deadlines, named by their offsets.
    struct Maker {
        pipeline: Arc<Pipeline>,
        file: FileHandle,
        start: Instant,
        made: u64,
    }

    /// A job, as the model knows it.
    struct Known {
        name: u64,
        handle: Option<JobHandle<()>>,
        deadline: Option<u64>,
    }

    impl Maker {
        fn new() -> Self {
            let limits = Limits { depth: 1, backlog: 0, parked: 0 };
            let engine = Box::new(Fake::default());
            let (pipeline, _) = Pipeline::new(
                engine,
                limits,
                Runs::Workers(1),
                BlockingPool::new(1, Default::default()),
                None,
            );
            let file = FileHandle::from(std::fs::File::open("/dev/null").unwrap());
            Self { pipeline, file, start: Instant::now(), made: 0 }
        }

        fn time(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn make(&mut self, random: u64) -> (Job, Known) {
            let name = self.made;
            self.made += 1;
            let mut job = Job::read(&self.file, Vec::new(), name, |_| ());
            // Several have the same deadline.
            let deadline = random.is_multiple_of(3).then_some(random % 1000);
            if let Some(deadline) = deadline {
                job = job.start_by(self.time(deadline));
            }
            if random % 5 < 2 {
                return (job, Known { name, handle: None, deadline });
            }
            let (job, handle) = Spawned::tie(job, &self.pipeline);
            (job, Known { name, handle: Some(handle), deadline })
        }
    }

    fn remove(model: &mut VecDeque<Known>, name: u64) -> Known {
        let position = model.iter().position(|known| known.name == name).unwrap();
        model.remove(position).unwrap()
    }

    #[test]
    fn gaps_are_closed_when_there_are_as_many_as_jobs() {
        let (maker, mut waiting) = (Maker::new(), Backlog::default());
        let handles: Vec<_> = (0..200)
            .map(|_| {
                let file = maker.file.clone();
                let job = Job::read(file, Vec::new(), 0, |_| ());
                let (job, handle) = Spawned::tie(job, &maker.pipeline);
                waiting.accept(job);
                handle
            })
            .collect();
        // Those at both ends stay, so that each of the others leaves a gap.
        for (taken, handle) in (1..).zip(&handles[1..199]) {
            assert!(waiting.take(handle.ticket()).is_some());
            let places = waiting.queue.len();
            let jobs = 200 - taken;
            assert_eq!(waiting.len(), jobs);
            assert!(places < 2 * jobs + GAPS_MIN, "{places} places for {jobs} jobs");
            assert!(taken >= 100 || places == 200, "numbered anew for {taken} gaps");
        }
        assert!(waiting.find(handles[199].ticket()).is_some());
    }

    #[test]
    fn it_does_what_a_plain_list_does() {
        let mut maker = Maker::new();
        let (mut waiting, mut model) = (Backlog::default(), VecDeque::new());
        let mut gone: Vec<Known> = Vec::new();
        let (mut random, mut longest): (u64, usize) = (1, 0);
        for step in 0..20_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let number = random >> 33;
            // It grows, shrinks to nothing, and grows again.
            let grows = step / 1000 % 2 == 0;
            match (number / 1000) % 8 {
                0..4 if grows => {
                    let (job, known) = maker.make(number);
                    waiting.accept(job);
                    model.push_back(known);
                }
                4 if grows => {
                    let (job, known) = maker.make(number);
                    waiting.push_front(job);
                    model.push_front(known);
                }
                0 | 5 => {
                    let name = waiting.pop_front().map(|job| job.offset());
                    let known = model.pop_front();
                    assert_eq!(name, known.as_ref().map(|known| known.name));
                    gone.extend(known);
                }
                1 | 6 if !model.is_empty() => {
                    let known = &model[number as usize % model.len()];
                    let Some(ticket) = known.handle.as_ref().map(JobHandle::ticket) else {
                        continue;
                    };
                    let name = known.name;
                    assert_eq!(waiting.find(ticket).unwrap().offset(), name);
                    assert_eq!(waiting.take(ticket).unwrap().offset(), name);
                    assert!(waiting.take(ticket).is_none());
                    gone.push(remove(&mut model, name));
                }
                _ => {
                    let now = number % 1000;
                    let name = waiting.take_overdue(maker.time(now)).map(|job| job.offset());
                    let earliest = model.iter().filter_map(|known| known.deadline).min();
                    let Some(name) = name else {
                        assert!(earliest.is_none_or(|earliest| earliest > now));
                        continue;
                    };
                    let known = remove(&mut model, name);
                    assert_eq!(known.deadline, earliest);
                    gone.push(known);
                }
            }
            longest = longest.max(waiting.queue.len());
            let earliest = model.iter().filter_map(|known| known.deadline).min();
            assert_eq!(waiting.next_deadline(), earliest.map(|deadline| maker.time(deadline)));
            assert_eq!((waiting.len(), waiting.is_empty()), (model.len(), model.is_empty()));
            assert_eq!(waiting.front().map(Job::offset), model.front().map(|known| known.name));
        }
        assert!(gone.iter().all(|known| {
            known.handle.as_ref().is_none_or(|handle| waiting.find(handle.ticket()).is_none())
        }));
        assert!(longest < 2000, "gaps are closed: {longest} places for {} jobs", maker.made);
        let rest: Vec<_> =
            std::iter::from_fn(|| waiting.pop_front()).map(|job| job.offset()).collect();
        assert_eq!(rest, model.iter().map(|known| known.name).collect::<Vec<_>>());
        assert!(waiting.tickets.is_empty() && waiting.deadlines.is_empty());
    }
}
