//! Whole files: their contents at once, up to a limit.

use std::path::Path;

use bytes::Bytes;
use reapool::{FileErrorKind, FileKind, FileOperation, FilesError};

use crate::support::cache::forget;
use crate::support::files::{
    CHUNK, POLICIES, assert_same, copied, dispatcher, files_of, in_memory, modest, only, pattern,
    sparse, successes,
};
use crate::support::scratch;

fn up_to_the_limit(directory: &Path) {
    let dispatcher = dispatcher(2);
    for limit in [1, 4095, 4096, 5000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7] {
        let sizes = [0, limit - 1, limit];
        let paths = files_of(directory, &sizes);
        let larger = sparse(directory, "larger", limit as u64 + 1);
        let huge = sparse(directory, "huge", 1 << 40);
        for policy in POLICIES {
            for cold in [true, false] {
                if cold {
                    paths.iter().chain([&larger]).for_each(|path| forget(path));
                }
                let what = format!("{policy:?}, limit {limit}, cold: {cold}");
                let files = modest(&dispatcher).policy(policy).whole_limit(limit).build().unwrap();
                for (place, done) in successes(copied(&files, paths.clone())).iter().enumerate() {
                    assert_same(&what, &done.value, &pattern(place, sizes[place]));
                }
                for (path, size) in [(&larger, limit as u64 + 1), (&huge, 1 << 40)] {
                    let error = only(copied(&files, [path.clone()])).unwrap_err();
                    assert_eq!(error.kind(), FileErrorKind::TooLarge, "{what}: {error}");
                    assert_eq!((error.operation, error.offset), (FileOperation::Read, 0), "{what}");
                    let message = error.source.to_string();
                    let sizes = [size.to_string(), limit.to_string()];
                    assert!(sizes.iter().all(|size| message.contains(size)), "{what}: {message}");
                }
            }
        }
    }
}

#[test]
fn up_to_the_limit_on_disk() {
    up_to_the_limit(scratch().path());
}

#[test]
fn up_to_the_limit_in_memory() {
    if let Some(directory) = in_memory() {
        up_to_the_limit(directory.path());
    }
}

#[test]
fn one_that_says_too_little_and_has_too_much() {
    let dispatcher = dispatcher(2);
    for policy in POLICIES {
        for limit in [1, 16, 100] {
            let files = modest(&dispatcher).policy(policy).whole_limit(limit).build().unwrap();
            let error = only(copied(&files, ["/proc/self/status"])).unwrap_err();
            assert_eq!(error.kind(), FileErrorKind::TooLarge, "{policy:?}, {limit}: {error}");
        }
    }
}

#[test]
fn a_whole_file_knows_what_it_is() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = files_of(directory.path(), &[0, 77, 300_000]);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let run = files.read(paths.clone(), |file| {
            assert_eq!(file.path(), file.info().path());
            assert_eq!(file.metadata().inode, file.info().metadata().inode);
            file
        });
        for (place, done) in successes(run).into_iter().enumerate() {
            let file = done.value;
            assert_eq!((file.info().index(), file.path()), (place as u64, &*paths[place]));
            let expected = std::fs::metadata(&paths[place]).unwrap();
            let metadata = file.metadata();
            assert_eq!((metadata.kind, metadata.size), (FileKind::Regular, expected.len()));
            assert_eq!(metadata.modified, expected.modified().unwrap());
            assert_eq!(metadata.inode, std::os::unix::fs::MetadataExt::ino(&expected));
            // The bytes are there as long as the file is.
            assert_same("kept", file.contents(), &std::fs::read(&paths[place]).unwrap());
        }
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let dispatcher = dispatcher(1);
    let refused = |builder: reapool::FilesBuilder, name: &str| match builder.build() {
        Err(FilesError::InvalidConfig { setting, .. }) => assert_eq!(setting, name),
        other => panic!("{name}: {other:?}"),
    };
    refused(modest(&dispatcher).chunk(0), "chunk");
    refused(modest(&dispatcher).chunk(usize::MAX), "chunk");
    refused(modest(&dispatcher).whole_limit(usize::MAX), "whole_limit");
    refused(modest(&dispatcher).files_at_once(0), "files_at_once");
    refused(modest(&dispatcher).open_files(0), "open_files");
    refused(modest(&dispatcher).results(0), "results");
    refused(modest(&dispatcher).memory(1 << 60), "memory");
    refused(modest(&dispatcher).memory(1 << 20).whole_limit(4 << 20), "memory");
    let little = modest(&dispatcher).memory(1 << 20).whole_limit(4 << 20).build().unwrap_err();
    let text = little.to_string();
    for part in ["memory can't be 1048576: ", "whole_limit, 4194304 bytes", "Raise memory"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("slab") && !text.contains("class"), "no words of the pool: {text}");
}

#[test]
fn a_whole_file_is_shared_without_a_copy() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let sizes = [CHUNK, 0, CHUNK / 2];
    let paths = files_of(directory.path(), &sizes);
    // All of them are kept. By the way that each is read, it has a buffer of another size, and
    // memory is mapped for each size for itself.
    let files = modest(&dispatcher).memory(16 << 20).build().unwrap();
    let shared = successes(files.read(paths, |file| {
        let address = file.contents().as_ptr();
        let bytes = Bytes::from_owner(file);
        assert!(bytes.is_empty() || bytes.as_ptr() == address);
        bytes
    }));
    for (place, done) in shared.iter().enumerate() {
        assert_same("shared", &done.value, &pattern(place, sizes[place]));
    }
}
