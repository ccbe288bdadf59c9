//! The example `convert`: the bar on a terminal, and the memory that is allowed.

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};

use nix::pty::{Winsize, openpty};

use crate::program::{Running, example, interrupt, most_memory};
use crate::support::{eventually, scratch, watched};

/// Narrower than the line.
const COLUMNS: usize = 40;

/// Starts a program whose standard error is a terminal of so many columns. The file is the other
/// end of it.
fn start_on_terminal(command: &mut Command) -> (Running, File) {
    let columns = COLUMNS as u16;
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pair = openpty(Some(&size), None).unwrap();
    let process = Running::start(command.env("TERM", "xterm").stderr(Stdio::from(pair.slave)));
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

#[test]
fn a_bar_says_what_is_left_in_one_line() {
    watched(|| {
        let directory = scratch();
        fs::create_dir(directory.path().join("tree")).unwrap();
        for (name, len) in [("a.gz", 1 << 40), ("huge", 8 << 30)] {
            File::create(directory.path().join("tree").join(name)).unwrap().set_len(len).unwrap();
        }
        let mut command = example("convert", directory.path());
        command.args(["--format=zstd", "-1", "tree"]);
        let (process, mut screen) = start_on_terminal(&mut command);
        let mut shown = Vec::new();
        let mut piece = [0; 4096];
        // What is left out is not counted. The end of the line is cut off.
        while !drawn(&shown).iter().any(|line| line.contains(" left, ") && line.contains("0/1")) {
            let len = screen.read(&mut piece).unwrap();
            shown.extend_from_slice(&piece[..len]);
        }
        interrupt(&process);
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
        }
        let lines = drawn(&shown);
        let bars = lines.iter().filter(|line| line.contains("iB/s"));
        let widths: Vec<usize> = bars.map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|&width| width <= COLUMNS), "{widths:?}: {lines:?}");
        assert!(widths.len() > 3, "{lines:?}");
    });
}

/// What the program has had of the processors, in ticks of a clock: how far it has come.
fn processor_ticks(process: &Running) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    // Behind the name, which may have anything in it, comes the third field.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
fn memory_is_as_much_as_is_allowed() {
    const LIMIT: u64 = 40 << 20;
    watched(|| {
        let directory = scratch();
        let tree = directory.path().join("tree");
        fs::create_dir(&tree).unwrap();
        // None of these ends.
        for number in 0..30 {
            let file = File::create(tree.join(format!("{number}"))).unwrap();
            file.set_len(1 << 40).unwrap();
        }
        let start = |memory: &str| {
            let mut command = example("convert", directory.path());
            let arguments = ["--format=zstd", "--workers=2", "--verify", "--memory", memory];
            Running::start(command.args(arguments).arg("tree").stderr(Stdio::null()))
        };
        let process = start("256M");
        eventually("much memory is used", || most_memory(&process) > LIMIT);
        let ticks = processor_ticks(&process);
        interrupt(&process);
        drop(process);
        let process = start("4M");
        eventually("it comes further", || processor_ticks(&process) > 2 * ticks + 20);
        let little = most_memory(&process);
        assert!(little < LIMIT, "{little}");
        interrupt(&process);
    });
}
