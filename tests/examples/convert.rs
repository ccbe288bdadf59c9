//! The example `convert`, run as its users run it.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::copy_tree::{assert_same, walk};
use crate::models::model;
use crate::program::{explains_itself, run, stderr, stdout};
use crate::support::{contents, known_file, scratch};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

pub(crate) fn decompressed(path: &Path) -> Vec<u8> {
    let file = File::open(path).unwrap();
    if path.extension() == Some(OsStr::new("zst")) {
        return zstd::decode_all(file).unwrap();
    }
    let mut bytes = Vec::new();
    MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A tree with files of many sizes, permissions and times.
fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("a/b")).unwrap();
    for size in [0, 1, 4095, 4096, 65_537, 300_000] {
        known_file(root, &format!("{size} bytes"), size);
    }
    known_file(&root.join("a/b"), "large", (1 << 20) + 12_345);
    fs::write(root.join(OsStr::from_bytes(b"a/not UTF-8 \xff")), "x").unwrap();
    // No suffix.
    fs::write(root.join("a/.gz"), "a name").unwrap();
    for (path, mode) in [("1 bytes", 0o600), ("4095 bytes", 0o4755), ("a/b", 0o711)] {
        fs::set_permissions(root.join(path), Permissions::from_mode(mode)).unwrap();
    }
    for (path, seconds) in [("0 bytes", 1_000_000_000), ("4096 bytes", 5), ("a/b/large", 7)] {
        let time = UNIX_EPOCH + Duration::new(seconds, 123_456_789);
        let times = FileTimes::new().set_accessed(time - Duration::from_secs(1)).set_modified(time);
        File::open(root.join(path)).unwrap().set_times(times).unwrap();
    }
}

/// Runs it, and nothing is wrong.
pub(crate) fn succeeds(directory: &Path, arguments: &[&str]) {
    let output = run("convert", directory, arguments);
    let said = (stdout(&output), stderr(&output), output.status.code());
    assert_eq!(said, ("", "", Some(0)), "{arguments:?}");
}

/// Runs it, and it says this about files, in any order, as some failed.
pub(crate) fn fails(directory: &Path, arguments: &[&str], complaints: &[&str]) {
    let output = run("convert", directory, arguments);
    let mut said: Vec<&str> = stderr(&output).lines().collect();
    said.sort_unstable();
    let mut expected: Vec<String> = complaints.iter().map(|it| format!("convert: {it}")).collect();
    expected.sort_unstable();
    assert_eq!(said, expected, "{arguments:?}");
    assert_eq!((stdout(&output), output.status.code()), ("", Some(1)), "{arguments:?}");
}

#[test]
fn trees_come_back_as_they_were_from_both_formats() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    make_tree(&path("source"));
    let settings: [&[&str]; 4] = [
        &["--verify"],
        &["--policy=direct", "--fsync", "--verify"],
        &["--policy=buffered", "--workers=4"],
        &["--memory=4M", "--chunk=4K", "--workers=1", "--depth=1", "--verify"],
    ];
    for options in settings {
        // The suffixes stand for the formats; the lowest level is quick also in a debug build.
        for (format, suffix) in [("--format=gzip", ".gz"), ("--format=zstd", ".zst")] {
            let convert = [options, &["-1", format, "--to=compressed", "source"]].concat();
            succeeds(directory.path(), &convert);
            for below in walk(&path("source")) {
                let source = path("source").join(&below);
                if source.is_dir() {
                    continue;
                }
                let mut target = path("compressed").join(&below).into_os_string();
                target.push(suffix);
                let expected = fs::read(&source).unwrap();
                assert!(decompressed(target.as_ref()) == expected, "{target:?} {options:?}");
            }
            let back = [options, &["--decompress", "--to=back", "compressed"]].concat();
            succeeds(directory.path(), &back);
            // The directories named by the user are made, and have no source.
            let attributes = fs::metadata(path("source")).unwrap();
            fs::set_permissions(path("back"), attributes.permissions()).unwrap();
            let modified = attributes.modified().unwrap();
            File::open(path("back")).unwrap().set_modified(modified).unwrap();
            assert_same(&path("source"), &path("back"));
            fs::remove_dir_all(path("compressed")).unwrap();
            fs::remove_dir_all(path("back")).unwrap();
        }
    }
}

/// From 8 MiB on they are written directly if they are synced; gzip would take long in a debug
/// build.
#[test]
fn large_files_come_back_as_they_were() {
    let directory = scratch();
    let source = known_file(directory.path(), "file", (9 << 20) + 12_345);
    fs::set_permissions(&source, Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&source).unwrap();
    for options in [&[][..], &["--policy=direct"], &["--fsync", "--chunk=64K"]] {
        for options in [options, &[options, &["--verify"]].concat()] {
            succeeds(directory.path(), &[options, &["--format=zstd", "file"]].concat());
            assert!(decompressed(&directory.path().join("file.zst")) == fs::read(&source).unwrap());
            fs::remove_file(&source).unwrap();
            succeeds(directory.path(), &[options, &["-d", "--remove", "file.zst"]].concat());
            assert!(fs::read(&source).unwrap() == contents(0..before.len()), "{options:?}");
            let after = fs::metadata(&source).unwrap();
            assert_eq!(after.modified().unwrap(), before.modified().unwrap(), "{options:?}");
            assert_eq!(after.permissions(), before.permissions());
            assert_eq!(walk(directory.path()), ["", "file"].map(Path::new));
        }
    }
}

#[test]
fn gzip_reads_what_was_made_and_knows_name_and_time() {
    let directory = scratch();
    let source = known_file(directory.path(), "file", 100_000);
    let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::open(&source).unwrap().set_modified(time).unwrap();
    succeeds(directory.path(), &["file"]);
    let target = directory.path().join("file.gz");
    let decoder = flate2::bufread::GzDecoder::new(&*fs::read(&target).unwrap()).header().cloned();
    let header = decoder.unwrap();
    assert_eq!((header.filename(), header.mtime()), (Some(&b"file"[..]), 1_000_000_000));
    if let Some(mut gzip) = model("gzip") {
        let output = gzip.arg("-dc").arg(target).output().unwrap();
        assert!(output.stdout == fs::read(source).unwrap() && output.status.success());
    }
}

#[test]
fn levels_are_given_as_to_gzip_and_zstd() {
    let directory = scratch();
    known_file(directory.path(), "file", 10_000);
    // The levels after the first are those of the last option.
    for level in ["-9", "--level=9", "-1k9", "-1q", "-19q", "-2 -9", "-q9k -f"] {
        let mut arguments: Vec<&str> = level.split(' ').collect();
        if level.contains("19") {
            arguments.push("--format=zstd");
        }
        succeeds(directory.path(), &[&arguments[..], &["--force", "file"]].concat());
    }
    for (level, name) in [("-0", "gzip"), ("-10", "gzip"), ("--level=20", "zstd")] {
        let format = format!("--format={name}");
        let output = run("convert", directory.path(), &[level, &format, "file"]);
        assert!(stderr(&output).contains(&format!("{name} has levels from 1 to ")), "{level}");
        assert_eq!(output.status.code(), Some(2), "{level}");
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    fs::copy(page, directory.path().join("file")).unwrap();
    let size = |level: &str| {
        succeeds(directory.path(), &["--format=zstd", "--force", level, "file"]);
        fs::metadata(directory.path().join("file.zst")).unwrap().len()
    };
    assert_ne!(size("-9"), size("-19"), "both digits count");
    assert_eq!(size("-19"), size("--level=19"));
}

#[test]
fn convert_explains_itself() {
    let directory = scratch();
    fs::create_dir_all(directory.path().join("tree/inside")).unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let mistakes: [(&[&str], i32); 15] = [
        (&[], 2),
        (&["--unknown", "file"], 2),
        (&["--format=xz", "file"], 2),
        (&["--from=tar", "file"], 2),
        (&["--level=high", "file"], 2),
        (&["-99999999999", "file"], 2),
        (&["-d", "-9", "file"], 2),
        (&["-d", "--format=gzip", "file"], 2),
        (&["-d", "--from=none", "file"], 2),
        (&["--memory=1M", "file"], 2),
        (&["file", "-"], 2),
        (&["vanished"], 1),
        (&["--to=tree/inside", "tree"], 1),
        (&["--to=tree", "tree/inside"], 1),
        (&["--to=vanished/target", "file"], 1),
    ];
    explains_itself("convert", directory.path(), &mistakes);
    assert_eq!(walk(directory.path()), ["", "file", "tree", "tree/inside"].map(Path::new));
}
