//! The rounds: contender after contender, again and again.

use std::time::Duration;

use super::contender::Contender;
use super::task::{Digested, Task};
use super::workload::{Cache, Results, Section, Shape, Workload};
use crate::file_runs::measured::Measured;
use crate::file_runs::programs;
use crate::file_runs::rounds::Rounds;
use crate::file_runs::tree::{Contents, Recipe, Tree};
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
        rounds.progress.say(&format!("{} files: getting ready", shape.name()));
        let recipe = Recipe {
            name: shape.name(),
            sizes: &|part| shape.sizes(options.scale * part),
            contents: Contents::Random,
            copies: 1,
        };
        let workloads = Cache::ALL.map(|cache| Workload { shape, cache });
        match Tree::make(&recipe, options, stop) {
            Ok(tree) => {
                for workload in workloads {
                    sections.push(section(&rounds, workload, &tree)?);
                }
            }
            Err(Trouble::Stopped) => return None,
            Err(trouble) => {
                rounds.progress.complain(&format!("{} files: {trouble}", shape.name()));
                let skipped = |workload| Section::skipped(workload, trouble.clone());
                sections.extend(workloads.map(skipped));
            }
        }
    }
    let Options { rounds: count, scale, .. } = *options;
    rounds.progress.finish();
    let programs = vec![programs::version("b3sum")];
    Some(Results { machine, programs, rounds: count, scale, sections })
}

/// All rounds with these files.
fn section(rounds: &Rounds<'_>, workload: Workload, tree: &Tree) -> Option<Section> {
    let expected = tree.digest().to_hex();
    let limit = LIMIT.mul_f64(rounds.options.scale.max(1.0));
    let turn = |contender: Contender| {
        workload.cache.before_run()?;
        let task = Task { contender, list: tree.list.clone() };
        check(run::answer("run-files", &task, limit, rounds.stop)?, &expected)
    };
    let section = Section::of(workload, tree);
    let prepare = || workload.cache.before_round(tree);
    rounds.section(section, &rounds.options.digesters, prepare, turn)
}

/// Every contender has to arrive at the digest of the bytes that were written.
fn check(digested: Digested, expected: &str) -> Result<Measured, Trouble> {
    let Digested { measured, digest } = digested;
    if digest == expected {
        Ok(measured)
    } else {
        let reason = format!("it read something else: digest {digest} instead of {expected}");
        Err(Trouble::Failed(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, Contender, Digested, Machine, Results, Shape, Trouble, Workload, check};
    use crate::file_runs::sections::tests::{section, series};

    #[test]
    fn another_digest_fails_the_comparison_by_name() {
        let mut tokio = series(Contender::Tokio, &[1.0]);
        let measured = tokio.rounds.remove(0);
        let digested = Digested { measured, digest: "bad".into() };
        assert!(check(digested.clone(), "bad").is_ok());
        let trouble = check(digested, "c0ffee").unwrap_err();
        assert!(matches!(&trouble, Trouble::Failed(reason) if reason.contains("c0ffee")));
        tokio.trouble = Some(trouble);
        let machine = Machine::this(&[]);
        let workload = Workload { shape: Shape::Large, cache: Cache::Warm };
        let sections = vec![section(workload, vec![tokio])];
        let results = Results { machine, programs: vec![], rounds: 1, scale: 1.0, sections };
        let failures = results.failures();
        assert!(failures[0].starts_with("tokio (large files, warm): "), "{failures:?}");
    }
}
