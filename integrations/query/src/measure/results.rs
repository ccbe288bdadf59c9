//! The figures of all turns, and what follows from them.

use serde::Serialize;

use crate::measure::machine::Machine;
use crate::measure::meter::Part;
use crate::measure::spread::Spread;
use crate::measure::turn::Turn;
use crate::measure::workload::{State, Workload};

#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    pub(crate) sections: Vec<Section>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    pub(crate) threads: usize,
    pub(crate) rows: u64,
    pub(crate) file_bytes: u64,
}

/// All rounds of a workload in one state of the page cache.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) workload: Workload,
    pub(crate) state: State,
    /// One for each round.
    pub(crate) local: Vec<Turn>,
    pub(crate) reapool: Vec<Turn>,
}

/// One line of the table: what one part took with both stores.
pub(crate) struct Line {
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) local: Figures,
    pub(crate) reapool: Figures,
    /// How many times as fast reapool was, and which part of the CPU time it took: the medians of
    /// the rounds' ratios.
    pub(crate) faster: Spread,
    /// `None` for what has no CPU time of its own.
    pub(crate) cheaper: Option<Spread>,
}

#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) seconds: Spread,
    pub(crate) cpu_seconds: Spread,
    pub(crate) device_mib: f64,
    /// Of the process, at the end of all parts.
    pub(crate) peak_mib: f64,
}

impl Figures {
    fn of(turns: &[Turn], part: usize) -> Option<Self> {
        let spread = |of: fn(&Part) -> f64| {
            Spread::of(turns.iter().filter_map(|turn| turn.parts.get(part)).map(of))
        };
        let mib = f64::from(1 << 20);
        Some(Self {
            seconds: spread(|part| part.seconds)?,
            cpu_seconds: spread(Part::cpu_seconds)?,
            device_mib: spread(|part| part.device_bytes as f64)?.median / mib,
            peak_mib: Spread::of(turns.iter().map(|turn| turn.peak_kib as f64))?.median / 1024.0,
        })
    }
}

impl Results {
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.sections.iter().flat_map(Section::lines).collect()
    }
}

impl Section {
    fn lines(&self) -> impl Iterator<Item = Line> {
        let parts = self.workload.parts.iter().enumerate();
        parts.filter_map(|(index, name)| self.line(index, name))
    }

    fn line(&self, index: usize, name: &str) -> Option<Line> {
        let state = match name {
            "" => self.state.name().to_owned(),
            name => format!("{}, {name}", self.state.name()),
        };
        Some(Line {
            title: self.workload.title.into(),
            state,
            local: Figures::of(&self.local, index)?,
            reapool: Figures::of(&self.reapool, index)?,
            faster: self.ratio(index, |part| part.seconds)?,
            cheaper: self.ratio(index, Part::cpu_seconds),
        })
    }

    /// Round by round: turns that are close in time find the machine in the same state.
    fn ratio(&self, index: usize, of: fn(&Part) -> f64) -> Option<Spread> {
        let value = |turn: &Turn| turn.parts.get(index).map(of);
        let rounds = self.local.iter().zip(&self.reapool);
        Spread::of(rounds.filter_map(|(local, reapool)| Some(value(local)? / value(reapool)?)))
    }
}
