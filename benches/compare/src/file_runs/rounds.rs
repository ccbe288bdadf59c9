//! The rounds: contender after contender, again and again.

use std::fmt::Display;

use super::measured::Measured;
use super::sections::{Section, Series};
use crate::load::scramble;
use crate::named::Named;
use crate::options::Options;
use crate::progress::Progress;
use crate::stop::{Stop, Trouble};

/// The order of the turns of a round. It differs from round to round, so that no contender always
/// follows the same.
pub(crate) fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    order.sort_by_key(|&index| scramble((round << 8 | index) as u64));
    order
}

/// What the sections of a comparison have in common.
pub(crate) struct Rounds<'a> {
    pub(crate) options: &'a Options,
    pub(crate) stop: &'a Stop,
    pub(crate) progress: Progress,
}

impl Rounds<'_> {
    /// All rounds of a section of which these contenders are a part. `prepare` gets the machine
    /// ready before each round. `None` if it was stopped.
    pub(crate) fn section<W: Display, C: Named>(
        &self,
        mut section: Section<W, C>,
        contenders: &[C],
        prepare: impl Fn() -> Result<(), Trouble>,
        turn: impl Fn(C) -> Result<Measured, Trouble>,
    ) -> Option<Section<W, C>> {
        self.progress.say(&section.workload.to_string());
        section.series = contenders.iter().map(|&contender| Series::new(contender)).collect();
        for round in 0..self.options.rounds {
            if let Err(trouble) = prepare() {
                self.progress.complain(&format!("{}: skipped: {trouble}", section.workload));
                self.progress.advance((self.options.rounds - round) * contenders.len());
                section.trouble = Some(trouble);
                return Some(section);
            }
            for index in order(round, contenders.len()) {
                self.turn(&mut section.series[index], &turn)?;
                self.progress.advance(1);
            }
        }
        Some(section)
    }

    /// One turn of one contender; `None` if it was stopped.
    fn turn<C: Named>(
        &self,
        series: &mut Series<C>,
        turn: impl Fn(C) -> Result<Measured, Trouble>,
    ) -> Option<()> {
        if series.trouble.is_some() {
            return Some(());
        }
        match turn(series.contender) {
            Ok(measured) => series.rounds.push(measured),
            Err(Trouble::Stopped) => return None,
            Err(trouble) => {
                self.progress.complain(&format!("{}: {trouble}", series.contender.name()));
                series.trouble = Some(trouble);
            }
        }
        Some(())
    }
}
