//! The rounds: contender after contender, again and again.

use std::time::Duration;

use super::contender::Contender;
use super::targets::Targets;
use super::task::{Done, Task};
use super::workload::{Results, Section, Workload};
use crate::file_runs::cache;
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
const LIMIT: Duration = Duration::from_secs(300);

/// Runs everything. `None` if it was stopped.
pub(crate) fn compare(options: &Options, stop: &Stop, machine: Machine) -> Option<Results> {
    let turns = |workload: &Workload| options.rounds * contenders(*workload, options).len();
    let progress = Progress::of(options.conversions.iter().map(turns).sum());
    let rounds = Rounds { options, stop, progress };
    let (mut sections, mut trees) = (Vec::new(), Vec::new());
    for workloads in options.conversions.chunk_by(|one, other| one.shares_files(*other)) {
        rounds.progress.say(&format!("{}: getting ready", workloads[0]));
        match make(workloads[0], options, stop) {
            Ok(tree) => {
                for &workload in workloads {
                    sections.push(section(&rounds, workload, &tree)?);
                }
                // Removed at the end, with all targets: see `targets`.
                trees.push(tree);
            }
            Err(Trouble::Stopped) => return None,
            Err(trouble) => {
                rounds.progress.complain(&format!("{}: {trouble}", workloads[0]));
                let skipped = |&workload| Section::skipped(workload, trouble.clone());
                sections.extend(workloads.iter().map(skipped));
            }
        }
    }
    let Options { rounds: count, scale, .. } = *options;
    rounds.progress.finish();
    let programs = options.converters.iter().filter_map(|contender| contender.program());
    let programs = programs.map(programs::version).collect();
    Some(Results { machine, programs, rounds: count, scale, sections })
}

fn contenders(workload: Workload, options: &Options) -> Vec<Contender> {
    let wanted = options.converters.iter().copied();
    wanted.filter(|contender| contender.takes_part(workload)).collect()
}

fn make(workload: Workload, options: &Options, stop: &Stop) -> Result<Tree, Trouble> {
    let recipe = Recipe {
        name: workload.name(),
        sizes: &|part| workload.sizes(options, part),
        contents: Contents::Words,
        copies: if workload == Workload::Reader { 1 } else { 2 },
    };
    Tree::make(&recipe, options, stop)
}

/// All rounds of a workload.
fn section(rounds: &Rounds<'_>, workload: Workload, tree: &Tree) -> Option<Section> {
    let contenders = contenders(workload, rounds.options);
    let programs: Vec<_> = contenders.iter().filter_map(|contender| contender.program()).collect();
    let targets = Targets::of(tree, workload);
    let prepare = || {
        targets.clear()?;
        cache::drop_all(&programs)
    };
    let limit = LIMIT.mul_f64(rounds.options.scale.max(1.0));
    let turn = |contender| {
        prepare()?;
        let (list, root) = (tree.list.clone(), tree.root.clone());
        let task = Task { contender, workload, list, root, targets: targets.root.clone() };
        let done = run::answer("run-conversions", &task, limit, rounds.stop)?;
        check(&done, &targets)
    };
    rounds.section(Section::of(workload, tree), &contenders, prepare, turn)
}

/// Every contender has to write what was to be written, or to read what was there.
fn check(done: &Done, targets: &Targets<'_>) -> Result<Measured, Trouble> {
    match done.checksum {
        None => targets.check()?,
        Some(found) => {
            let expected = targets.tree.checksums[0];
            if found != expected {
                return Err(Trouble::Failed(format!(
                    "it read something else: checksum {found:08x} instead of {expected:08x}"
                )));
            }
        }
    }
    Ok(done.measured)
}
