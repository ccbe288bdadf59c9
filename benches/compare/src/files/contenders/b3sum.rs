//! The program b3sum, if it is installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use blake3::Hash;

use super::contract::Paths;
use crate::file_runs::programs;
use crate::load::Numbers;
use crate::stop::{Trouble, failed};

/// The most bytes of arguments that xargs gives to a command.
const ARGUMENTS: usize = 128 << 10;

/// Runs it as `xargs b3sum` does, or `xargs --max-procs=16 --max-args=N b3sum --num-threads=1`.
pub(super) fn digests(paths: &Paths, processes: usize) -> Result<Vec<Hash>, Trouble> {
    let program = programs::path("b3sum")
        .ok_or_else(|| Trouble::Unavailable("it is not installed".into()))?;
    let options: &[&str] = if processes > 1 { &["--num-threads=1"] } else { &[] };
    // Four batches for each process, so that the processes finish at about the same time.
    let most = if processes > 1 { paths.len().div_ceil(4 * processes) } else { paths.len() };
    let batches = batches(paths, most);
    let numbers = Numbers::new(0..batches.len() as u64);
    let mut done: Vec<(u64, Vec<Hash>)> = Vec::with_capacity(batches.len());
    thread::scope(|scope| {
        let one = || {
            let mut done = Vec::new();
            while let Some(number) = numbers.take() {
                done.push((number, run(&program, options, batches[number as usize])?));
            }
            Ok(done)
        };
        let threads: Vec<_> = (0..processes).map(|_| scope.spawn(one)).collect();
        for thread in threads {
            done.extend(thread.join().expect("panics abort")?);
        }
        Ok(())
    })?;
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().flat_map(|(_, digests)| digests).collect())
}

/// Batches of as many paths as fit, and of `most` paths at most.
fn batches(paths: &[PathBuf], most: usize) -> Vec<&[PathBuf]> {
    let (mut batches, mut rest) = (Vec::new(), paths);
    while !rest.is_empty() {
        let mut room = ARGUMENTS;
        let fits = |path: &&PathBuf| {
            let len = path.as_os_str().len() + 1;
            let fits = len <= room;
            room = room.saturating_sub(len);
            fits
        };
        let count = rest.iter().take(most).take_while(fits).count().max(1);
        let (batch, others) = rest.split_at(count);
        batches.push(batch);
        rest = others;
    }
    batches
}

fn run(program: &Path, options: &[&str], batch: &[PathBuf]) -> Result<Vec<Hash>, Trouble> {
    let mut command = Command::new(program);
    command.arg("--no-names").args(options).args(batch);
    let output = command.output().map_err(failed(program.display()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Trouble::Failed(format!("{}: {}", output.status, errors.trim())));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let digests: Result<Vec<_>, _> = printed.lines().map(Hash::from_hex).collect();
    let digests = digests.map_err(failed("its output"))?;
    if digests.len() == batch.len() {
        Ok(digests)
    } else {
        let counts = format!("{} digests of {} files", digests.len(), batch.len());
        Err(Trouble::Failed(counts))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::batches;

    #[test]
    fn batches_hold_every_path_once_and_fit() {
        let paths: Vec<PathBuf> =
            (0..5_000).map(|number| format!("/{number:0>99}").into()).collect();
        for most in [5_000, 300, 1] {
            let batches = batches(&paths, most);
            assert_eq!(batches.concat(), paths);
            assert!(batches.iter().all(|batch| batch.len() <= most.min((128 << 10) / 101)));
        }
        assert_eq!(batches(&paths, 5_000).len(), 5_000_usize.div_ceil((128 << 10) / 101));
    }
}
