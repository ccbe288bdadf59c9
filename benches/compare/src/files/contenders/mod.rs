//! The contenders that digest files, one family a file.

mod b3sum;
mod compio;
mod contract;
mod io_engine;
mod piece;
mod readers;
mod reapool;
mod threads;
mod tokio;

use std::sync::Arc;

use ::reapool::Policy;
use blake3::Hash;

use super::contender::Contender as Name;
use crate::stop::{Trouble, failed};
use contract::Paths;

/// The digests of all files, in the order of their paths.
pub(super) fn digests(contender: Name, paths: &Paths) -> Result<Vec<Hash>, Trouble> {
    match contender {
        Name::Threads1 => threads::one(paths),
        Name::Rayon2 => threads::rayon(paths, 2, threads::whole),
        Name::Rayon16 | Name::Rayon16Again => threads::rayon(paths, 16, threads::whole),
        Name::Rayon64 => threads::rayon(paths, 64, threads::whole),
        Name::RayonPieces2 => threads::rayon(paths, 2, threads::in_pieces),
        Name::RayonPieces16 => threads::rayon(paths, 16, threads::in_pieces),
        Name::RayonPieces64 => threads::rayon(paths, 64, threads::in_pieces),
        Name::B3sum => b3sum::digests(paths, 1),
        Name::B3sum16 => b3sum::digests(paths, 16),
        Name::Tokio => tokio::digests(paths),
        Name::Compio => compio::digests(paths),
        Name::IoEngine => io_engine::digests(paths),
        Name::ReadersAndPool => readers::digests(paths),
        Name::ReapoolDirect => of_crate(paths, Policy::Direct),
        Name::ReapoolBuffered => of_crate(paths, Policy::Buffered),
        Name::ReapoolAutomatic => of_crate(paths, Policy::Automatic),
    }
}

fn of_crate(paths: &Paths, policy: Policy) -> Result<Vec<Hash>, Trouble> {
    let own = Arc::clone(paths);
    let paths = (0..own.len()).map(move |index| own[index].clone());
    reapool::digests(paths, policy).map_err(failed("files"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Name, digests};
    use crate::file_runs::tree::{self, Contents, Tree};
    use crate::named::Named;
    use crate::stderr::skipped;
    use crate::stop::Trouble;

    /// Sizes around those of a block, a piece and a huge page.
    const SIZES: [u64; 14] = [
        0, 1, 511, 512, 4095, 4096, 4097, 8192, 70_001, 1_048_575, 1_048_576, 1_048_577, 3_145_728,
        5_000_001,
    ];

    /// The contenders that need something that not every machine has.
    const MAY_LACK: [Name; 3] = [Name::B3sum, Name::B3sum16, Name::Compio];

    fn tree(copies: usize) -> Tree {
        let sizes: Vec<_> = (0..copies).flat_map(|_| SIZES).collect();
        tree::tests::tree(&sizes, Contents::Random)
    }

    #[test]
    fn everybody_digests_what_was_written() {
        // There are more files than any contender has threads or buffers.
        let tree = tree(12);
        for &contender in Name::ALL {
            let name = contender.name();
            let digests = match digests(contender, &tree.paths.clone().into()) {
                Ok(digests) => digests,
                Err(Trouble::Unavailable(reason)) if MAY_LACK.contains(&contender) => {
                    skipped(format_args!("{name}: {reason}"));
                    continue;
                }
                Err(trouble) => panic!("{name}: {trouble}"),
            };
            assert_eq!(digests, tree.digests, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_fails_the_run() {
        let tree = tree(1);
        let mut paths = tree.paths.clone();
        paths.push(PathBuf::from("/nowhere/at/all"));
        for &contender in Name::ALL {
            match digests(contender, &paths.clone().into()) {
                Ok(_) => panic!("{} didn't notice", contender.name()),
                Err(Trouble::Unavailable(_)) if MAY_LACK.contains(&contender) => {}
                Err(trouble) => {
                    let text = trouble.to_string();
                    assert!(text.contains("/nowhere/at/all"), "{}: {text}", contender.name());
                }
            }
        }
    }
}
