//! The jobs of a round: in each region a chain, in which each callback submits the next.

use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use reapool::{AlignedBuf, FileHandle, Job, Submitter};

use super::program::{Op, UNITS, data, limit, thousandths};

/// What came of a job: its region, its place in the chain, bytes transferred, and what was read.
pub(crate) type Outcome = (usize, usize, Result<usize, String>, Vec<u8>);

/// The jobs of a round, and who hears of their ends.
pub(crate) struct Chains {
    pub(crate) submitter: Submitter,
    pub(crate) file: FileHandle,
    pub(crate) unit: usize,
    pub(crate) chains: Vec<Vec<Op>>,
    pub(crate) tell: Mutex<Sender<Outcome>>,
}

impl Chains {
    /// A job of a chain, whose callback submits the next.
    pub(crate) fn job(self: &Arc<Self>, region: usize, place: usize) -> Option<Job> {
        let op = self.chains[region].get(place)?.clone();
        let (unit, begin) = (self.unit, region * UNITS * self.unit);
        let offset = |at: usize| (begin + at * unit) as u64;
        let this = Arc::clone(self);
        let end = move |result: io::Result<usize>, bytes: Vec<u8>| {
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
