//! The example `checksum`, run as its users run it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::models::model;
use crate::program::{example, explains_itself, interrupt, run, stderr, stdout};
use crate::support::{self, known_file, make_fifo, scratch};

/// The size of a read in these tests: the smallest, so that small files take several.
const CHUNK: u64 = 4096;

/// A tree with everything that a checksum may stumble over.
fn make_tree(root: &Path) {
    let sizes = [0, 1, 511, 512, 4095, 4096, 4097, 8191, 8192, 8193, 100_001, (5 << 20) + 12_345];
    for size in sizes {
        known_file(root, &format!("{size} bytes"), size);
    }
    for directory in ["a", "a/b", "a/b/c", "b.d", "empty"] {
        fs::create_dir(root.join(directory)).unwrap();
        if directory != "empty" {
            known_file(&root.join(directory), "file", directory.len() as u64);
        }
    }
    known_file(root, "a.before the directory's files?", 3);
    known_file(root, "back\\slash and\nline\rends", 10);
    known_file(root, "grüße", 20);
    fs::write(root.join(OsStr::from_bytes(b"not UTF-8 \xff")), "x").unwrap();
    symlink("1 bytes", root.join("link")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink(".", root.join("loop")).unwrap();
    make_fifo(&root.join("fifo"));
}

/// The files of a tree, each directory sorted by name.
fn sorted_files(directory: &Path, files: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort_by_key(|path| path.file_name().unwrap().to_owned());
    for path in paths {
        let file_type = fs::symlink_metadata(&path).unwrap().file_type();
        if file_type.is_dir() {
            sorted_files(&path, files);
        } else if file_type.is_file() {
            files.push(path);
        }
    }
}

/// The line of b3sum for a file, as its documentation has it: names with backslashes and ends of
/// lines are escaped, and marked at the front.
fn line(contents: &[u8], path: &str) -> String {
    let hash = blake3::hash(contents).to_hex();
    let escaped = path.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    let mark = if escaped == path { "" } else { "\\" };
    format!("{mark}{hash}  {escaped}\n")
}

/// What is to be printed for a tree that is named as `root`, as seen from `directory`.
fn expected(directory: &Path, root: &str) -> String {
    let mut files = Vec::new();
    sorted_files(&directory.join(root), &mut files);
    let line_of = |file: &PathBuf| {
        let path = Path::new(root).join(file.strip_prefix(directory.join(root)).unwrap());
        line(&fs::read(file).unwrap(), &path.to_string_lossy())
    };
    files.iter().map(line_of).collect()
}

#[test]
fn checksums_of_a_tree_are_complete_and_in_order() {
    let directory = scratch();
    fs::create_dir(directory.path().join("tree")).unwrap();
    make_tree(&directory.path().join("tree"));
    let expected = expected(directory.path(), "tree");
    assert_eq!(expected.lines().count(), 12 + 4 + 4);
    let settings: [&[&str]; 7] = [
        &["tree"],
        &["--policy", "buffered", "tree"],
        &["--policy=direct", "tree"],
        &["--chunk", "4K", "--memory=4M", "tree"],
        &["--chunk=4K", "--policy=buffered", "tree"],
        &["--depth", "1", "--workers", "1", "tree"],
        &["--depth=1", "--workers=8", "--chunk=4K", "--policy=direct", "tree"],
    ];
    for arguments in settings {
        let output = run("checksum", directory.path(), arguments);
        assert_eq!(stdout(&output), expected, "{arguments:?}");
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{arguments:?}");
    }
    let output = run("checksum", directory.path(), &["--order=completion", "tree"]);
    assert_eq!(sorted(stdout(&output)), sorted(&expected));
    let in_tree = run("checksum", &directory.path().join("tree"), &["."]);
    assert_eq!(stdout(&in_tree), self::expected(&directory.path().join("tree"), "."));
}

fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn lines_are_those_of_b3sum() {
    let directory = scratch();
    make_tree(directory.path());
    let mut files = Vec::new();
    sorted_files(directory.path(), &mut files);
    let relative = files.iter().map(|file| file.strip_prefix(directory.path()).unwrap());
    let arguments: Vec<&Path> = relative.chain([Path::new("link")]).collect();
    let line_of = |path: &&Path| {
        line(&fs::read(directory.path().join(path)).unwrap(), &path.to_string_lossy())
    };
    let expected: String = arguments.iter().map(line_of).collect();
    assert_eq!(expected.lines().count(), 12 + 4 + 4 + 1);
    let ours = example("checksum", directory.path()).args(&arguments).output().unwrap();
    assert_eq!(stdout(&ours), expected);
    if let Some(mut b3sum) = model("b3sum") {
        let theirs = b3sum.args(&arguments).current_dir(directory.path()).output().unwrap();
        assert!(theirs.status.success());
        assert_eq!(stdout(&theirs), expected);
    }
}

#[test]
fn checksums_around_the_chunk_size() {
    let directory = scratch();
    let mut names = Vec::new();
    let mut expected = String::new();
    for len in [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 64 * CHUNK] {
        let name = len.to_string();
        known_file(directory.path(), &name, len);
        expected += &line(&support::contents(0..len), &name);
        names.push(name);
    }
    for mode in [&["--chunk=4K"][..], &["--chunk=4K", "--policy=buffered"]] {
        let output =
            example("checksum", directory.path()).args(mode).args(&names).output().unwrap();
        assert_eq!(stdout(&output), expected, "{mode:?}");
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{mode:?}");
    }
}

#[test]
fn paths_come_in_the_order_in_which_they_are_named() {
    let directory = scratch();
    known_file(directory.path(), "small", 1);
    known_file(directory.path(), "large", 1 << 20);
    symlink("small", directory.path().join("link")).unwrap();
    let small = support::contents(0..1);
    let output = run("checksum", directory.path(), &["large", "link", "small", "./large"]);
    let large = support::contents(0..1 << 20);
    let lines = [
        line(&large, "large"),
        line(&small, "link"),
        line(&small, "small"),
        line(&large, "./large"),
    ];
    assert_eq!(stdout(&output), lines.concat());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_file_that_cannot_be_read_is_reported_and_the_rest_goes_on() {
    let directory = scratch();
    let contents = fs::read(known_file(directory.path(), "good", 5000)).unwrap();
    symlink("nowhere", directory.path().join("dangling")).unwrap();
    make_fifo(&directory.path().join("fifo"));
    let arguments = ["vanished", "good", "dangling", "fifo", "new\nline", "good"];
    let output = run("checksum", directory.path(), &arguments);
    assert_eq!(stdout(&output), line(&contents, "good").repeat(2));
    let complaints: Vec<&str> = stderr(&output).lines().collect();
    assert_eq!(
        complaints,
        [
            "checksum: vanished: No such file or directory (os error 2)",
            "checksum: dangling: No such file or directory (os error 2)",
            "checksum: fifo: not a regular file",
            "checksum: new\\nline: No such file or directory (os error 2)",
        ]
    );
    assert_eq!(output.status.code(), Some(1));
}

/// Files in /proc refuse `O_DIRECT`, have a length of 0, and some can't be read with AIO at all.
#[test]
fn the_page_cache_is_a_visible_fallback() {
    let directory = scratch();
    let with_aio = "/proc/version";
    let without_aio = format!("/proc/{}/cmdline", std::process::id());
    let expected = line(&fs::read(with_aio).unwrap(), with_aio)
        + &line(&fs::read(&without_aio).unwrap(), &without_aio);
    let run = |options: &[&str]| {
        let arguments = [options, &[with_aio, &without_aio]].concat();
        let output = run("checksum", directory.path(), &arguments);
        assert_eq!(stdout(&output), expected, "{options:?}");
        assert_eq!(output.status.code(), Some(0), "{options:?}");
        stderr(&output).to_owned()
    };
    let count = "checksum: 2 of 2 files were read through the page cache, as direct I/O was \
                 refused: ";
    let said = run(&["--policy=direct"]);
    assert!(said.starts_with(count), "{said:?}");
    assert_eq!(said.lines().count(), 1, "{said:?}");
    for options in [&[][..], &["--policy=buffered"], &["--policy=buffered", "--verbose"]] {
        assert_eq!(run(options), "", "{options:?}");
    }
}

#[test]
fn checksum_explains_itself() {
    let mistakes: [&[&str]; 11] = [
        &["--unknown"],
        &["-x"],
        &["--depth", "0"],
        &["--depth", "many"],
        &["--workers"],
        &["--chunk", "5K"],
        &["--policy", "fast"],
        &["--order=random"],
        &["--quiet=yes"],
        &["--check", "--tag"],
        &["--check", "--order=input"],
    ];
    explains_itself("checksum", scratch().path(), &mistakes.map(|mistake| (mistake, 2)));
}

/// More lines than fit into a pipe and what the program keeps ready.
const MANY: usize = 12_000;

#[test]
fn a_closed_pipe_ends_checksum_quietly() {
    let directory = scratch();
    known_file(directory.path(), "f", 1);
    let mut command = example("checksum", directory.path());
    command.args(vec!["f"; MANY]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
}

#[test]
fn ctrl_c_ends_checksum_early_and_in_order() {
    let directory = scratch();
    let expected = line(&fs::read(known_file(directory.path(), "f", 1)).unwrap(), "f");
    let mut command = example("checksum", directory.path());
    command.args(vec!["f"; MANY]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut lines = String::new();
    // With a line there, the handler is in place; as nobody reads on, the program can't come to its
    // end before the signal.
    reader.read_line(&mut lines).unwrap();
    interrupt(&child);
    reader.read_to_string(&mut lines).unwrap();
    let output = child.wait_with_output().unwrap();
    let count = lines.lines().count();
    assert_eq!(lines, expected.repeat(count));
    assert!(count < MANY);
    let message = format!("checksum: interrupted: {count} files were done, and ");
    assert!(stderr(&output).starts_with(&message), "{}", stderr(&output));
    assert_eq!((output.status.code(), output.status.signal()), (Some(130), None));
}
