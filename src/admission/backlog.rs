//! The jobs that wait for a slot, in the order in which they are to get one. One of them can be taken
//! out of the middle, by its ticket or because its deadline has come, at no more than the cost of a
//! look into a map.

use std::collections::{BTreeSet, HashMap};

use crate::job::Job;
use crate::job::ticket::Ticket;
use crate::sync::Instant;

/// No place.
const NOWHERE: u32 = u32::MAX;

/// A list that is linked through places in an array, which are used again. What has neither ticket
/// nor deadline is in the list alone.
pub(crate) struct Backlog {
    places: Vec<Place>,
    /// The first vacant place.
    vacant: u32,
    first: u32,
    last: u32,
    len: usize,
    /// Where the jobs are that have a handle.
    tickets: HashMap<Ticket, u32>,
    /// Where those are that have a deadline.
    deadlines: BTreeSet<(Instant, u32)>,
}

struct Place {
    /// `None`: vacant.
    job: Option<Job>,
    previous: u32,
    /// The next in the list, or the next that is vacant.
    next: u32,
}

impl Backlog {
    pub(crate) fn new() -> Self {
        Self {
            places: Vec::new(),
            vacant: NOWHERE,
            first: NOWHERE,
            last: NOWHERE,
            len: 0,
            tickets: HashMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn front(&self) -> Option<&Job> {
        self.places.get(self.first as usize)?.job.as_ref()
    }

    pub(crate) fn push_back(&mut self, job: Job) {
        let place = self.settle(job);
        self.places[place as usize].previous = self.last;
        match self.last {
            NOWHERE => self.first = place,
            last => self.places[last as usize].next = place,
        }
        self.last = place;
    }

    pub(crate) fn push_front(&mut self, job: Job) {
        let place = self.settle(job);
        self.places[place as usize].next = self.first;
        match self.first {
            NOWHERE => self.last = place,
            first => self.places[first as usize].previous = place,
        }
        self.first = place;
    }

    pub(crate) fn pop_front(&mut self) -> Option<Job> {
        (self.first != NOWHERE).then(|| self.leave(self.first))
    }

    /// The job with this ticket, if it waits here.
    pub(crate) fn find(&self, ticket: Ticket) -> Option<&Job> {
        let place = *self.tickets.get(&ticket)?;
        self.places[place as usize].job.as_ref()
    }

    /// Takes the job with this ticket out.
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Job> {
        let place = *self.tickets.get(&ticket)?;
        Some(self.leave(place))
    }

    /// The earliest deadline.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Takes a job out whose deadline has come by now.
    pub(crate) fn take_overdue(&mut self, now: Instant) -> Option<Job> {
        let &(deadline, place) = self.deadlines.first()?;
        (deadline <= now).then(|| self.leave(place))
    }

    /// Gives a job a place that nobody knows yet but those who look for its ticket or deadline.
    fn settle(&mut self, job: Job) -> u32 {
        let place = match self.vacant {
            NOWHERE => {
                let place = u32::try_from(self.places.len()).unwrap_or(NOWHERE);
                assert!(place != NOWHERE, "so many jobs fit no memory");
                self.places.push(Place { job: None, previous: NOWHERE, next: NOWHERE });
                place
            }
            vacant => {
                self.vacant = self.places[vacant as usize].next;
                vacant
            }
        };
        if let Some(ticket) = job.ticket() {
            self.tickets.insert(ticket, place);
        }
        if let Some(deadline) = job.deadline_set() {
            self.deadlines.insert((deadline, place));
        }
        self.places[place as usize] = Place { job: Some(job), previous: NOWHERE, next: NOWHERE };
        self.len += 1;
        place
    }

    /// Takes the job out of an occupied place.
    fn leave(&mut self, place: u32) -> Job {
        let vacated = Place { job: None, previous: NOWHERE, next: self.vacant };
        let left = std::mem::replace(&mut self.places[place as usize], vacated);
        self.vacant = place;
        match left.previous {
            NOWHERE => self.first = left.next,
            previous => self.places[previous as usize].next = left.next,
        }
        match left.next {
            NOWHERE => self.last = left.previous,
            next => self.places[next as usize].previous = left.previous,
        }
        let job = left.job.expect("a place in the list has a job");
        if let Some(ticket) = job.ticket() {
            self.tickets.remove(&ticket);
        }
        if let Some(deadline) = job.deadline_set() {
            self.deadlines.remove(&(deadline, place));
        }
        self.len -= 1;
        job
    }
}

impl Extend<Job> for Backlog {
    fn extend<I: IntoIterator<Item = Job>>(&mut self, jobs: I) {
        jobs.into_iter().for_each(|job| self.push_back(job));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::Backlog;
    use crate::admission::Limits;
    use crate::blocking::BlockingPool;
    use crate::engine::fake::Fake;
    use crate::file::FileHandle;
    use crate::job::Job;
    use crate::pipeline::Pipeline;
    use crate::submit::handle::JobHandle;
    use crate::submit::spawned::Spawned;

    /// Makes jobs with and without handles and deadlines, named by their offsets.
    struct Maker {
        pipeline: Arc<Pipeline>,
        file: FileHandle,
        start: Instant,
        made: u64,
    }

    /// What the model knows of a job.
    struct Known {
        name: u64,
        handle: Option<JobHandle<()>>,
        deadline: Option<u64>,
    }

    impl Maker {
        fn new() -> Self {
            let limits = Limits { depth: 1, backlog: 0, parked: 0 };
            let engine = Box::new(Fake::default());
            let (pipeline, _) = Pipeline::new(engine, limits, 1, BlockingPool::new(1), None, None);
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
                job = job.deadline(self.time(deadline));
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
    fn it_does_what_a_plain_list_does() {
        let mut maker = Maker::new();
        let (mut waiting, mut model) = (Backlog::new(), VecDeque::new());
        let mut gone: Vec<Known> = Vec::new();
        let mut random: u64 = 1;
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
                    waiting.push_back(job);
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
            let earliest = model.iter().filter_map(|known| known.deadline).min();
            assert_eq!(waiting.deadline(), earliest.map(|deadline| maker.time(deadline)));
            assert_eq!((waiting.len(), waiting.is_empty()), (model.len(), model.is_empty()));
            assert_eq!(waiting.front().map(Job::offset), model.front().map(|known| known.name));
        }
        assert!(gone.iter().all(|known| {
            known.handle.as_ref().is_none_or(|handle| waiting.find(handle.ticket()).is_none())
        }));
        let most = waiting.places.len();
        assert!(most < 2000, "places are used again: {most} for {} jobs", maker.made);
        let rest: Vec<_> =
            std::iter::from_fn(|| waiting.pop_front()).map(|job| job.offset()).collect();
        assert_eq!(rest, model.iter().map(|known| known.name).collect::<Vec<_>>());
        assert!(waiting.tickets.is_empty() && waiting.deadlines.is_empty());
    }
}
