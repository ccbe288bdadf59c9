//! The rounds: both stores take turns, in an order that changes from round to round.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};
use crate::measure::memory_group::MemoryGroup;
use crate::measure::results::Section;
use crate::measure::turn::{COMMAND, GroupMemory, Turn};
use crate::measure::workload::{Memory, State, Workload};
use crate::output::say;
use crate::page_cache;
use crate::stores::StoreKind;

/// What a turn's process needs itself of the memory of a cgroup.
pub(crate) const PROCESS_MEMORY: u64 = 512 << 20;

pub(crate) struct Rounds<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) file_bytes: u64,
    pub(crate) rounds: usize,
    pub(crate) threads: usize,
}

impl Rounds<'_> {
    pub(crate) fn section(&self, workload: Workload, state: State) -> Result<Section> {
        say(format_args!("{}, {}", workload.title, state.name()));
        let mut section = Section { workload, state, local: Vec::new(), reapool: Vec::new() };
        for round in 0..self.rounds {
            let mut order = StoreKind::ALL;
            if round % 2 == 1 {
                order.reverse();
            }
            for store in order {
                self.prepare(state)?;
                let turn = self.turn(workload, store)?;
                section.check(&turn)?;
                match store {
                    StoreKind::Local => section.local.push(turn),
                    StoreKind::Reapool => section.reapool.push(turn),
                }
            }
        }
        Ok(section)
    }

    fn prepare(&self, state: State) -> Result {
        match state {
            State::Cold => page_cache::forget(&self.files),
            State::Warm => page_cache::fill(&self.files),
            State::FirstFileWarm => {
                page_cache::forget(&self.files)?;
                page_cache::fill(&self.files[..1])
            }
        }
    }

    fn turn(&self, workload: Workload, store: StoreKind) -> Result<Turn> {
        let program = std::env::current_exe().map_err(Failure::failed)?;
        let mut command = Command::new(program);
        command.args([COMMAND, store.name(), workload.name, &self.threads.to_string()]);
        command.arg(self.directory).stdin(Stdio::null()).stderr(Stdio::inherit());
        let limit_bytes = self.memory(workload.memory);
        let group = limit_bytes.map(MemoryGroup::make).transpose()?;
        command.args(group.as_ref().map(MemoryGroup::directory));
        let output = command.output().map_err(Failure::failed)?;
        if !output.status.success() {
            let name = store.name();
            let reason = format!("{} with {name} ended with {}", workload.name, output.status);
            return Err(Failure::Failed(reason));
        }
        let mut turn: Turn = serde_json::from_slice(&output.stdout).map_err(Failure::failed)?;
        if let (Some(limit_bytes), Some(group)) = (limit_bytes, group) {
            turn.memory = Some(GroupMemory { limit_bytes, left_bytes: group.used()? });
        }
        Ok(turn)
    }

    /// The limit of a turn, if it has one.
    fn memory(&self, memory: Memory) -> Option<u64> {
        match memory {
            Memory::OfMachine => None,
            Memory::ForHalf => Some(self.file_bytes / 2 + PROCESS_MEMORY),
        }
    }
}

impl Section {
    /// Each turn must have the same answer.
    fn check(&self, turn: &Turn) -> Result {
        let before = self.local.first().or(self.reapool.first());
        match before {
            Some(before) if before.answer != turn.answer => Err(Failure::Failed(format!(
                "{}: the results differ: {} and {}",
                self.workload.name, before.answer, turn.answer
            ))),
            _ => Ok(()),
        }
    }
}
