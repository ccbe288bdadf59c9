//! Conversions of files whose file system fails in the middle.

use std::fs;
use std::io::{self, BufRead};

use reapool::{Durability, FileErrorKind, FileOperation, Files, Policy, Targets};

use crate::disk::{Faulty, Op, Options, Rule};
use crate::support::files::{modest, only, open_below, patterned};
use crate::support::{Tended, builder, scratch, watched};

const LEN: u64 = 1 << 20;
const CHUNK: usize = 64 << 10;

#[test]
fn a_source_that_fails_concerns_its_own_target_and_the_old_one_stays() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let (targets, jobs) = (scratch(), Tended::new(builder().workers(2).converters(2)));
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

/// What is read ahead for functions that want no more of it takes all memory for a while.
#[test]
fn functions_that_return_early_keep_no_other_from_memory() {
    const EARLY: u64 = 200;
    watched(|| {
        let options = Options { transfer: CHUNK as u32, ..Options::default() };
        let Some(disk) = Faulty::with(options) else { return };
        let targets = scratch();
        // As long as it is held, each read may keep a blocking thread.
        let dispatcher =
            Tended::new(builder().depth(256).workers(2).converters(2).blocking_threads(64));
        let memory = Targets::new().memory(1 << 20);
        let files = modest(&dispatcher).policy(Policy::Direct).targets(memory).build().unwrap();
        let hold = disk.hold();
        let behind = CHUNK as u64..LEN;
        let early = (0..EARLY).map(|place| {
            let name = format!("early-{place}");
            disk.rule(Rule::on(Op::Read).of(&name).within(behind.clone()).held(&hold));
            disk.file(&name, LEN)
        });
        let sources: Vec<_> = early.chain([disk.file("whole", LEN)]).collect();
        let pairs = sources.into_iter().map({
            let directory = targets.path().to_owned();
            move |path| (path.clone(), directory.join(path.file_name().unwrap()))
        });
        let mut run = files.convert(pairs, |source, target| {
            if source.info().index() == EARLY {
                return io::copy(source, target);
            }
            target.discard();
            source.fill_buf().map(|_| 0)
        });
        for _ in 0..EARLY {
            assert_eq!(run.next().unwrap().unwrap().value.written, None);
        }
        let open = open_below(&fs::canonicalize(disk.path("")).unwrap());
        assert!(open < 100, "{open} files are open");
        hold.release();
        assert_eq!(run.next().unwrap().unwrap().bytes, LEN);
    });
}

#[test]
fn a_write_that_fails_is_told_whatever_the_function_returns() {
    watched(|| {
        let directory = scratch();
        let source = patterned(directory.path(), "source", 1, LEN as usize);
        let dispatcher = Tended::new(builder());
        for durability in [Durability::Cached, Durability::Synced] {
            let Some(disk) = Faulty::mount() else { return };
            let targets = Targets::new().durability(durability);
            let files = modest(&dispatcher).targets(targets).build().unwrap();
            disk.rule(Rule::on(Op::Write).errno(libc::EIO));
            let target = disk.path("target");
            let run = files.convert([(source.clone(), target.clone())], |source, target| {
                let _ = io::copy(source, target);
                Ok(())
            });
            let error = only(run).unwrap_err();
            let text = format!("{}: Input/output error", target.display());
            assert_eq!(error.operation, FileOperation::Write, "{error}");
            assert!(error.to_string().contains(&text), "{durability:?}: {error}");
            disk.clear();
            assert!(!target.exists());
        }
    });
}
