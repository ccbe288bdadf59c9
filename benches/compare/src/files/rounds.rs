//! The rounds: contender after contender, again and again.

use std::time::Duration;

use super::cache::Cache;
use super::results::{Results, Section, Series};
use super::task::{Answer, Measured, Task};
use super::tree::{Shape, Tree};
use crate::load::scramble;
use crate::machine::Machine;
use crate::options::Options;
use crate::progress::Progress;
use crate::run;
use crate::stop::{Stop, Trouble};

/// A run of the normal scale takes seconds; one that takes this long hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs everything. `None` if it was stopped.
pub(crate) fn compare(options: &Options, stop: &Stop, machine: Machine) -> Option<Results> {
    let runs = Shape::ALL.len() * Cache::ALL.len() * options.rounds * options.digesters.len();
    let rounds = Rounds { options, stop, progress: Progress::of(runs) };
    let mut sections = Vec::new();
    for shape in Shape::ALL {
        rounds.progress.say(&format!("{shape} files: getting ready"));
        match Tree::make(shape, options, stop) {
            Ok(tree) => {
                for cache in Cache::ALL {
                    sections.push(rounds.section(shape, cache, &tree)?);
                }
            }
            Err(Trouble::Stopped) => return None,
            Err(trouble) => {
                rounds.progress.complain(&format!("{shape} files: {trouble}"));
                for cache in Cache::ALL {
                    let (series, trouble) = (Vec::new(), Some(trouble.clone()));
                    sections.push(Section { shape, cache, files: 0, bytes: 0, series, trouble });
                }
            }
        }
    }
    let Options { rounds: count, scale, .. } = *options;
    rounds.progress.finish();
    Some(Results { machine, rounds: count, scale, sections })
}

struct Rounds<'a> {
    options: &'a Options,
    stop: &'a Stop,
    progress: Progress,
}

impl Rounds<'_> {
    /// All rounds with these files.
    fn section(&self, shape: Shape, cache: Cache, tree: &Tree) -> Option<Section> {
        let contenders = &self.options.digesters;
        self.progress.say(&format!("{shape} files, {cache}"));
        let series = contenders.iter().map(|&contender| Series::new(contender)).collect();
        let (files, bytes) = (tree.paths.len() as u64, tree.bytes);
        let mut section = Section { shape, cache, files, bytes, series, trouble: None };
        for round in 0..self.options.rounds {
            // The order differs from round to round, so that no contender always follows the same.
            let mut order: Vec<_> = (0..contenders.len()).collect();
            order.sort_by_key(|&index| scramble((round << 8 | index) as u64));
            if let Err(trouble) = cache.before_round(tree).and_then(|()| cache.before_run()) {
                self.progress.complain(&format!("{shape} files, {cache}: skipped: {trouble}"));
                self.progress.advance((self.options.rounds - round) * contenders.len());
                section.trouble = Some(trouble);
                return Some(section);
            }
            for index in order {
                self.turn(&mut section.series[index], cache, tree)?;
                self.progress.advance(1);
            }
        }
        Some(section)
    }

    /// One turn of one contender; `None` if it was stopped.
    fn turn(&self, series: &mut Series, cache: Cache, tree: &Tree) -> Option<()> {
        if series.trouble.is_some() {
            return Some(());
        }
        let task = Task { contender: series.contender, list: tree.list.clone() };
        let limit = LIMIT.mul_f64(self.options.scale.max(1.0));
        let measured = cache
            .before_run()
            .and_then(|()| run::answer("run-files", &task, limit, self.stop))
            .and_then(|answer| check(answer, &tree.expected.to_hex()));
        match measured {
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

/// Every contender has to arrive at the digest of the bytes that were written.
fn check(answer: Answer<Measured>, expected: &str) -> Result<Measured, Trouble> {
    match answer {
        Answer::Unavailable(reason) => Err(Trouble::Unavailable(reason)),
        Answer::Measured(measured) if measured.digest == expected => Ok(measured),
        Answer::Measured(Measured { digest, .. }) => Err(Trouble::Failed(format!(
            "it read something else: digest {digest} instead of {expected}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cache::Cache;
    use super::super::contender::Contender;
    use super::super::results::Results;
    use super::super::results::tests::{section, series};
    use super::super::tree::Shape;
    use super::{Answer, Machine, Trouble, check};

    #[test]
    fn another_digest_fails_the_comparison_by_name() {
        let measured = series(Contender::Tokio, &[1.0]).rounds.remove(0);
        assert!(check(Answer::Measured(measured.clone()), "").is_ok());
        let trouble = check(Answer::Measured(measured), "c0ffee").unwrap_err();
        assert!(matches!(&trouble, Trouble::Failed(reason) if reason.contains("c0ffee")));
        let mut tokio = series(Contender::Tokio, &[]);
        tokio.trouble = Some(trouble);
        let machine = Machine::this(&[]);
        let sections = vec![section(Cache::Warm, Shape::Large, vec![tokio])];
        let results = Results { machine, rounds: 1, scale: 1.0, sections };
        let failures = results.failures();
        assert!(failures[0].starts_with("tokio (large files, warm): "), "{failures:?}");
    }
}
