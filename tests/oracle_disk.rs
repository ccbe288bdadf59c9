//! Random jobs on real files against a `Vec<u8>`: what is read is what was written before, what the
//! callbacks are told is what was asked for, and in the end the file is the model, byte by byte.
//!
//! A file has regions. Jobs of one region form a chain, in which each callback submits the next; jobs of
//! different regions are under way at the same time.

mod oracle;
mod util;

use std::io::ErrorKind;
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use oracle::{regressions, runner};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use reapool::{AlignedBuf, FileHandle, Job, LoopDispatcher, Stats, SubmitErrorKind, Submitter};
use util::{HANG, Tended, contents, on_threads, open_buffered, open_direct, scratch, watched};

/// Units in a region, and regions in a file.
const UNITS: usize = 8;
const REGIONS: usize = 5;
/// Bytes behind the last region, where the file ends.
const TAIL: usize = 77;
/// What one is, in bytes, of a buffered file.
const ODD: usize = 601;

#[derive(Clone, Debug)]
struct Program {
    depth: usize,
    backlog: usize,
    workers: usize,
    /// One after the other, with nothing under way in between.
    rounds: Vec<Round>,
}

#[derive(Clone, Debug)]
struct Round {
    how: How,
    /// By region.
    chains: Vec<Vec<Op>>,
    /// A read across the end of the file, so many bytes before it, exact or not.
    end: (usize, bool),
}

/// How the first jobs of the chains are submitted.
#[derive(Clone, Copy, Debug)]
enum How {
    Single,
    Batch,
    Spawn,
    Async,
}

/// In units of the file, from the beginning of the region.
#[derive(Clone, Debug)]
enum Op {
    Read {
        at: usize,
        len: usize,
        exact: bool,
        limited: bool,
    },
    Write {
        at: usize,
        len: usize,
        exact: bool,
        byte: u8,
    },
    ReadVectored {
        at: usize,
        lens: Vec<usize>,
        exact: bool,
    },
    WriteVectored {
        at: usize,
        lens: Vec<usize>,
        exact: bool,
        byte: u8,
    },
    /// In 1000ths of the region.
    ReadRange {
        at: usize,
        len: usize,
        exact: bool,
    },
    Sync {
        all: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let place = || (0..UNITS, 0..=UNITS).prop_map(|(at, len)| (at, len.min(UNITS - at)));
    let places = || {
        (0..UNITS, vec(0..3_usize, 0..4)).prop_map(|(at, mut lens)| {
            while at + lens.iter().sum::<usize>() > UNITS {
                lens.pop();
            }
            (at, lens)
        })
    };
    prop_oneof![
        4 => (place(), any::<bool>(), any::<bool>())
            .prop_map(|((at, len), exact, limited)| Op::Read { at, len, exact, limited }),
        6 => (place(), any::<bool>(), any::<u8>())
            .prop_map(|((at, len), exact, byte)| Op::Write { at, len, exact, byte }),
        2 => (places(), any::<bool>())
            .prop_map(|((at, lens), exact)| Op::ReadVectored { at, lens, exact }),
        3 => (places(), any::<bool>(), any::<u8>())
            .prop_map(|((at, lens), exact, byte)| Op::WriteVectored { at, lens, exact, byte }),
        3 => (0..1000_usize, 0..1000_usize, any::<bool>())
            .prop_map(|(at, len, exact)| Op::ReadRange { at, len: len.min(1000 - at), exact }),
        1 => any::<bool>().prop_map(|all| Op::Sync { all }),
    ]
}

fn program() -> impl Strategy<Value = Program> {
    let how = prop_oneof![Just(How::Single), Just(How::Batch), Just(How::Spawn), Just(How::Async)];
    let round = (how, vec(vec(op(), 0..5), REGIONS), (0..3000_usize, any::<bool>()))
        .prop_map(|(how, chains, end)| Round { how, chains, end });
    (1..7_usize, 0..5_usize, 1..4_usize, vec(round, 1..3))
        .prop_map(|(depth, backlog, workers, rounds)| Program { depth, backlog, workers, rounds })
}

/// What is on the disk, as it should be.
struct Model {
    unit: usize,
    bytes: Vec<u8>,
}

/// What came of a job: its region, its place in the chain, bytes transferred, and what was read.
type Outcome = (usize, usize, Result<usize, String>, Vec<u8>);

impl Model {
    fn region(&self, region: usize) -> usize {
        region * UNITS * self.unit
    }

    /// Does what a job is to do.
    fn step(&mut self, region: usize, op: &Op) -> (usize, Vec<u8>) {
        let (unit, begin) = (self.unit, self.region(region));
        let range = |at: usize, len: usize| begin + at * unit..begin + (at + len) * unit;
        match op {
            Op::Read { at, len, limited, .. } => {
                let mut range = range(*at, *len);
                range.end = range.end.min(range.start + limit(*limited, range.len(), unit));
                (range.len(), self.bytes[range].to_vec())
            }
            Op::Write { at, len, byte, .. } => self.write(range(*at, *len), *byte),
            Op::ReadVectored { at, lens, .. } => {
                let range = range(*at, lens.iter().sum());
                (range.len(), self.bytes[range].to_vec())
            }
            Op::WriteVectored { at, lens, byte, .. } => {
                self.write(range(*at, lens.iter().sum()), *byte)
            }
            Op::ReadRange { at, len, .. } => {
                let range = thousandths(begin, unit, *at, *len);
                (range.len(), self.bytes[range].to_vec())
            }
            Op::Sync { .. } => (0, Vec::new()),
        }
    }

    fn write(&mut self, range: Range<usize>, byte: u8) -> (usize, Vec<u8>) {
        let bytes = data(byte, range.len());
        self.bytes[range].copy_from_slice(&bytes);
        (bytes.len(), Vec::new())
    }
}

/// What is written: no byte like its neighbours.
fn data(byte: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| byte.wrapping_add((at % 241) as u8)).collect()
}

/// How many bytes a read is limited to.
fn limit(limited: bool, len: usize, unit: usize) -> usize {
    if limited { len / 2 / unit * unit } else { len }
}

fn thousandths(begin: usize, unit: usize, at: usize, len: usize) -> Range<usize> {
    let whole = UNITS * unit;
    begin + whole * at / 1000..begin + whole * (at + len) / 1000
}

/// The jobs of a round, and who hears of their ends.
struct Chains {
    submitter: Submitter,
    file: FileHandle,
    unit: usize,
    chains: Vec<Vec<Op>>,
    tell: Mutex<Sender<Outcome>>,
}

impl Chains {
    /// A job of a chain, whose callback submits the next.
    fn job(self: &Arc<Self>, region: usize, place: usize) -> Option<Job> {
        let op = self.chains[region].get(place)?.clone();
        let (unit, begin) = (self.unit, region * UNITS * self.unit);
        let offset = |at: usize| (begin + at * unit) as u64;
        let this = Arc::clone(self);
        let end = move |result: std::io::Result<usize>, bytes: Vec<u8>| {
            let result = result.map_err(|error| error.to_string());
            this.tell.lock().unwrap().send((region, place, result, bytes)).unwrap();
            if let Some(next) = this.job(region, place + 1) {
                this.submitter.submit(next).unwrap();
            }
        };
        let (file, zeroed) = (&self.file, |len: &usize| AlignedBuf::zeroed(len * unit));
        let job = match &op {
            Op::Read { at, len, limited, .. } => {
                let job = Job::read(file, zeroed(len), offset(*at), move |done| {
                    assert!(!done.is_short());
                    end(done.result, done.buffer.to_vec());
                });
                job.limit(limit(*limited, len * unit, unit))
            }
            Op::Write { at, len, byte, .. } => {
                let mut buffer = zeroed(len);
                buffer.copy_from_slice(&data(*byte, len * unit));
                Job::write(file, buffer, offset(*at), move |done| end(done.result, Vec::new()))
            }
            Op::ReadVectored { at, lens, .. } => {
                let buffers = lens.iter().map(zeroed).collect();
                Job::read_vectored(file, buffers, offset(*at), move |done| {
                    end(done.result, done.buffer.iter().flat_map(|part| part.to_vec()).collect());
                })
            }
            Op::WriteVectored { at, lens, byte, .. } => {
                let mut rest = &data(*byte, lens.iter().sum::<usize>() * unit)[..];
                let filled = |len: &usize| {
                    let (part, others) = rest.split_at(len * unit);
                    rest = others;
                    let mut buffer = zeroed(len);
                    buffer.copy_from_slice(part);
                    buffer
                };
                let buffers = lens.iter().map(filled).collect();
                Job::write_vectored(file, buffers, offset(*at), move |done| {
                    end(done.result, Vec::new());
                })
            }
            Op::ReadRange { at, len, .. } => {
                let range = thousandths(begin, unit, *at, *len);
                let span = file.span(range.start as u64, range.len());
                let buffer = AlignedBuf::zeroed((span.end - span.start) as usize);
                Job::read_range(file, buffer, range.start as u64, range.len(), move |done| {
                    end(done.result, done.buffer.to_vec());
                })
            }
            Op::Sync { all: true } => Job::sync_all(file, move |done| end(done.result, Vec::new())),
            Op::Sync { all: false } => {
                Job::sync_data(file, move |done| end(done.result, Vec::new()))
            }
        };
        Some(if op.is_exact() { job.exact() } else { job })
    }
}

impl Op {
    fn is_exact(&self) -> bool {
        match self {
            Self::Read { exact, .. }
            | Self::Write { exact, .. }
            | Self::ReadVectored { exact, .. }
            | Self::WriteVectored { exact, .. }
            | Self::ReadRange { exact, .. } => *exact,
            Self::Sync { .. } => true,
        }
    }
}

/// A dispatcher, or an event loop of the test's own.
enum Owner {
    Threads(Tended),
    Loop(LoopDispatcher),
}

impl Owner {
    fn new(program: &Program, event_loop: bool) -> Self {
        let builder = util::builder().depth(program.depth).backlog(program.backlog);
        if event_loop {
            Self::Loop(builder.build_loop().unwrap())
        } else {
            Self::Threads(Tended::new(builder.workers(program.workers).blocking_threads(2)))
        }
    }

    fn submitter(&self) -> Submitter {
        match self {
            Self::Threads(dispatcher) => dispatcher.submitter(),
            Self::Loop(jobs) => jobs.submitter(),
        }
    }

    fn submit(&mut self, how: How, mut jobs: Vec<Job>) {
        match self {
            Self::Threads(dispatcher) => submit(dispatcher, how, jobs),
            Self::Loop(dispatcher) => {
                while let Err(error) = dispatcher.submit_batch(jobs) {
                    assert_eq!(error.kind(), SubmitErrorKind::Full);
                    jobs = error.into_jobs();
                    take_turn(dispatcher);
                }
            }
        }
    }

    /// Has everything end.
    fn drain(&mut self) -> Stats {
        match self {
            Self::Threads(dispatcher) => {
                dispatcher.quiesce();
                dispatcher.stats()
            }
            Self::Loop(dispatcher) => {
                while dispatcher.stats().outstanding > 0 {
                    take_turn(dispatcher);
                }
                dispatcher.stats()
            }
        }
    }
}

/// Waits until the loop is to be given a turn, and gives it one.
fn take_turn(dispatcher: &mut LoopDispatcher) {
    let mut ready = [PollFd::new(dispatcher.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(HANG).unwrap();
    assert_eq!(poll(&mut ready, timeout).unwrap(), 1, "it is told of nothing");
    dispatcher.run(3).unwrap();
}

fn submit(submitter: &Submitter, how: How, jobs: Vec<Job>) {
    match how {
        How::Batch => submitter.submit_batch(jobs).unwrap(),
        How::Single => jobs.into_iter().for_each(|job| submitter.submit(job).unwrap()),
        How::Spawn => {
            let handles: Vec<_> =
                jobs.into_iter().map(|job| submitter.spawn(job).unwrap()).collect();
            for handle in handles {
                handle.join_timeout(HANG).unwrap();
            }
        }
        How::Async => {
            let submit = |job| futures::executor::block_on(submitter.submit_async(job));
            jobs.into_iter().for_each(|job| submit(job).unwrap());
        }
    }
}

impl Program {
    fn run(&self, path: &Path, file: &FileHandle, event_loop: bool) {
        let unit = if file.is_direct() { file.alignment().offset as usize } else { ODD };
        let len = REGIONS * UNITS * unit + TAIL;
        let mut model = Model { unit, bytes: contents(0..len as u64) };
        std::fs::write(path, &model.bytes).unwrap();
        let mut owner = Owner::new(self, event_loop);
        let mut failed = 0;
        for round in &self.rounds {
            round.run(&mut owner, file, &mut model);
            failed += u64::from(round.end.1);
        }
        let stats = owner.drain();
        assert_eq!((stats.accepted, stats.outstanding), (stats.finished, 0), "{stats:?}");
        let never = (stats.panics, stats.stray_events, stats.reap_errors);
        assert_eq!(never, (0, 0, 0), "{stats:?}");
        assert_eq!(stats.failed, failed, "{stats:?}");
        let performed = stats.submitted + stats.cached + stats.nops + stats.blocking_calls;
        if !on_threads() {
            let performed = performed + stats.blocking_transfers;
            assert_eq!(performed, stats.finished + stats.resumed, "{stats:?}");
        }
        drop(owner);
        let found = std::fs::read(path).unwrap();
        assert!(found == model.bytes, "the file is not what was written");
    }
}

impl Round {
    fn run(&self, owner: &mut Owner, file: &FileHandle, model: &mut Model) {
        let (tell, told) = mpsc::channel();
        let chains = Arc::new(Chains {
            submitter: owner.submitter(),
            file: file.clone(),
            unit: model.unit,
            chains: self.chains.clone(),
            tell: Mutex::new(tell),
        });
        let jobs = (0..REGIONS).filter_map(|region| chains.job(region, 0)).collect();
        owner.submit(self.how, jobs);
        owner.drain();
        let mut outcomes: Vec<Outcome> = told.try_iter().collect();
        outcomes.sort_by_key(|&(region, place, ..)| (region, place));
        let ops = self.chains.iter().enumerate().flat_map(|(region, chain)| {
            chain.iter().enumerate().map(move |(place, op)| (region, place, op))
        });
        let expected: Vec<Outcome> = ops
            .map(|(region, place, op)| {
                let (count, bytes) = model.step(region, op);
                (region, place, Ok(count), bytes)
            })
            .collect();
        for (outcome, expected) in outcomes.iter().zip(&expected) {
            let names = (&self.chains[expected.0][expected.1], expected.0, expected.1);
            assert_eq!((outcome.0, outcome.1, &outcome.2), (expected.0, expected.1, &expected.2));
            assert!(outcome.3 == expected.3, "other bytes were read: {names:?}");
        }
        assert_eq!(outcomes.len(), expected.len(), "a job ended twice, or not at all");
        self.read_across_the_end(owner, file, model);
    }

    fn read_across_the_end(&self, owner: &mut Owner, file: &FileHandle, model: &Model) {
        let (before, exact) = (self.end.0.min(model.bytes.len()), self.end.1);
        let (offset, len) = (model.bytes.len() - before, before + 50);
        let span = file.span(offset as u64, len);
        let buffer = AlignedBuf::zeroed((span.end - span.start) as usize);
        let (tell, told) = mpsc::channel();
        let job = Job::read_range(file, buffer, offset as u64, len, move |done| {
            let eof = done.is_eof();
            let result = done.result.as_ref().map_err(std::io::Error::kind).copied();
            let told = (result, done.transferred, eof, done.data().to_vec());
            tell.send(told).unwrap();
        });
        owner.submit(How::Single, vec![if exact { job.exact() } else { job }]);
        owner.drain();
        let result = if exact { Err(ErrorKind::UnexpectedEof) } else { Ok(before) };
        let expected = (result, before, before == 0, model.bytes[offset..].to_vec());
        assert_eq!(told.try_recv().unwrap(), expected, "{before} bytes before the end");
    }
}

fn agrees(cases: u32, direct: bool, event_loop: bool, regressions: &'static str) {
    let directory = scratch();
    let path = directory.path().join("file");
    std::fs::write(&path, []).unwrap();
    let file = if direct { open_direct(&path) } else { Some(open_buffered(&path)) };
    let Some(file) = file else { return };
    let result = runner(cases, regressions).run(&program(), |program| {
        let (path, file) = (path.clone(), file.clone());
        watched(move || program.run(&path, &file, event_loop));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_direct_file_is_what_the_model_says() {
    agrees(60, true, false, regressions!("direct_file"));
}

#[test]
fn a_buffered_file_is_what_the_model_says() {
    agrees(80, false, false, regressions!("buffered_file"));
}

#[test]
fn an_event_loops_files_are_what_the_model_says() {
    if on_threads() {
        // An event loop has none.
        return;
    }
    agrees(40, true, true, regressions!("event_loop_file"));
    agrees(40, false, true, regressions!("event_loop_file"));
}
