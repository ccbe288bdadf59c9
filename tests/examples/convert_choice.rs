//! The example `convert`: which files it takes, and which it replaces.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::convert::{decompressed, fails, gzip, succeeds, zstd};
use crate::copy_tree::walk;
use crate::program::{run, stderr};
use crate::support::{contents, known_file, make_fifo, scratch};

#[test]
fn targets_that_are_there_stay_unless_they_are_to_be_replaced() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    known_file(directory.path(), "file", 1000);
    fs::set_permissions(path("file"), Permissions::from_mode(0o600)).unwrap();
    fs::write(path("file.gz"), "mine").unwrap();
    fs::set_permissions(path("file.gz"), Permissions::from_mode(0o644)).unwrap();
    let there = "file: file.gz is there already (--force replaces it)";
    fails(directory.path(), &["--remove", "file"], &[there]);
    assert_eq!(fs::read(path("file.gz")).unwrap(), b"mine");
    assert!(path("file").exists());
    // Links are names, too.
    fs::rename(path("file.gz"), path("other")).unwrap();
    symlink("other", path("file.gz")).unwrap();
    fails(directory.path(), &["file"], &[there]);

    succeeds(directory.path(), &["--force", "file"]);
    assert!(!path("file.gz").is_symlink());
    assert_eq!(fs::read(path("other")).unwrap(), b"mine", "what the link led to");
    fs::remove_file(path("file.gz")).unwrap();
    fs::rename(path("other"), path("file.gz")).unwrap();
    succeeds(directory.path(), &["--force", "file"]);
    assert_eq!(decompressed(&path("file.gz")), contents(0..1000));
    let mode = fs::metadata(path("file.gz")).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600, "the source's, not those of the file that was replaced");
}

#[test]
fn what_does_not_fit_is_left_out() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("tree")).unwrap();
    let temporary = ".x.0123456789abcdef.tmp";
    for name in ["a.gz", "b.zst", "c.TGZ", "d.xz", "e.zip", "plain", temporary] {
        fs::write(path("tree").join(name), gzip(b"x")).unwrap();
    }
    symlink("plain", path("tree/link")).unwrap();
    symlink("tree", path("to tree")).unwrap();
    make_fifo(&path("tree/fifo"));
    let before = walk(&path("tree"));
    succeeds(directory.path(), &["--to=target", "tree"]);
    assert_eq!(walk(&path("target")), ["", "plain.gz"].map(Path::new));
    let output = run("convert", directory.path(), &["--force", "--verbose", "tree"]);
    assert_eq!(output.status.code(), Some(0));
    let said = stderr(&output);
    let reasons = [
        "a.gz: left out: its suffix says that it is compressed already\n",
        "c.TGZ: left out: its suffix says that it is compressed already\n",
        "d.xz: left out: its suffix says that it is compressed already\n",
        ".x.0123456789abcdef.tmp: left out: its name is that of an unfinished file\n",
        "link: left out: a symbolic link\n",
        "fifo: left out: neither file nor directory\n",
        "convert: 1 files were converted, ",
        "convert: 8 files were left out\n",
    ];
    assert!(reasons.iter().all(|reason| said.contains(reason)), "{said}");
    fs::remove_file(path("tree/plain.gz")).unwrap();
    assert_eq!(walk(&path("tree")), before);

    // Who names a file wants it to be converted.
    let complaints = [
        "tree/a.gz: left out: its suffix says that it is compressed already",
        "tree/link: a symbolic link",
        "to tree: a symbolic link",
        "tree/fifo: neither file nor directory",
        "vanished: No such file or directory (os error 2)",
    ];
    let named = ["tree/a.gz", "tree/link", "to tree", "tree/fifo", "vanished"];
    fails(directory.path(), &named, &complaints);
    let suffix = "tree/plain: left out: its suffix is none of those that are taken";
    fails(directory.path(), &["-d", "tree/plain"], &[suffix]);
    assert_eq!(walk(&path("tree")), before);
}

#[test]
fn files_are_compressed_anew() {
    let directory = scratch();
    let path = |name: &str| directory.path().join("tree").join(name);
    let names = || {
        let mut names = walk(&directory.path().join("tree"));
        names.remove(0);
        names.into_iter().map(|name| name.into_os_string().into_string().unwrap())
    };
    let make = || {
        let _ = fs::remove_dir_all(directory.path().join("tree"));
        fs::create_dir(directory.path().join("tree")).unwrap();
        fs::write(path("gzip.gz"), gzip(b"from gzip")).unwrap();
        fs::write(path("archive.tgz"), gzip(b"an archive")).unwrap();
        fs::write(path("zstd.zst"), zstd(b"from zstd")).unwrap();
        fs::write(path("plain"), b"from nothing").unwrap();
    };
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--from=gzip", "--format=zstd"], &["archive.tar.zst", "gzip.zst"]),
        (&["--from=auto", "--format=zstd"], &["archive.tar.zst", "gzip.zst", "plain.zst"]),
        (&["--from=zstd"], &["zstd.gz"]),
        (&["--from=auto", "--format=gzip"], &["plain.gz", "zstd.gz"]),
        (&["--decompress"], &["archive.tar", "gzip", "zstd"]),
        (&["--decompress", "--from=zstd"], &["zstd"]),
    ];
    for (options, made) in cases {
        make();
        let before: Vec<String> = names().collect();
        succeeds(directory.path(), &[options, &["--verify", "tree"]].concat());
        let new: Vec<String> = names().filter(|name| !before.contains(name)).collect();
        assert_eq!(new, made, "{options:?}");
        for name in made {
            let expected: &[u8] = match *name {
                name if name.starts_with("archive") => b"an archive",
                name if name.starts_with("gzip") => b"from gzip",
                name if name.starts_with("zstd") => b"from zstd",
                _ => b"from nothing",
            };
            let found = match options[0] {
                "--decompress" => fs::read(path(name)).unwrap(),
                _ => decompressed(&path(name)),
            };
            assert_eq!(found, expected, "{name} {options:?}");
        }
    }
}

#[test]
fn files_are_compressed_anew_in_their_own_places() {
    let directory = scratch();
    let path = directory.path().join("file.gz");
    let contents = contents(0..100_000);
    fs::write(&path, gzip(&contents)).unwrap();
    let before = fs::read(&path).unwrap();
    let in_place = ["--from=gzip", "-9", "file.gz"];
    for options in [&[][..], &["--force", "--verify"]] {
        let output = run("convert", directory.path(), &[options, &in_place].concat());
        assert!(stderr(&output).contains("targets would replace their sources"), "{options:?}");
        assert_eq!(output.status.code(), Some(2), "{options:?}");
    }
    assert!(fs::read(&path).unwrap() == before);
    // It is its own source, which is not removed.
    succeeds(directory.path(), &[&["--force", "--remove"], &in_place[..]].concat());
    assert!(fs::read(&path).unwrap() != before);
    assert!(decompressed(&path) == contents);
    assert_eq!(walk(directory.path()), ["", "file.gz"].map(Path::new));
}

#[test]
fn no_two_sources_have_the_same_target() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir_all(path("tree/a")).unwrap();
    fs::write(path("tree/a/file.gz"), gzip(b"one")).unwrap();
    fs::write(path("tree/a/file.zst"), zstd(b"other")).unwrap();
    let complaint = "tree/a/file.zst: tree/a/file is another file's target";
    fails(directory.path(), &["-d", "--force", "--remove", "tree", "./tree"], &[complaint]);
    assert_eq!(fs::read(path("tree/a/file")).unwrap(), b"one");
    assert_eq!(walk(&path("tree/a")), ["", "file", "file.zst"].map(Path::new));

    // However they are named.
    fs::write(path("tree/a/file.gz"), gzip(b"one")).unwrap();
    let named = ["tree/a/file.gz", "./tree/a/file.zst", "tree/a/file.gz"];
    let complaint = "./tree/a/file.zst: ./tree/a/file is another file's target";
    fails(directory.path(), &[&["-d", "-f"], &named[..]].concat(), &[complaint]);
    // What is in a directory that is named too is converted once.
    fs::remove_file(path("tree/a/file.zst")).unwrap();
    succeeds(directory.path(), &["-d", "-f", "tree/a/file.gz", "tree/a", "tree", "tree/./a"]);
    fs::write(path("tree/a/file.zst"), zstd(b"other")).unwrap();
    // Without --force, the first that is complete stays.
    fs::remove_file(path("tree/a/file")).unwrap();
    let output = run("convert", directory.path(), &["-d", "--remove", "tree/a/file.gz", "tree"]);
    assert!(stderr(&output).contains("tree/a/file is there already"), "{}", stderr(&output));
    assert_eq!(walk(&path("tree/a")).len(), 3);
}
