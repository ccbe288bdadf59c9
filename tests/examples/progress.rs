//! The line that says how far a program has come.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::fcntl::posix_fallocate;
use nix::pty::{Winsize, openpty};

use crate::program::{Running, example, interrupt};
use crate::support::{known_file, scratch, watched};
use crate::totals::{Amount, Progress, Totals};

const MIB: u64 = 1 << 20;

fn line(width: usize, (files, mib): (u64, u64), seconds: u64, total: Option<Amount>) -> String {
    let done = Amount { files, bytes: mib * MIB };
    let elapsed = Duration::from_secs(seconds);
    let line = Progress { done, bytes_per_second: 1e6, elapsed, total }.line("copying", width);
    assert!(line.len() <= width.max("copying 100%".len()), "{line:?}");
    line
}

#[test]
fn it_says_how_much_is_left_when_that_is_known() {
    let totals = Totals::default();
    (0..10).for_each(|_| totals.add(10 * MIB));
    assert!(totals.get().is_none(), "there may be more");
    let uncounted = line(78, (2, 25), 60, totals.get());
    assert_eq!(uncounted, "copying 2 files, 25.00 MiB, 976.56 KiB/s");
    totals.complete();
    let wide = |done, seconds| line(120, done, seconds, totals.get());
    // Each file counts for more than its bytes.
    let bar = format!("[{}{}]", "#".repeat(9), "-".repeat(31));
    let details = "25.00 MiB/100.00 MiB 976.56 KiB/s 2/10 files";
    assert_eq!(wide((2, 25), 60), format!("copying  24% {bar} 3m left {details}"));
    let begun = wide((0, 0), 60);
    assert!(begun.starts_with("copying   0% [-"), "{begun}");
    assert!(!begun.contains("left"), "nothing to go by");
    assert!(!wide((2, 25), 0).contains("left"), "too soon");
    for end in [wide((10, 100), 60), wide((12, 200), 60)] {
        assert!(end.starts_with("copying 100% [####") && end.contains("] 0s left "), "{end}");
    }
    let known = Totals::known(Amount { files: 2, bytes: 5 });
    known.add_bytes(3);
    let known = known.get().unwrap();
    assert_eq!((known.files, known.bytes), (2, 8));
}

#[test]
fn files_without_contents_are_work_too() {
    let total = Some(Amount { files: 1000, bytes: 0 });
    let half = line(120, (500, 0), 60, total);
    assert!(half.starts_with("copying  50% ") && half.contains(" 60s left "), "{half}");
    let nothing = line(120, (0, 0), 60, Some(Amount { files: 0, bytes: 0 }));
    assert!(nothing.starts_with("copying   0% "));
}

#[test]
fn it_leaves_out_what_has_no_room() {
    let total = Some(Amount { files: 10, bytes: 100 * MIB });
    let at = |width| line(width, (2, 25), 60, total);
    let bytes = "3m left 25.00 MiB/100.00 MiB";
    assert_eq!(at(78), format!("copying  24% [##--------] {bytes} 976.56 KiB/s 2/10 files"));
    assert_eq!(at(70), format!("copying  24% [###----------] {bytes} 976.56 KiB/s"));
    assert_eq!(at(60), format!("copying  24% [###-------------] {bytes}"));
    assert_eq!(at(38), "copying  24% [###------------] 3m left");
    assert_eq!(at(24), "copying  24% 3m left");
    assert_eq!(at(12), "copying  24%");
    assert_eq!(at(0), "copying  24%");
    for width in 0..100 {
        at(width);
        line(width, (2, 25), 60, None);
    }
}

/// Starts a program whose standard error is a terminal of so many columns. The file is the other
/// end of it.
fn start_on_terminal(command: &mut Command, columns: usize) -> (Running, File) {
    let size = Winsize { ws_row: 24, ws_col: columns as u16, ws_xpixel: 0, ws_ypixel: 0 };
    let pair = openpty(Some(&size), None).unwrap();
    let command = command.env("TERM", "xterm").stdout(Stdio::null());
    let process = Running::start(command.stderr(Stdio::from(pair.slave)));
    command.stderr(Stdio::null());
    (process, pair.master.into())
}

/// The lines of what was drawn: what is between carriage returns, line feeds and commands to the
/// terminal.
fn drawn(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines = Vec::new();
    for piece in text.split('\u{1b}').flat_map(|piece| piece.split(['\r', '\n'])) {
        let is_command = piece.starts_with('[');
        let text = piece.split_once(char::is_alphabetic).filter(|_| is_command);
        lines.push(text.map_or(piece, |(_, text)| text).to_owned());
    }
    lines
}

/// What the program draws until it has drawn a line that is wanted, and all that it draws from
/// then on until it ends: it is interrupted. Without such a line, what it draws until it ends.
fn drawn_until(
    command: &mut Command,
    columns: usize,
    wanted: impl Fn(&str) -> bool,
) -> Vec<String> {
    let (process, mut screen) = start_on_terminal(command, columns);
    let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
    let mut is_interrupted = false;
    loop {
        match screen.read(&mut piece) {
            Ok(len) if len > 0 => shown.extend_from_slice(&piece[..len]),
            Ok(_) => break,
            // The program has closed its end.
            Err(error) => {
                assert!(matches!(error.raw_os_error(), Some(libc::EIO)), "{error}");
                break;
            }
        }
        if !is_interrupted && drawn(&shown).iter().any(|line| wanted(line)) {
            interrupt(&process);
            is_interrupted = true;
        }
    }
    let lines = drawn(&shown);
    // Messages wrap, bars don't.
    let bars = lines.iter().filter(|line| line.contains('%') || line.contains("iB/s"));
    for bar in bars {
        assert!(bar.chars().count() <= columns, "{columns}: {bar:?}");
    }
    lines
}

/// A tree with a file that takes long to read, and one that is left out by `convert`.
fn make_tree(directory: &Path) {
    fs::create_dir(directory.join("tree")).unwrap();
    for (name, len) in [("a.gz", 1 << 20), ("huge", 1 << 40)] {
        File::create(directory.join("tree").join(name)).unwrap().set_len(len).unwrap();
    }
}

#[test]
fn every_program_draws_its_bar_in_one_line() {
    watched(|| {
        let directory = scratch();
        make_tree(directory.path());
        fs::write(directory.path().join("list"), "0".repeat(64) + "  tree/huge\n").unwrap();
        // Each as often as it takes.
        fs::write(directory.path().join("lines"), "line\n".repeat(1 << 20)).unwrap();
        let lines = [vec!["-c", "x"], vec!["lines"; 20_000]].concat();
        let programs: [(&str, &str, &[&str]); 6] = [
            ("checksum", "hashing", &["tree"]),
            ("checksum", "checking", &["--check", "list"]),
            ("convert", "compressing", &["--format=zstd", "-1", "--force", "tree"]),
            // Holes are not copied, and hashed if they are to be verified.
            (
                "copy_tree",
                "copying",
                &["--overwrite", "--verify", "--reflink=never", "tree", "target"],
            ),
            ("histogram", "counting", &["tree/huge"]),
            ("search", "searching", &lines),
        ];
        for (name, phase, arguments) in programs {
            for columns in [80, 40, 20] {
                let mut command = example(name, directory.path());
                let wanted = |line: &str| line.contains(&format!("{phase}   0%"));
                let lines = drawn_until(command.args(arguments), columns, wanted);
                let bar = lines.iter().rfind(|line| wanted(line));
                let bar = bar.unwrap_or_else(|| panic!("{name}, {columns}: {lines:?}"));
                // The spinner, and the bar if it has room.
                assert_eq!(bar.contains("[---"), columns > 20, "{name}: {bar:?}");
                assert_eq!(bar.contains("B/s"), columns == 80, "{name}: {bar:?}");
            }
        }
    });
}

#[test]
fn what_convert_leaves_out_is_not_counted() {
    watched(|| {
        let directory = scratch();
        make_tree(directory.path());
        let mut command = example("convert", directory.path());
        command.args(["--format=zstd", "-1", "tree"]);
        let lines = drawn_until(&mut command, 120, |line| line.contains("% ["));
        let bar = lines.iter().rfind(|line| line.contains("% [")).unwrap();
        assert!(bar.contains(" 0/1 files"), "{bar:?}");
    });
}

/// What `copy_tree` need not read counts as done: holes, and further names of a file.
#[test]
fn what_is_not_read_counts_as_done() {
    watched(|| {
        let directory = scratch();
        let source = directory.path().join("source");
        fs::create_dir(&source).unwrap();
        // There is room for it, so that it is no hole and takes long.
        posix_fallocate(File::create(source.join("long")).unwrap(), 0, 1 << 30).unwrap();
        for make in [
            |source: &Path| File::create(source.join("hole")).unwrap().set_len(9 << 30).unwrap(),
            |source: &Path| {
                fs::remove_file(source.join("hole")).unwrap();
                (0..9).for_each(|number| {
                    fs::hard_link(source.join("long"), source.join(number.to_string())).unwrap();
                });
            },
        ] {
            make(&source);
            let mut command = example("copy_tree", directory.path());
            command.args([
                "--overwrite",
                "--policy=buffered",
                "--reflink=never",
                "source",
                "target",
            ]);
            let wanted = |line: &str| line.contains("copying  9") && line.contains("GiB/10.");
            let lines = drawn_until(&mut command, 120, wanted);
            assert!(lines.iter().any(|line| wanted(line)), "{lines:?}");
        }
    });
}

#[test]
fn the_bar_says_when_files_are_read_back() {
    watched(|| {
        let directory = scratch();
        fs::create_dir(directory.path().join("source")).unwrap();
        known_file(&directory.path().join("source"), "file", 64 << 20);
        // One small read at a time takes long enough for the bar to be drawn.
        let slowly = ["--chunk=4K", "--depth=1", "--workers=1", "--verify"];
        let programs: [(&str, &[&str]); 2] = [
            ("copy_tree", &["--reflink=never", "source", "copy"]),
            ("convert", &["--format=zstd", "-1", "--to=compressed", "source"]),
        ];
        for (name, arguments) in programs {
            let mut command = example(name, directory.path());
            let wanted = |line: &str| line.contains("verifying ") && line.contains("% [");
            let lines = drawn_until(command.args(slowly).args(arguments), 80, wanted);
            assert!(lines.iter().any(|line| wanted(line)), "{name}: {lines:?}");
        }
    });
}

#[test]
fn nothing_is_drawn_where_that_is_not_wanted() {
    let directory = scratch();
    known_file(directory.path(), "file", 1 << 20);
    fs::write(directory.path().join("lines"), "line\n".repeat(1 << 20)).unwrap();
    // As often as it takes for a bar to be drawn.
    let search = |option| [vec![option, "x"], vec!["lines"; 30]].concat();
    let programs = [
        ("checksum", vec!["-q", "file"]),
        ("histogram", vec!["-q", "file"]),
        ("search", search("--no-progress")),
        ("search", search("-q")),
    ];
    for (name, arguments) in programs {
        let lines = drawn_until(example(name, directory.path()).args(arguments), 80, |_| false);
        assert_eq!(lines.concat(), "", "{name}");
    }
}
