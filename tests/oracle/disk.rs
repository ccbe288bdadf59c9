//! Random jobs on real files against a `Vec<u8>`: what is read is what was written before, what the
//! callbacks are told is what was asked for, and in the end the file is the model, byte by byte.
//!
//! A file has regions. Jobs of one region form a chain, in which each callback submits the next;
//! jobs of different regions are under way at the same time.

mod chains;
mod owner;
mod program;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use chains::{Chains, Outcome};
use owner::Owner;
use program::{How, Model, ODD, Program, REGIONS, Round, TAIL, UNITS, program};
use reapool::{AlignedBuf, FileHandle, Job};

use crate::cases::{regressions, runner};
use crate::support::{contents, on_threads, open_buffered, open_direct, scratch, watched};

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
    agrees(40, true, false, regressions!("direct_file"));
}

#[test]
fn a_buffered_file_is_what_the_model_says() {
    agrees(50, false, false, regressions!("buffered_file"));
}

#[test]
fn an_event_loops_files_are_what_the_model_says() {
    if on_threads() {
        // An event loop has none.
        return;
    }
    agrees(25, true, true, regressions!("event_loop_file"));
    agrees(25, false, true, regressions!("event_loop_file"));
}
