//! Conversions of files whose file system fails in the middle.

use std::fs;
use std::io;

use reapool::{FileErrorKind, FileOperation, Files, Policy};

use crate::disk::{Faulty, Op, Rule};
use crate::support::{Tended, builder, scratch, watched};

const LEN: u64 = 1 << 20;
const CHUNK: usize = 64 << 10;

#[test]
fn a_source_that_fails_concerns_its_own_target_and_the_old_one_stays() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let (targets, jobs) = (scratch(), Tended::new(builder().workers(2)));
        for policy in [Policy::Direct, Policy::Buffered] {
            for place in [0, 5, 15] {
                let names = ["good", "bad", "fine"];
                let pairs = names.map(|name| {
                    let target = targets.path().join(name);
                    fs::write(&target, "old").unwrap();
                    (disk.uncached(name, LEN), target)
                });
                let offset = place * CHUNK as u64;
                let range = offset..offset + CHUNK as u64;
                disk.rule(Rule::on(Op::Read).of("bad").within(range).errno(libc::EIO));
                let files = Files::builder(&jobs).policy(policy).chunk(CHUNK).build().unwrap();
                let run = files.convert(pairs.clone(), io::copy);
                for result in run {
                    match result {
                        Ok(done) => assert_ne!(done.index, 1),
                        Err(error) => {
                            assert_eq!((error.index, error.kind()), (1, FileErrorKind::Io));
                            assert_eq!(error.operation, FileOperation::Read, "{error}");
                            assert_eq!(error.source.raw_os_error(), Some(libc::EIO));
                            assert!(error.offset <= offset, "{} of {offset}", error.offset);
                        }
                    }
                }
                disk.clear();
                assert_eq!(fs::read_dir(targets.path()).unwrap().count(), 3);
                for (name, (_, target)) in names.into_iter().zip(pairs) {
                    let found = fs::read(target).unwrap();
                    let is_old = name == "bad";
                    assert!(found == if is_old { b"old".to_vec() } else { disk.contents(name) });
                }
            }
        }
    });
}
