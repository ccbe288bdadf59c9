//! A file system of the soak's own that fails now and then: errors, short answers, a full disk,
//! late answers, and a file that is cut off under its readers and writers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::dice::Dice;
use crate::faulty::{Faulty, Hold, Op, Rule};
use crate::places::BLOCKS_CUT;
use crate::stamp::BLOCK;

/// Between two releases of requests that are held: how late answers are.
const LATE: Duration = Duration::from_millis(2);

/// Mounted. Dropping it lets go of what is held, and ends it.
pub(crate) struct Faulted {
    disk: Faulty,
    hold: Hold,
    is_over: Arc<AtomicBool>,
    releaser: Option<JoinHandle<()>>,
}

impl Faulted {
    /// `None`, said loudly, where that can't be done. Nothing fails yet.
    pub(crate) fn mount() -> Option<Self> {
        let disk = Faulty::mount()?;
        let hold = disk.hold();
        let is_over = Arc::new(AtomicBool::new(false));
        let (held, told) = (hold.clone(), Arc::clone(&is_over));
        let release = move || {
            let mut released = 0;
            while !told.load(Ordering::Relaxed) {
                thread::sleep(LATE);
                // Never before they come: what is held is late, all of it.
                while released < held.arrived() {
                    held.release_one();
                    released += 1;
                }
            }
        };
        let releaser = thread::Builder::new().name("soak-release".into()).spawn(release).unwrap();
        Some(Self { disk, hold, is_over, releaser: Some(releaser) })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.disk.path(name)
    }

    /// Begins to fail, on files of these names, and on others when they are opened and read. Which
    /// requests, the dice say.
    pub(crate) fn begin(&self, dice: &mut Dice, (buffered, direct, cut): (&str, &str, &str)) {
        let rule = |rule: Rule| self.disk.rule(rule);
        for file in [buffered, direct, cut] {
            let mut on = |op, rarely| Rule::on(op).of(file).every(dice.between(rarely, 2 * rarely));
            rule(on(Op::Read, 40).errno(libc::EIO));
            rule(on(Op::Read, 40).held(&self.hold));
            rule(on(Op::Read, 80).held(&self.hold).errno(libc::EIO));
            rule(on(Op::Write, 40).errno(libc::EIO));
            rule(on(Op::Write, 40).errno(libc::ENOSPC));
            rule(on(Op::Write, 40).held(&self.hold));
            rule(on(Op::Sync, 4).errno(libc::EIO));
        }
        // Not when the page cache reads: the kernel takes what is missing for the end of the file,
        // and keeps zeros, which is what a file system asks for that answers short of its own
        // length.
        for file in [direct, cut] {
            rule(Rule::on(Op::Read).of(file).every(dice.between(30, 60)).short(BLOCK));
            rule(Rule::on(Op::Read).of(file).every(dice.between(30, 60)).short(0));
            rule(Rule::on(Op::Read).of(file).every(dice.between(60, 90)).short(1000));
            rule(Rule::on(Op::Write).of(file).every(dice.between(30, 60)).short(BLOCK));
        }
        for _ in 0..4 {
            let len = (dice.below(BLOCKS_CUT) * BLOCK + dice.below(BLOCK)) as u64;
            rule(Rule::on(Op::Read).of(cut).every(dice.between(200, 400)).truncating(len));
            rule(Rule::on(Op::Write).of(cut).every(dice.between(200, 400)).truncating(len));
        }
        rule(Rule::on(Op::Open).every(dice.between(50, 90)).errno(libc::EIO));
        rule(Rule::on(Op::Lookup).every(dice.between(90, 150)).errno(libc::EIO));
        rule(Rule::on(Op::Read).every(dice.between(50, 90)).errno(libc::EIO));
        rule(Rule::on(Op::Read).every(dice.between(50, 90)).held(&self.hold));
    }
}

impl Drop for Faulted {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.hold.release();
        if let Some(releaser) = self.releaser.take() {
            let _ = releaser.join();
        }
    }
}
