//! Functions may wait for whatever the dispatcher does.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use reapool::{Chunk, FileReader, FileWriter, Files, Job, JobHandle};

use crate::support::files::{CHUNK, all, assert_same, files_of, modest, patterned, successes};
use crate::support::{self, Gate, Tended, eventually, scratch};
use crate::{add_one, pairs};

/// With one worker and one slot, whoever waits on that worker, or in that slot, waits for ever.
#[test]
fn a_function_waits_with_one_worker_and_one_slot() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[20 * CHUNK; 6]);
    let jobs = support::builder().depth(1).workers(1).converters(1).blocking_threads(1);
    let dispatcher = Tended::new(jobs);
    let files = modest(&dispatcher).build().unwrap();
    let submitter = dispatcher.submitter();
    let other = patterned(directory.path(), "other", 9, 10 * CHUNK);
    let run = files.convert(pairs(&sources, targets.path()), move |source, target| {
        let five = submitter.spawn(Job::nop(|| 5)).map_err(io::Error::other)?;
        assert_eq!(JobHandle::join(five).map_err(io::Error::other)?, 5);
        let mut reader = FileReader::builder(&submitter).open(&other)?;
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        let mut writer = FileWriter::builder(&submitter).create(target.path())?;
        writer.write_all(&bytes)?;
        writer.finish()?;
        add_one(source, target)
    });
    assert_eq!(successes(run).len(), 6);
}

#[test]
fn a_function_takes_the_results_of_another_run() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[CHUNK, 2 * CHUNK, 3 * CHUNK]);
    let dispatcher = Tended::new(support::builder().depth(8).workers(1).converters(1));
    let files = Arc::new(modest(&dispatcher).build().unwrap());
    let (inner, paths) = (Arc::clone(&files), sources.clone());
    let run = files.convert(pairs(&sources, targets.path()), move |_, target| {
        for result in inner.read(paths.clone(), |file| file.contents().len()) {
            writeln!(target, "{}", result?.value)?;
        }
        Ok(())
    });
    assert_eq!(successes(run).len(), 3);
    // Another conversion waits for the threads that this one has.
    let (inner, paths) = (Arc::clone(&files), sources.clone());
    let directory = targets.path().to_owned();
    let run = files.convert(pairs(&sources[..1], targets.path()), move |_, _| {
        let mut run = inner.convert(pairs(&paths, &directory), add_one);
        run.next().unwrap().map(drop).map_err(io::Error::from)
    });
    let error = all(run).pop().unwrap().unwrap_err();
    assert!(error.to_string().contains("would be left"), "{error}");
}

/// Files that wait for a function don't take the memory of the runs that functions wait for.
#[test]
fn a_function_waits_for_another_run_while_many_files_wait_for_it() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[20 * CHUNK; 300]);
    let other = patterned(directory.path(), "other", 9, 10 * CHUNK);
    let dispatcher = Tended::new(support::builder().depth(64).workers(2).converters(2));
    let files = Arc::new(Files::builder(&dispatcher).memory(20 << 20).build().unwrap());
    let (inner, gate) = (Arc::clone(&files), Gate::default());
    let (held, begun) = (gate.clone(), files.stats().opened_blocking);
    let run = files.convert(pairs(&sources, targets.path()), move |source, target| {
        held.pass();
        let count = |count: &mut usize, chunk: Chunk| *count += chunk.len();
        for result in inner.stream([other.clone()], |_| 0, count, |count, _| count) {
            assert_eq!(result?.value, 10 * CHUNK);
        }
        io::copy(source, target)
    });
    gate.wait_for(1);
    let opened = || {
        let stats = files.stats();
        stats.opened_blocking + stats.opened_cached - begun
    };
    eventually("more files are open than there is memory for", || opened() >= 100);
    gate.open();
    assert_eq!(successes(run).len(), 300);
}

/// A decoder that takes a `BufRead`, and an encoder that takes a `Write`.
#[test]
fn files_are_recompressed() {
    use flate2::bufread::MultiGzDecoder;
    use flate2::{Compression, read::GzDecoder, write::GzEncoder};

    let (directory, targets) = (scratch(), scratch());
    let plain = support::contents(0..1_000_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&plain).unwrap();
    let source = directory.path().join("file.gz");
    std::fs::write(&source, encoder.finish().unwrap()).unwrap();
    let dispatcher = Tended::new(support::builder().workers(1).converters(1));
    let files = modest(&dispatcher).build().unwrap();
    let target = targets.path().join("file.gz");
    let run = files.convert([(source, target.clone())], |source, target| {
        assert!(!source.fill_buf()?.is_empty());
        let mut encoder = GzEncoder::new(target, Compression::best());
        let bytes = io::copy(&mut MultiGzDecoder::new(source), &mut encoder)?;
        encoder.finish()?;
        Ok(bytes)
    });
    assert_eq!(successes(run)[0].value.value, 1_000_000);
    let mut found = Vec::new();
    GzDecoder::new(std::fs::File::open(target).unwrap()).read_to_end(&mut found).unwrap();
    assert_same("recompressed", &found, &plain);
}
