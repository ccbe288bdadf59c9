//! Whatever order things happen in, each path is opened once and has one result, the bounds are
//! kept, somebody always goes on, and the run ends once.
//!
//! The world here does what a run's threads do, one move at a time, and a list of numbers says
//! whose move is next and how it goes.

use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

use super::event::{EndedBy, Event, Step, Steps, Taker};
use super::openers::{BatchEnd, OPEN_AT_ONCE};
use super::{Bounds, Scheduler};
use crate::file::residency::Residency;
use crate::files::paths::ListedPath;

/// A thread of the run, or a file, by its next move.
#[derive(Debug)]
enum Actor {
    Lister,
    StandBy,
    /// A blocking thread that has opened so many files in this step, and is opening one more, or
    /// not.
    Opener {
        opened: usize,
        is_opening: bool,
    },
    Inline,
    /// An inline step that runs callbacks.
    Callbacks,
    CloserComing,
    Closer {
        is_closing: bool,
    },
    /// A file that is being read in chunks.
    File,
}

/// A number for each choice; zero when they are used up, which leads to an end.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, most: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % most.max(1)
    }
}

struct World<'a> {
    scheduler: Scheduler,
    bounds: Bounds,
    actors: Vec<Actor>,
    choices: Choices<'a>,
    /// Paths that the iterator has left.
    rest: usize,
    listed: usize,
    /// Opened by blocking threads, and not handed over.
    opened: usize,
    to_close: usize,
    /// Results that nobody has taken.
    results: usize,
    ended: usize,
    finished: usize,
    /// The dispatcher takes no more jobs.
    refuses: bool,
}

impl World<'_> {
    fn tell(&mut self, event: Event) {
        let steps = self.scheduler.on(event);
        self.begin(steps);
    }

    fn begin(&mut self, steps: Steps) {
        for step in steps {
            // From some job on the dispatcher takes none any more.
            self.refuses |= self.choices.below(64) == 63;
            if self.refuses && step != Step::Finish {
                self.tell(Event::NeverBegun(step));
                self.stop();
                while step == Step::Close && self.to_close > 0 {
                    self.to_close -= 1;
                    self.tell(Event::Closing);
                    self.tell(Event::Closed);
                }
                continue;
            }
            self.actors.push(match step {
                Step::List => Actor::Lister,
                Step::Open => Actor::Opener { opened: 0, is_opening: false },
                Step::Inline => Actor::Inline,
                Step::StandBy => Actor::StandBy,
                Step::Close => Actor::CloserComing,
                Step::Finish => {
                    self.finished += 1;
                    continue;
                }
            });
        }
    }

    fn stop(&mut self) {
        self.tell(Event::ListingEnded);
        self.rest = 0;
        for _ in self.scheduler.drain() {
            self.end(EndedBy::Other);
        }
    }

    fn end(&mut self, by: EndedBy) {
        self.results += 1;
        self.ended += 1;
        self.tell(Event::FileEnded(by));
    }

    /// One move of one actor, or of the user.
    fn step(&mut self) {
        let moves = self.actors.len() + usize::from(self.results > 0);
        assert!(moves > 0, "nobody goes on: {} of {} ended", self.ended, self.listed);
        let index = self.choices.below(moves);
        if index == self.actors.len() {
            let count = 1 + self.choices.below(self.results);
            self.results -= count;
            return self.tell(Event::ResultsTaken(count));
        }
        match self.actors.swap_remove(index) {
            Actor::Lister => self.list(),
            Actor::StandBy => {
                self.tell(Event::StandByOpens);
                self.actors.push(Actor::Opener { opened: 0, is_opening: false });
            }
            Actor::Opener { opened, is_opening: true } => {
                self.opened += 1;
                self.scheduler.opened();
                self.actors.push(Actor::Opener { opened: opened + 1, is_opening: false });
            }
            Actor::Opener { opened, .. } => self.open(opened),
            Actor::Inline => self.inline(),
            Actor::Callbacks => {
                self.end(EndedBy::InlineCallbacks);
                self.actors.push(Actor::Inline);
            }
            Actor::CloserComing => {
                self.tell(Event::CloserCame);
                self.actors.push(Actor::Closer { is_closing: false });
            }
            Actor::Closer { is_closing } => self.close(is_closing),
            Actor::File => {
                self.to_close += 1;
                self.scheduler.add_to_close();
                self.end(EndedBy::Other);
            }
        }
    }

    fn list(&mut self) {
        if !self.scheduler.wants_path() {
            self.tell(Event::ListerOpens);
            return self.actors.push(Actor::Opener { opened: 0, is_opening: false });
        }
        self.actors.push(Actor::Lister);
        match (self.rest, self.choices.below(32)) {
            (0, _) => self.tell(Event::ListingEnded),
            (_, 31) => {
                self.listed += 1;
                self.tell(Event::ListingPanicked);
                self.end(EndedBy::Other);
            }
            (_, 30) => self.stop(),
            (_, 29) => {
                self.rest -= 1;
                self.scheduler.listed_error(|| self.listed += 1).expect("paths are taken");
                self.end(EndedBy::Other);
            }
            _ => {
                self.rest -= 1;
                self.listed += 1;
                let steps = self.scheduler.listed(ListedPath::source(PathBuf::new()), || ());
                self.begin(steps);
            }
        }
    }

    fn open(&mut self, opened: usize) {
        let (is_late, is_probe) = (self.choices.below(4) == 3, self.choices.below(4) == 3);
        let taken = match opened {
            0..OPEN_AT_ONCE if !(is_late && opened > 0) => {
                self.scheduler.take_path(Taker::BlockingThread)
            }
            _ => None,
        };
        if let Some((_, steps)) = taken {
            self.actors.push(Actor::Opener { opened, is_opening: true });
            self.begin(steps);
            if is_probe {
                let residency = self.residency();
                self.tell(Event::Probed(residency));
            }
            return;
        }
        let end = if is_late { BatchEnd::OutOfTime } else { BatchEnd::InTime };
        let handed_over = std::mem::take(&mut self.opened);
        self.actors.extend((0..handed_over).map(|_| Actor::File));
        self.tell(Event::OpenerDone { files: opened, end, handed_over });
    }

    fn inline(&mut self) {
        let is_late = self.choices.below(8) == 7;
        let taken = if is_late { None } else { self.scheduler.take_path(Taker::Worker) };
        let Some((path, steps)) = taken else { return self.tell(Event::InlineDone) };
        self.begin(steps);
        match self.choices.below(4) {
            0 => {
                self.actors.push(Actor::Callbacks);
                return self.tell(Event::CallbacksBegun);
            }
            1 => self.tell(Event::Deferred(path)),
            2 => {
                let residency = self.residency();
                self.actors.push(Actor::File);
                self.tell(Event::Looked(residency));
            }
            _ => {
                self.tell(Event::Looked(Residency::Cached));
                self.end(EndedBy::Other);
            }
        }
        self.actors.push(Actor::Inline);
    }

    fn residency(&mut self) -> Residency {
        if self.choices.below(2) == 0 { Residency::Cached } else { Residency::Cold }
    }

    fn close(&mut self, is_closing: bool) {
        if is_closing {
            self.tell(Event::Closed);
        }
        if self.to_close > 0 {
            self.to_close -= 1;
            self.actors.push(Actor::Closer { is_closing: true });
            self.tell(Event::Closing);
        }
    }

    /// The bounds, and the counts that the scheduler keeps.
    fn check(&self) {
        let (scheduler, bounds) = (&self.scheduler, self.bounds);
        assert_eq!(scheduler.in_progress, self.listed - self.ended);
        assert!(scheduler.in_progress <= bounds.files);
        assert!(scheduler.undelivered <= bounds.results);
        let open = scheduler.in_progress * bounds.descriptors + scheduler.closes.open();
        assert!(open <= bounds.open_files);
        let count =
            |wanted: fn(&Actor) -> bool| self.actors.iter().filter(|actor| wanted(actor)).count();
        let inline = count(|actor| matches!(actor, Actor::Inline | Actor::Callbacks));
        assert!(inline <= bounds.inline_steps);
        assert!(count(|actor| matches!(actor, Actor::Lister)) <= 1);
        assert!(self.finished <= 1);
        let is_over = scheduler.no_more_paths && self.listed == self.ended;
        assert_eq!(self.finished == 1, is_over, "it ends when all have their results");
    }
}

fn run(bounds: Bounds, paths: usize, choices: &[u8]) {
    let mut world = World {
        scheduler: Scheduler::new(bounds),
        bounds,
        actors: Vec::new(),
        choices: Choices(choices.iter()),
        rest: paths,
        listed: 0,
        opened: 0,
        to_close: 0,
        results: 0,
        ended: 0,
        finished: 0,
        refuses: false,
    };
    world.tell(Event::Begun);
    while world.finished == 0 {
        world.step();
        world.check();
    }
    assert_eq!(world.listed, world.ended);
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let descriptors = 1..4_usize;
    (1..6_usize, 1..6_usize, 1..8_usize, 1..4_usize, 1..4_usize, descriptors).prop_map(
        |(files, results, open_files, inline_steps, openers, descriptors)| Bounds {
            descriptors,
            files: files.min(open_files),
            results,
            open_files: open_files.max(descriptors),
            inline_steps,
            openers,
        },
    )
}

#[test]
fn in_whatever_order_each_path_has_one_result_and_the_run_ends() {
    let config = Config {
        cases: 2000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    };
    let cases = (bounds(), 0..40_usize, vec(any::<u8>(), 0..1500));
    TestRunner::new(config)
        .run(&cases, |(bounds, paths, choices)| {
            run(bounds, paths, &choices);
            Ok(())
        })
        .unwrap();
}
