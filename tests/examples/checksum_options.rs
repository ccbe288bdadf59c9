//! The options that the example `checksum` has from `b3sum`: each does the same.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use blake3::Hasher;

use crate::models::model;
use crate::program::{Running, example, interrupt, stderr};
use crate::support::{scratch, watched};

const CONTENTS: &[u8] = b"some bytes\n";
const KEY: &[u8; 32] = b"a key has exactly this many byte";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So many bytes of the checksum of the contents, from an offset on.
fn bytes_of(hasher: &Hasher, seek: u64, length: usize) -> Vec<u8> {
    let mut hasher = hasher.clone();
    let mut bytes = vec![0; length];
    let mut output = hasher.update(CONTENTS).finalize_xof();
    output.set_position(seek);
    output.fill(&mut bytes);
    bytes
}

fn ran(mut command: Command, directory: &Path, arguments: &[&str], input: &str) -> Output {
    command.current_dir(directory).args(arguments);
    command.stdin(File::open(directory.join(input)).unwrap()).output().unwrap()
}

/// Both programs print this and have this exit status, if they are given an input.
pub(crate) fn do_the_same(
    directory: &Path,
    (arguments, input): (&[&str], &str),
    expected: &[u8],
    status: i32,
) {
    let ours = ran(example("checksum", directory), directory, arguments, input);
    let case = format!("{arguments:?} < {input}: {}", stderr(&ours));
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(shown(&ours.stdout), shown(expected), "{case}");
    assert_eq!((&*ours.stdout, ours.status.code()), (expected, Some(status)), "{case}");
    if let Some(b3sum) = model("b3sum") {
        let theirs = ran(b3sum, directory, arguments, input);
        assert_eq!(shown(&theirs.stdout), shown(expected), "b3sum {case}");
        assert_eq!((&*theirs.stdout, theirs.status.code()), (expected, Some(status)), "{case}");
    }
}

#[test]
fn each_option_of_b3sum_does_the_same() {
    let directory = scratch();
    fs::write(directory.path().join("file"), CONTENTS).unwrap();
    fs::write(directory.path().join("back\\slash"), CONTENTS).unwrap();
    fs::write(directory.path().join("key"), KEY).unwrap();
    let plain = Hasher::new();
    let line = |hasher: &Hasher, seek, length, path: &str| {
        format!("{}  {path}\n", hex(&bytes_of(hasher, seek, length)))
    };
    let usual = hex(&bytes_of(&plain, 0, 32));
    let empty = format!("{}  -\n", blake3::hash(b""));
    let cases: [(&[&str], &str, String); 15] = [
        (&[], "file", format!("{usual}  -\n")),
        (&["-"], "file", format!("{usual}  -\n")),
        (&["-", "file", "-"], "file", format!("{usual}  -\n{usual}  file\n{empty}")),
        (&["file", "-"], "file", format!("{usual}  file\n{usual}  -\n")),
        (&["-l", "3", "file"], "key", line(&plain, 0, 3, "file")),
        (&["--length=0", "file"], "key", "  file\n".to_owned()),
        (&["--length=1000", "file"], "key", line(&plain, 0, 1000, "file")),
        (&["--seek=1", "-l", "200", "file"], "key", line(&plain, 1, 200, "file")),
        (&["--num-threads=1", "file"], "key", format!("{usual}  file\n")),
        (&["--num-threads=0", "file"], "key", format!("{usual}  file\n")),
        (&["--no-names", "file", "back\\slash"], "key", format!("{usual}\n{usual}\n")),
        (
            &["--tag", "file", "back\\slash"],
            "key",
            format!("BLAKE3 (file) = {usual}\n\\BLAKE3 (back\\\\slash) = {usual}\n"),
        ),
        (&["--no-names", "--tag", "file"], "key", format!("{usual}\n")),
        (&["--keyed", "file"], "key", line(&Hasher::new_keyed(KEY), 0, 32, "file")),
        (
            &["--derive-key=context", "file"],
            "key",
            line(&Hasher::new_derive_key("context"), 0, 32, "file"),
        ),
    ];
    for (arguments, input, expected) in cases {
        do_the_same(directory.path(), (arguments, input), expected.as_bytes(), 0);
    }
    let raw = bytes_of(&plain, 0, 32);
    do_the_same(directory.path(), (&["--raw", "file"], "key"), &raw, 0);
    do_the_same(directory.path(), (&["--raw", "--tag", "-l3", "file"], "key"), &raw[..3], 0);
}

#[test]
fn mistakes_have_the_exit_status_of_b3sum() {
    let directory = scratch();
    fs::write(directory.path().join("file"), CONTENTS).unwrap();
    fs::write(directory.path().join("key"), KEY).unwrap();
    let cases: [(&[&str], i32); 11] = [
        (&["--raw", "file", "file"], 1),
        (&["--keyed", "-"], 1),
        (&["--keyed", "file"], 1),
        (&["--keyed"], 2),
        (&["--keyed", "--derive-key=context", "file"], 2),
        (&["--length=-1", "file"], 2),
        (&["--check", "--length=32", "file"], 2),
        (&["--check", "--raw", "file"], 2),
        (&["--check", "--tag", "file"], 2),
        (&["--check", "--no-names", "file"], 2),
        (&["--check", "--derive-key=context", "file"], 2),
    ];
    for (arguments, status) in cases {
        let input = if arguments == ["--keyed", "-"] { "key" } else { "file" };
        do_the_same(directory.path(), (arguments, input), b"", status);
    }
}

#[test]
fn raw_takes_no_directory() {
    let directory = scratch();
    fs::write(directory.path().join("file"), CONTENTS).unwrap();
    let output =
        ran(example("checksum", directory.path()), directory.path(), &["--raw", "."], "file");
    let reason = "checksum: --raw takes only one file: nothing would be between two checksums\n";
    assert_eq!((stderr(&output), output.status.code()), (reason, Some(1)));
}

/// Without a reader that looks for the signal, it would wait until its input ends.
#[test]
fn ctrl_c_ends_it_while_it_waits_for_its_input() {
    watched(|| {
        let directory = scratch();
        fs::write(directory.path().join("file"), CONTENTS).unwrap();
        let line = format!("{}  file\n", blake3::hash(CONTENTS));
        for arguments in [&["file", "-"][..], &["--check", "-"]] {
            let mut command = example("checksum", directory.path());
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut process = Running::start(command.stderr(Stdio::piped()));
            let mut input = process.stdin.take().unwrap();
            input.write_all(line.as_bytes()).unwrap();
            let expected = if arguments[0] == "file" { &*line } else { "file: OK\n" };
            let mut found = vec![0; expected.len()];
            // With this line there, the handler is in place.
            process.stdout.as_mut().unwrap().read_exact(&mut found).unwrap();
            assert_eq!(found, expected.as_bytes(), "{arguments:?}");
            interrupt(&process);
            assert_eq!(process.wait().unwrap().code(), Some(130), "{arguments:?}");
            drop(input);
        }
    });
}
