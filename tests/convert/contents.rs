//! What is in the targets, and what the results say of them.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;

use reapool::{Dispatcher, Durability, Files, FilesRun, Order, Policy, Targets};

use crate::support::cache::forget;
use crate::support::files::{
    CHUNK, POLICIES, assert_same, dispatcher, files_of, modest, only, patterned, small_files,
    successes,
};
use crate::support::scratch;
use crate::{add_one, names, one_more, pairs};

const SIZES: [usize; 9] =
    [0, 1, 4095, 4096, 4097, CHUNK, CHUNK + 1, 10 * CHUNK, 40 * CHUNK + 12345];

#[test]
fn each_target_is_what_the_function_has_written() {
    let directory = scratch();
    let sources = files_of(directory.path(), &SIZES);
    let dispatcher = dispatcher(2);
    for policy in POLICIES {
        for durability in [Durability::Cached, Durability::Synced] {
            for is_cached in [false, true] {
                if !is_cached {
                    sources.iter().for_each(|path| forget(path));
                }
                let targets = scratch();
                let files = modest(&dispatcher)
                    .policy(policy)
                    .targets(Targets::new().durability(durability).memory(4 << 20))
                    .build()
                    .unwrap();
                let done = successes(files.convert(pairs(&sources, targets.path()), add_one));
                assert_eq!(done.len(), SIZES.len());
                for (place, done) in done.iter().enumerate() {
                    let size = SIZES[place] as u64;
                    let facts = (done.value.value, done.value.written, done.bytes, done.size);
                    assert_eq!(facts, (size, Some(size), size, size));
                    assert_eq!(done.path, sources[place]);
                    let found = fs::read(&done.value.target).unwrap();
                    let expected = one_more(&fs::read(&sources[place]).unwrap());
                    assert_same(&format!("{policy:?} {durability:?}"), &found, &expected);
                }
                assert_eq!(names(targets.path()).len(), SIZES.len(), "nothing else is left");
            }
        }
    }
}

#[test]
fn many_small_files_come_in_the_order_asked_for_and_are_all_there() {
    let (directory, targets) = (scratch(), scratch());
    let sources = small_files(directory.path(), 1000);
    let dispatcher = dispatcher(2);
    let files = modest(&dispatcher).order(Order::Input).build().unwrap();
    let run = files.convert(pairs(&sources, targets.path()), add_one);
    let progress = run.progress();
    let indices: Vec<u64> = run.map(|result| result.unwrap().index).collect();
    assert!(indices.into_iter().eq(0..1000));
    for path in &sources {
        let found = fs::read(targets.path().join(path.file_name().unwrap())).unwrap();
        assert_same("small", &found, &one_more(&fs::read(path).unwrap()));
    }
    let end = progress.snapshot();
    let bytes: u64 = sources.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!((end.done, end.bytes, end.written), (1000, bytes, bytes));
}

#[test]
fn a_target_may_be_its_source_and_keeps_its_permissions() {
    let directory = scratch();
    let path = patterned(directory.path(), "file", 1, 3 * CHUNK + 5);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::read(&path).unwrap();
    let dispatcher = dispatcher(1);
    let files = modest(&dispatcher).build().unwrap();
    only(files.convert([(path.clone(), path.clone())], add_one)).unwrap();
    assert_same("in place", &fs::read(&path).unwrap(), &one_more(&before));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn a_source_can_be_sought_in_and_read_by_lines() {
    let directory = scratch();
    let path = directory.path().join("lines");
    fs::write(&path, "one\ntwo\n".repeat(50_000)).unwrap();
    let dispatcher = dispatcher(1);
    let files = modest(&dispatcher).build().unwrap();
    let target = directory.path().join("target");
    let pairs = [(path, target.clone())];
    let run = files.convert(pairs, |source, target| {
        assert_eq!(source.info().metadata().size, 400_000);
        let last = source.seek(SeekFrom::End(-4))?;
        let mut end = String::new();
        source.read_to_string(&mut end)?;
        source.rewind()?;
        writeln!(target, "{last} {end:?}")?;
        assert_eq!(
            (target.position(), target.path().file_name().unwrap()),
            (15, "target".as_ref())
        );
        Ok(BufReader::new(source).lines().map_while(Result::ok).count())
    });
    assert_eq!(only(run).unwrap().value.value, 100_000);
    assert_eq!(fs::read_to_string(target).unwrap(), "399996 \"two\\n\"\n");
}

#[test]
fn a_target_that_is_discarded_is_not_made_and_what_was_there_stays() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[10, 5 * CHUNK]);
    fs::write(targets.path().join("0-10"), "old").unwrap();
    let dispatcher = dispatcher(2);
    let files = modest(&dispatcher).build().unwrap();
    let run = files.convert(pairs(&sources, targets.path()), |source, target| {
        io::copy(source, target)?;
        target.discard();
        Ok(7)
    });
    for done in successes(run) {
        assert_eq!((done.value.value, done.value.written), (7, None));
    }
    assert_eq!(names(targets.path()), ["0-10"]);
    assert_eq!(fs::read(targets.path().join("0-10")).unwrap(), b"old");
}

/// As many large files as are enough to use up all memory, on as many threads.
#[test]
fn with_little_memory_no_file_waits_for_another_for_ever() {
    let (directory, targets) = (scratch(), scratch());
    let sources = files_of(directory.path(), &[20 * CHUNK; 40]);
    for workers in [1, 4] {
        let dispatcher = dispatcher(workers);
        for policy in [Policy::Direct, Policy::Buffered] {
            sources.iter().for_each(|path| forget(path));
            // Two chunks each way for each thread, and as much for the beginnings of files.
            let least = 8 * CHUNK * workers;
            let files = Files::builder(&dispatcher)
                .policy(policy)
                .chunk(CHUNK)
                .read_ahead(4 * CHUNK)
                .whole_limit(CHUNK)
                .memory(2 << 20)
                .targets(Targets::new().memory(least))
                .build()
                .unwrap();
            let run = files.convert(pairs(&sources, targets.path()), add_one);
            assert_eq!(successes(run).len(), 40);
        }
    }
}

/// The program of a new user.
#[test]
fn files_are_compressed_beside_themselves_in_few_lines() {
    use flate2::{Compression, read::GzDecoder, write::GzEncoder};

    let directory = scratch();
    small_files(directory.path(), 100);
    let compress = |jobs: &Dispatcher| -> io::Result<FilesRun<_>> {
        let pairs = fs::read_dir(directory.path())?.map(|entry| {
            let path = entry?.path();
            io::Result::Ok((path.clone(), path.with_added_extension("gz")))
        });
        // Listed before, as the targets appear in the same directory.
        let pairs: Vec<_> = pairs.collect();
        Ok(Files::new(jobs).map_err(io::Error::other)?.convert(pairs, |source, target| {
            let mut encoder = GzEncoder::new(target, Compression::fast());
            io::copy(source, &mut encoder)?;
            encoder.finish()?;
            Ok(())
        }))
    };
    let dispatcher = dispatcher(2);
    assert_eq!(successes(compress(&dispatcher).unwrap()).len(), 100);
    assert_eq!(names(directory.path()).len(), 200);
    let first = directory.path().join("small-00000");
    let compressed = fs::File::open(first.with_added_extension("gz")).unwrap();
    let mut found = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut found).unwrap();
    assert_same("decompressed", &found, &fs::read(first).unwrap());
}
