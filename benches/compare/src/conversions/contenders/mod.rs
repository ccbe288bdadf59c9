//! The contenders that make files of files, or read one; one family a file.

mod aio;
mod programs;
mod rayon;
mod readers;
mod reapool;
mod tokio;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::contender::Contender as Name;
use super::pair::Pair;
use super::workload::Workload;
use crate::stop::{Trouble, failed};

/// The length of a read or a write of a large file.
const PIECE: usize = 1 << 20;

/// What all contenders are given.
pub(super) struct Work {
    pub(super) workload: Workload,
    pub(super) pairs: Arc<[Pair]>,
    /// The directory of the sources, and that of the targets, for programs that copy all of it.
    pub(super) root: PathBuf,
    pub(super) targets: PathBuf,
}

/// Makes all targets. When it returns, they have their names.
pub(super) fn convert(contender: Name, work: &Work) -> Result<(), Trouble> {
    match contender {
        Name::Reapool => reapool::convert(work),
        Name::Aio => aio::convert(work),
        Name::Rayon2 => rayon::convert(work, 2, rayon::in_user_space),
        Name::Rayon16 | Name::Rayon16Again => rayon::convert(work, 16, rayon::in_user_space),
        Name::Rayon64 => rayon::convert(work, 64, rayon::in_user_space),
        Name::RayonCopy16 => rayon::convert(work, 16, rayon::in_kernel),
        Name::Tokio => tokio::convert(work),
        Name::Cp => programs::cp(work),
        Name::Rsync => programs::rsync(work),
        Name::FileReader | Name::FilesStream | Name::BufReader1M | Name::BufReader8K => {
            Err(Trouble::Unavailable("it only reads".into()))
        }
    }
}

/// Reads a file to its end, and returns the checksum of what it read.
pub(super) fn read(contender: Name, path: &Path) -> Result<u32, Trouble> {
    let read = match contender {
        Name::FileReader => readers::file_reader(path),
        Name::FilesStream => readers::files_stream(path),
        Name::BufReader1M => readers::buf_reader(path, PIECE),
        Name::BufReader8K => readers::buf_reader(path, 8 << 10),
        _ => return Err(Trouble::Unavailable("it only converts".into())),
    };
    read.map_err(failed(path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::targets::Targets;
    use super::{Name, Pair, Work, Workload, convert, read};
    use crate::file_runs::tree::{Contents, Tree, tests};
    use crate::named::Named;
    use crate::stderr::skipped;
    use crate::stop::Trouble;

    /// Sizes around those of a block, a piece and a huge page.
    const SIZES: [u64; 14] = [
        0, 1, 511, 512, 4095, 4096, 4097, 8192, 70_001, 1_048_575, 1_048_576, 1_048_577, 3_145_728,
        5_000_001,
    ];

    fn tree(copies: usize) -> Tree {
        let sizes: Vec<_> = (0..copies).flat_map(|_| SIZES).collect();
        tests::tree(&sizes, Contents::Words)
    }

    fn work(targets: &Targets<'_>, sources: &[PathBuf]) -> Work {
        let (workload, root) = (targets.workload, &targets.tree.root);
        let pair = |source: &PathBuf| Pair::of(source, root, &targets.root, workload);
        let pairs = sources.iter().map(pair).collect();
        Work { workload, pairs, root: root.clone(), targets: targets.root.clone() }
    }

    /// The contenders of each workload, each with an empty place for its targets.
    fn each(tree: &Tree, mut with: impl FnMut(Name, &Targets<'_>)) {
        for workload in Workload::ALL.into_iter().filter(|kind| *kind != Workload::Reader) {
            let takes_part = |contender: &&Name| contender.takes_part(workload);
            for &contender in Name::ALL.iter().filter(takes_part) {
                let targets = Targets::of(tree, workload);
                targets.clear().unwrap();
                with(contender, &targets);
            }
        }
    }

    #[test]
    fn everybody_writes_what_is_to_be_written() {
        // There are more files than any contender has threads or tasks.
        let tree = tree(5);
        each(&tree, |contender, targets| {
            let (name, workload) = (contender.name(), targets.workload);
            match convert(contender, &work(targets, &tree.paths)) {
                Ok(()) => targets.check().unwrap_or_else(|trouble| {
                    panic!("{name} ({workload}): {trouble}");
                }),
                Err(Trouble::Unavailable(reason)) if contender.program().is_some() => {
                    skipped(format_args!("{name}: {reason}"));
                }
                Err(trouble) => panic!("{name} ({workload}): {trouble}"),
            }
        });
    }

    #[test]
    fn a_source_that_is_not_there_fails_the_run() {
        let tree = tests::tree(&[70_001, 0, 3], Contents::Words);
        let mut sources = tree.paths.clone();
        sources.push(tree.root.join("d00/nothing"));
        each(&tree, |contender, targets| {
            // Programs find the files themselves.
            if contender.program().is_some() {
                return;
            }
            let (name, workload) = (contender.name(), targets.workload);
            let trouble = convert(contender, &work(targets, &sources)).expect_err(name);
            let text = trouble.to_string();
            assert!(text.contains("d00/nothing"), "{name} ({workload}): {text}");
        });
    }

    #[test]
    fn a_target_that_is_wrong_is_found() {
        let tree = tree(1);
        for workload in [Workload::Copy, Workload::Compress] {
            let targets = Targets::of(&tree, workload);
            let copies = work(&targets, &tree.paths);
            let found = |spoil: &dyn Fn()| {
                targets.clear().unwrap();
                convert(Name::Rayon2, &copies).unwrap();
                targets.check().unwrap();
                spoil();
                targets.check().unwrap_err().to_string()
            };
            let (first, last) = (&copies.pairs[0], &copies.pairs[13]);
            let text = found(&|| fs::rename(&last.target, &first.target).unwrap());
            assert!(text.contains("f000000") || text.contains("f000013"), "{text}");
            let text = found(&|| fs::write(first.temporary(), "").unwrap());
            assert!(text.contains("15 files were left for 14 sources"), "{text}");
            let text =
                found(&|| fs::write(&last.target, fs::read(&first.target).unwrap()).unwrap());
            assert!(text.contains("f000013") && text.contains("other contents"), "{text}");
        }
    }

    #[test]
    fn everybody_reads_what_was_written() {
        for size in [0, 1, 4097, 3 << 20, 20_000_001] {
            let tree = tests::tree(&[size], Contents::Words);
            for &contender in Name::ALL.iter().filter(|name| name.takes_part(Workload::Reader)) {
                let checksum = read(contender, &tree.paths[0]).unwrap();
                assert_eq!(checksum, tree.checksums[0], "{}, {size} bytes", contender.name());
                let trouble = read(contender, &tree.root.join("nothing")).unwrap_err();
                assert!(trouble.to_string().contains("nothing"), "{trouble}");
            }
        }
    }

    #[test]
    fn a_target_that_was_not_synced_is_found() {
        let tree = tree(1);
        let targets = Targets::of(&tree, Workload::Sync);
        targets.clear().unwrap();
        for Pair { source, target } in work(&targets, &tree.paths).pairs.iter() {
            fs::copy(source, target).unwrap();
        }
        let trouble = targets.check().unwrap_err().to_string();
        assert!(trouble.contains("were not synced"), "{trouble}");
    }
}
