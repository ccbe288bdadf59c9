//! The example programs, run as their users run them.

mod util;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use util::{known_file, open_direct, scratch};

/// The size of a read in these tests: the smallest, so that small files take several.
const CHUNK: u64 = 4096;

/// An example, to be run in a directory. `cargo test` builds it beside the directory of this test,
/// but `cargo test --test examples` does not.
fn example(name: &str, directory: &Path) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    assert!(
        modified(&program) >= sources(name).iter().map(|source| modified(source)).max().unwrap(),
        "{} is missing or out of date: run cargo build --examples, or all of cargo test",
        program.display()
    );
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null());
    command
}

/// An example's one file, or all those in its directory.
fn sources(name: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    match fs::read_dir(&path) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => vec![path.with_extension("rs")],
    }
}

fn run(name: &str, directory: &Path, arguments: &[&str]) -> Output {
    example(name, directory).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    assert!(fs::metadata(path).unwrap().file_type().is_fifo());
}

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
        &["--buffered", "tree"],
        &["--chunk", "4", "tree"],
        &["--chunk=4", "--buffered", "tree"],
        &["--depth", "1", "--workers", "1", "tree"],
        &["--depth=1", "--workers=8", "--chunk=4", "tree"],
        &["tree"],
    ];
    for arguments in settings {
        let output = run("checksum", directory.path(), arguments);
        assert_eq!(stdout(&output), expected, "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
    let in_tree = run("checksum", &directory.path().join("tree"), &[]);
    assert_eq!(stdout(&in_tree), self::expected(&directory.path().join("tree"), "."));
    if open_direct(&directory.path().join("tree/1 bytes")).is_some() {
        assert_eq!(stderr(&run("checksum", directory.path(), &["tree"])), "");
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
        expected += &line(&util::contents(0..len), &name);
        names.push(name);
    }
    for mode in [&["--chunk", "4"][..], &["--chunk", "4", "--buffered"]] {
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
    let small = util::contents(0..1);
    let output = run("checksum", directory.path(), &["large", "link", "small", "./large"]);
    let large = util::contents(0..1 << 20);
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

    let output = run("checksum", directory.path(), &[with_aio, &without_aio]);
    assert_eq!(stdout(&output), expected);
    assert_eq!(output.status.code(), Some(0));
    let notes: Vec<&str> = stderr(&output).lines().collect();
    assert!(notes[0].starts_with("checksum: /proc/version: O_DIRECT is refused ("), "{notes:?}");
    let count = "checksum: 2 of 2 files were read through the page cache, as O_DIRECT was refused";
    assert_eq!(notes[1..], [count]);

    let output = run("checksum", directory.path(), &["--buffered", with_aio, &without_aio]);
    assert_eq!((stdout(&output), stderr(&output)), (&*expected, ""));
}

#[test]
fn checksum_explains_itself() {
    let directory = scratch();
    for option in ["--help", "-h"] {
        let output = run("checksum", directory.path(), &[option]);
        assert!(stdout(&output).starts_with("Usage: checksum"));
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    }
    let mistakes: [&[&str]; 6] = [
        &["--unknown"],
        &["--depth", "0"],
        &["--depth", "many"],
        &["--workers"],
        &["--chunk", "5"],
        &["--buffered=yes"],
    ];
    for mistake in mistakes {
        let output = run("checksum", directory.path(), mistake);
        assert!(stderr(&output).starts_with("checksum: "), "{mistake:?}");
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{mistake:?}");
    }
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
    assert_eq!((stderr(&output), output.status.code()), ("", Some(1)));
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
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    reader.read_to_string(&mut lines).unwrap();
    let output = child.wait_with_output().unwrap();
    let count = lines.lines().count();
    assert_eq!(lines, expected.repeat(count));
    assert!(count < MANY);
    let message = format!("checksum: interrupted: {count} files were done, and ");
    assert!(stderr(&output).starts_with(&message), "{}", stderr(&output));
    assert_eq!((output.status.code(), output.status.signal()), (Some(130), None));
}

#[test]
fn aio_callback_prints_what_its_callback_saw() {
    let directory = scratch();
    fs::write(directory.path().join("file"), "line one\nline \x1b two\n".repeat(10)).unwrap();

    let output = run("aio_callback", directory.path(), &["file", "16"]);
    let text = "file: 16 bytes, seen by the callback on aio-worker-0:\n\
                \"line one\\nline \\u{1b} \"\n";
    assert_eq!((stdout(&output), stderr(&output)), (text, ""));
    assert_eq!(output.status.code(), Some(0));

    let output = run("aio_callback", directory.path(), &["file"]);
    assert!(stdout(&output).starts_with("file: 80 bytes, "));
    let output = run("aio_callback", directory.path(), &["file", "1000"]);
    assert!(stdout(&output).starts_with("file: 200 bytes, "), "a short read is no failure");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn aio_callback_fails_with_the_reason() {
    let directory = scratch();
    let output = run("aio_callback", directory.path(), &["missing"]);
    let reason = "aio_callback: missing: No such file or directory (os error 2)\n";
    assert_eq!((stdout(&output), stderr(&output)), ("", reason));
    assert_eq!(output.status.code(), Some(1));

    // A directory can be opened, but not read: this failure comes through the callback.
    let output = run("aio_callback", directory.path(), &["."]);
    assert!(stderr(&output).starts_with("aio_callback: read of 80 bytes at offset 0 of "));
    assert_eq!(output.status.code(), Some(1));

    for arguments in [&[][..], &["file", "0"], &["file", "x"], &["file", "1", "2"]] {
        let output = run("aio_callback", directory.path(), arguments);
        assert!(stderr(&output).starts_with("aio_callback: "), "{arguments:?}");
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{arguments:?}");
    }
    let output = run("aio_callback", directory.path(), &["--help"]);
    assert!(stdout(&output).starts_with("Usage: aio_callback"));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn labelled_reads_come_under_their_labels() {
    let directory = scratch();
    fs::write(directory.path().join("file"), "0123456789abcdefghijklmnopqrstuvwxyz").unwrap();

    let sorted = |output: &Output| {
        let mut lines: Vec<String> = stdout(output).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let arguments = ["file", "digits=0:10", "a=b=10:3", "end=34:100", "behind=36:5"];
    let output = run("labelled_reads", directory.path(), &arguments);
    let expected = [
        "a=b: 3 bytes from 10: \"abc\"",
        "behind: 0 bytes from 36: \"\"",
        "digits: 10 bytes from 0: \"0123456789\"",
        "end: 2 bytes from 34: \"yz\"",
    ];
    assert_eq!(sorted(&output), expected);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));

    let output = run("labelled_reads", directory.path(), &["file"]);
    let expected = [
        "head: 16 bytes from 0: \"0123456789abcdef\"",
        "middle: 16 bytes from 10: \"abcdefghijklmnop\"",
        "tail: 16 bytes from 20: \"klmnopqrstuvwxyz\"",
    ];
    assert_eq!(sorted(&output), expected);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
}

#[test]
fn a_failing_labelled_read_harms_no_other() {
    let directory = scratch();
    fs::write(directory.path().join("file"), "0123456789").unwrap();
    // The kernel's offsets are signed.
    let arguments = ["file", "one=0:1", "bad=18446744073709551615:4", "two=2:2"];
    let output = run("labelled_reads", directory.path(), &arguments);
    let mut lines: Vec<&str> = stdout(&output).lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one: 1 bytes from 0: \"0\"", "two: 2 bytes from 2: \"23\""]);
    let complaint = "labelled_reads: bad: read of 4 bytes at offset 18446744073709551615 of ";
    assert!(stderr(&output).starts_with(complaint), "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1);
    assert_eq!(output.status.code(), Some(1));

    let output = run("labelled_reads", directory.path(), &["missing", "a=0:1"]);
    let reason = "labelled_reads: missing: No such file or directory (os error 2)\n";
    assert_eq!((stderr(&output), output.status.code()), (reason, Some(1)));
    for arguments in [&[][..], &["file", "a"], &["file", "a=0:0"], &["file", "a=-1:3"]] {
        let output = run("labelled_reads", directory.path(), arguments);
        assert!(stderr(&output).starts_with("labelled_reads: "), "{arguments:?}");
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{arguments:?}");
    }
}
