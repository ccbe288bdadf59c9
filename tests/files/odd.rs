//! What is at a path may be no file, or none like others: each has its result, and none hangs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use reapool::{Access, FileError, FileErrorKind, FileOperation, Files, Policy};

use crate::support::files::{
    POLICIES, all, assert_same, copied, dispatcher, gathered, modest, only, pattern, patterned,
    small_files, successes,
};
use crate::support::{make_fifo, scratch, watched};

fn fifo(directory: &Path) -> PathBuf {
    let path = directory.join("fifo");
    make_fifo(&path);
    path
}

/// The errors of a run over one path, whole and streamed.
fn errors(files: &Files, path: &Path) -> [FileError; 2] {
    let whole = only(copied(files, [path.to_owned()])).unwrap_err();
    [whole, only(gathered(files, [path.to_owned()])).unwrap_err()]
}

#[test]
fn what_has_no_contents_that_end_is_not_a_file() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let socket = directory.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let link = directory.path().join("link to a directory");
    symlink(directory.path(), &link).unwrap();
    let fifo = fifo(directory.path());
    let devices = ["/dev/null", "/dev/zero", "/dev/full"].map(PathBuf::from);
    let there = [directory.path().to_owned(), link, fifo, socket].into_iter().chain(devices);
    for path in there {
        for policy in POLICIES {
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            for error in errors(&files, &path) {
                assert_eq!(error.kind(), FileErrorKind::NotAFile, "{policy:?}: {error}");
                assert_eq!((error.index, error.offset, &error.path), (0, 0, &path));
                assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
            }
        }
    }
}

#[test]
fn what_is_not_there_is_told_as_by_the_system() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let file = patterned(directory.path(), "file", 1, 10);
    let [dangling, circle] = ["dangling", "circle"].map(|name| directory.path().join(name));
    symlink(directory.path().join("nothing"), &dangling).unwrap();
    symlink(&circle, &circle).unwrap();
    let zero = PathBuf::from(OsStr::from_bytes(b"a\0b"));
    let paths = [
        (directory.path().join("missing"), Some(libc::ENOENT)),
        (directory.path().join("missing/below"), Some(libc::ENOENT)),
        (dangling, Some(libc::ENOENT)),
        (circle, Some(libc::ELOOP)),
        (file.join("below"), Some(libc::ENOTDIR)),
        (directory.path().join("long".repeat(100)), Some(libc::ENAMETOOLONG)),
        (PathBuf::new(), Some(libc::ENOENT)),
        (zero, None),
    ];
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        for (path, errno) in &paths {
            for error in errors(&files, path) {
                assert_eq!(error.source.raw_os_error(), *errno, "{policy:?}: {error}");
                assert_eq!(error.source.kind(), fs::read(path).unwrap_err().kind());
                assert_eq!(error.kind(), FileErrorKind::Io);
                assert_eq!((error.operation, &error.path), (FileOperation::Open, path));
            }
        }
    }
}

#[test]
fn bad_ones_are_no_hindrance_to_good_ones() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let mut paths = small_files(directory.path(), 300);
    let fifo = fifo(directory.path());
    for place in (0..300).filter(|place| place % 3 > 0) {
        let missing = directory.path().join(format!("missing {place}"));
        paths[place] = if place % 3 == 1 { missing } else { fifo.clone() };
    }
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let outcomes = all(copied(&files, paths.clone()));
        let count = |kind| {
            let errors = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
            errors.filter(|error| error.kind() == kind).count()
        };
        let good = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let counts = (good, count(FileErrorKind::Io), count(FileErrorKind::NotAFile));
        assert_eq!(counts, (100, 100, 100), "{policy:?}");
    }
}

#[test]
fn links_are_followed() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let file = patterned(directory.path(), "file", 1, 5000);
    let link = directory.path().join("link");
    symlink(&file, &link).unwrap();
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let done = only(copied(&files, [link.clone()])).unwrap();
        assert_eq!((&done.value, &done.path), (&pattern(1, 5000), &link));
    }
}

/// All bytes, whichever way, of files whose size says nothing.
fn assert_told(path: &'static str, is_right: impl Fn(&[u8]) -> bool) {
    let dispatcher = dispatcher(2);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let fine = modest(&dispatcher).policy(policy).chunk(4096).build().unwrap();
        let streamed = [only(gathered(&files, [path])), only(gathered(&fine, [path]))];
        for done in [only(copied(&files, [path]))].into_iter().chain(streamed) {
            let done = done.unwrap();
            let text = String::from_utf8_lossy(&done.value);
            assert!(is_right(&done.value), "{policy:?}, {path}: {text}");
            assert_eq!(done.bytes, done.value.len() as u64);
            assert_ne!(done.access, Access::Direct);
            match policy {
                Policy::Direct => assert!(done.fallback.is_some(), "{path}"),
                Policy::Buffered => assert!(done.fallback.is_none(), "{path}: {:?}", done.fallback),
                // It may find it large enough to be worth a try.
                _ => {}
            }
        }
    }
}

#[test]
fn files_of_the_kernels_are_read_to_their_end() {
    assert_told("/proc/version", |bytes| bytes == fs::read("/proc/version").unwrap());
    assert_told("/proc/filesystems", |bytes| bytes == fs::read("/proc/filesystems").unwrap());
    assert_told("/proc/self/status", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        text.starts_with("Name:") && text.contains("nonvoluntary_ctxt_switches:")
    });
    // Many reads.
    assert_told("/proc/self/smaps", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        text.matches("VmFlags:").count() > 10 && text.contains("[stack]") && text.ends_with('\n')
    });
    // Several pages; longer than what is read of a small file.
    assert_told("/proc/cpuinfo", |bytes| {
        let count = |text: &[u8]| String::from_utf8_lossy(text).matches("processor\t").count();
        count(bytes) == count(&fs::read("/proc/cpuinfo").unwrap()) && bytes.ends_with(b"\n\n")
    });
    if Path::new("/proc/kallsyms").exists() {
        // Megabytes, and said to be empty: more than the limit for whole ones.
        let dispatcher = dispatcher(2);
        let expected = fs::read("/proc/kallsyms").unwrap();
        for policy in POLICIES {
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            let done = only(gathered(&files, ["/proc/kallsyms"])).unwrap();
            assert_same("/proc/kallsyms", &done.value, &expected);
            if expected.len() > 1 << 20 {
                let error = only(copied(&files, ["/proc/kallsyms"])).unwrap_err();
                assert_eq!(error.kind(), FileErrorKind::TooLarge, "{error}");
            }
        }
    }
    // They say 4096.
    let possible = "/sys/devices/system/cpu/possible";
    assert_told(possible, |bytes| bytes == fs::read(possible).unwrap());
}

#[test]
fn names_need_not_be_text() {
    watched(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let path = directory.path().join(OsStr::from_bytes(b"\xff\xfe not \xc3 text\n"));
        fs::write(&path, pattern(2, 300)).unwrap();
        let missing = directory.path().join(OsStr::from_bytes(b"\xff missing"));
        for policy in POLICIES {
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            let done = successes(copied(&files, [path.clone()])).pop().unwrap();
            assert_eq!((&done.path, &done.value), (&path, &pattern(2, 300)));
            let error = only(copied(&files, [missing.clone()])).unwrap_err();
            assert!(error.path == missing && error.to_string().contains("missing"));
        }
    });
}
