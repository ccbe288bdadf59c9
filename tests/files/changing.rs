//! Files that change while they are read: what comes is in order and without gaps, and ends.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use reapool::{Chunk, Files, FilesRun, Processed};

use crate::support::cache::forget;
use crate::support::files::{
    CHUNK, POLICIES, assert_same, dispatcher, in_memory, modest, only, pattern, patterned,
};
use crate::support::scratch;

/// Streams a file, doing something with it in its first chunk.
fn meddling<F>(files: &Files, path: &Path, meddle: F) -> FilesRun<Vec<u8>>
where
    F: Fn() + Send + Sync + 'static,
{
    let chunk = move |bytes: &mut Vec<u8>, chunk: Chunk| {
        assert_eq!(chunk.offset(), bytes.len() as u64);
        bytes.extend_from_slice(&chunk);
        if chunk.offset() == 0 {
            meddle();
        }
    };
    files.stream([path.to_owned()], |_| Vec::new(), chunk, |bytes, _| bytes)
}

/// Does so by every policy, on disk and in memory, from cold and warm files.
fn everywhere(
    len: usize,
    test: impl Fn(&Files, &Path) -> FilesRun<Vec<u8>>,
    check: impl Fn(&str, &Processed<Vec<u8>>),
) {
    let dispatcher = dispatcher(2);
    let (disk, memory) = (scratch(), in_memory());
    for directory in [Some(disk), memory].iter().flatten() {
        for policy in POLICIES {
            for (cold, ahead) in [(true, CHUNK), (true, 4 * CHUNK), (false, 4 * CHUNK), (false, 1)]
            {
                let builder = modest(&dispatcher).policy(policy).read_ahead(ahead);
                let files = builder.build().unwrap();
                let path = patterned(directory.path(), "file", 1, len);
                if cold {
                    forget(&path);
                }
                let what = format!("{policy:?}, cold: {cold}, ahead: {ahead}, {}", path.display());
                let done =
                    only(test(&files, &path)).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(done.bytes, done.value.len() as u64, "{what}");
                assert_eq!(done.size, len as u64, "{what}: the size when it was opened");
                check(&what, &done);
            }
        }
    }
}

#[test]
fn one_that_is_cut_short_ends_there() {
    const LEN: usize = 16 * CHUNK;
    for cut in [0, 1, CHUNK - 1, CHUNK, CHUNK + 513, 3 * CHUNK / 2, 9 * CHUNK + 4096, LEN - 1] {
        let cutting = move |files: &Files, path: &Path| {
            let file = File::options().write(true).open(path).unwrap();
            meddling(files, path, move || file.set_len(cut as u64).unwrap())
        };
        everywhere(LEN, cutting, |what, done| {
            let (len, sure) = (done.value.len(), cut.max(CHUNK));
            assert!(len >= sure, "cut to {cut}, {what}: {len} bytes");
            let before = pattern(1, LEN);
            assert_same(&format!("cut to {cut}, {what}"), &done.value[..sure], &before[..sure]);
            // What had been read by then may come, and it is what was there; or zeros, of which the
            // kernel makes the rest of the last page while others read it.
            let same = |(now, before): (&u8, &u8)| now == before || *now == 0;
            let behind = done.value[sure..].iter().zip(&before[sure..len]).all(same);
            assert!(behind, "cut to {cut}, {what}: other bytes behind the end");
        });
    }
}

#[test]
fn one_that_is_cut_well_ahead_is_not_read_beyond() {
    // Farther than what is read ahead, so that nothing of it had been read by then.
    const LEN: usize = 40 * CHUNK;
    const CUT: usize = 20 * CHUNK + 100;
    let cutting = |files: &Files, path: &Path| {
        let file = File::options().write(true).open(path).unwrap();
        meddling(files, path, move || file.set_len(CUT as u64).unwrap())
    };
    everywhere(LEN, cutting, |what, done| {
        assert_same(what, &done.value, &pattern(1, LEN)[..CUT]);
    });
}

#[test]
fn one_that_grows_is_read_without_a_gap() {
    for len in [3 * CHUNK, 3 * CHUNK + 100, CHUNK, 5000, 4096] {
        for more in [1, 5000, 2 * CHUNK + 77] {
            let growing = move |files: &Files, path: &Path| {
                let file = File::options().append(true).open(path).unwrap();
                meddling(files, path, move || (&file).write_all(&vec![b'+'; more]).unwrap())
            };
            everywhere(len, growing, |what, done| {
                let mut expected = pattern(1, len);
                expected.extend(vec![b'+'; more]);
                let count = done.value.len();
                assert!(count >= len, "{len} and {more}, {what}: {count}");
                assert_same(&format!("{len} and {more}, {what}"), &done.value, &expected[..count]);
            });
        }
    }
}

#[test]
fn one_that_is_replaced_is_read_as_it_was_opened() {
    const LEN: usize = 12 * CHUNK + 5;
    let replacing = |files: &Files, path: &Path| {
        let own = path.to_owned();
        meddling(files, path, move || {
            let other = own.with_extension("other");
            fs::write(&other, vec![b'x'; 2 * LEN]).unwrap();
            fs::rename(other, &own).unwrap();
        })
    };
    everywhere(LEN, replacing, |what, done| assert_same(what, &done.value, &pattern(1, LEN)));
}

#[test]
fn one_that_is_deleted_is_read_to_its_end() {
    const LEN: usize = 12 * CHUNK + 5;
    let deleting = |files: &Files, path: &Path| {
        let own = path.to_owned();
        meddling(files, path, move || fs::remove_file(&own).unwrap())
    };
    everywhere(LEN, deleting, |what, done| assert_same(what, &done.value, &pattern(1, LEN)));
}

#[test]
fn one_that_is_written_to_shows_old_or_new_bytes() {
    const LEN: usize = 12 * CHUNK + 5;
    let overwriting = |files: &Files, path: &Path| {
        let file = File::options().write(true).open(path).unwrap();
        let done = AtomicBool::new(false);
        meddling(files, path, move || {
            assert!(!done.swap(true, Ordering::SeqCst), "one first chunk");
            file.write_all_at(&pattern(2, LEN), 0).unwrap();
        })
    };
    everywhere(LEN, overwriting, |what, done| {
        let (old, new) = (pattern(1, LEN), pattern(2, LEN));
        assert_eq!(done.value.len(), LEN, "{what}");
        assert_same(what, &done.value[..CHUNK], &old[..CHUNK]);
        let pairs = old.iter().zip(&new).zip(&done.value);
        let strange = pairs.filter(|((old, new), byte)| byte != old && byte != new).count();
        assert_eq!(strange, 0, "{what}: bytes that never were there");
    });
}
