//! The example `convert`, and what happens while it converts.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Output, Stdio};

use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::convert::zstd;
use crate::copy_tree::walk;
use crate::program::{Running, example, interrupt, is_writing_in, send, stderr};
use crate::support::{eventually, scratch, watched};

/// Stops a process, and waits until none of its threads runs. False if it has ended before.
fn stop(process: &Running) -> bool {
    send(process, Signal::SIGSTOP);
    let id = Id::Pid(Pid::from_raw(process.id().cast_signed()));
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    matches!(waitid(id, flags).unwrap(), WaitStatus::Stopped(..))
}

fn output_of(mut process: Running) -> Output {
    let mut said = Vec::new();
    io::Read::read_to_end(&mut process.stderr.take().unwrap(), &mut said).unwrap();
    Output { status: process.wait().unwrap(), stdout: Vec::new(), stderr: said }
}

fn start(directory: &Path, arguments: &[&str]) -> Running {
    Running::start(example("convert", directory).args(arguments).stderr(Stdio::piped()))
}

/// Converts a file and does something when `is_time`, with the program stopped meanwhile. Tries
/// again if the program is too quick.
fn with_interference(
    directory: &Path,
    arguments: &[&str],
    is_time: impl Fn(&Child) -> bool,
    interfere: impl Fn() -> io::Result<()>,
    prepare: impl Fn(),
) -> Output {
    loop {
        prepare();
        let mut process = start(directory, arguments);
        eventually("it is time", || is_time(&process) || process.try_wait().unwrap().is_some());
        if process.try_wait().unwrap().is_some() || !stop(&process) || !is_time(&process) {
            continue;
        }
        interfere().unwrap();
        send(&process, Signal::SIGCONT);
        return output_of(process);
    }
}

/// Long enough to be noticed, and of zeros, so that the test is not long.
const LEN: u64 = 256 << 20;

#[test]
fn a_source_that_changes_is_reported_and_stays() {
    watched(|| {
        let directory = scratch();
        let path = |name: &str| directory.path().join(name);
        let changes: [fn(&Path) -> io::Result<()>; 4] = [
            |source| File::options().write(true).open(source)?.set_len(LEN + 1),
            |source| File::options().write(true).open(source)?.write_all_at(b"x", LEN / 2),
            // Another file has its name.
            |source| {
                fs::remove_file(source)?;
                File::create(source)?.set_len(LEN)
            },
            |source| fs::remove_file(source),
        ];
        for change in changes {
            let output = with_interference(
                directory.path(),
                &["--format=zstd", "--remove", "source"],
                |process| is_writing_in(process, directory.path()),
                || change(&path("source")),
                || {
                    let _ = fs::remove_file(path("source.zst"));
                    File::create(path("source")).unwrap().set_len(LEN).unwrap();
                },
            );
            let complaint = "convert: source: changed while it was being converted\n";
            assert_eq!((stderr(&output), output.status.code()), (complaint, Some(1)));
            let found = zstd::stream::read::Decoder::new(File::open(path("source.zst")).unwrap());
            let len = io::copy(&mut found.unwrap(), &mut io::sink()).unwrap();
            assert_eq!(len, LEN, "as many bytes as its header says");
        }
        // The last of them has removed it.
        assert!(!path("source").exists());
    });
}

#[test]
fn a_source_that_gets_shorter_is_not_converted() {
    watched(|| {
        let directory = scratch();
        let source = directory.path().join("source");
        for format in ["--format=zstd", "--format=gzip"] {
            let output = with_interference(
                directory.path(),
                &[format, "-1", "--remove", "source"],
                |process| is_writing_in(process, directory.path()),
                || File::options().write(true).open(&source)?.set_len(3),
                || {
                    let targets = ["gz", "zst"].map(|suffix| source.with_extension(suffix));
                    targets.iter().for_each(|target| drop(fs::remove_file(target)));
                    File::create(&source).unwrap().set_len(LEN).unwrap();
                },
            );
            let complaint = "convert: source: became shorter while it was being read\n";
            assert_eq!((stderr(&output), output.status.code()), (complaint, Some(1)));
            assert_eq!(walk(directory.path()), ["", "source"].map(Path::new));
        }
    });
}

#[test]
fn verification_finds_and_removes_what_differs() {
    watched(|| {
        let directory = scratch();
        let path = |name: &str| directory.path().join(name);
        // It can't be made smaller, so that it takes a while to read it back. To compress it with
        // gzip takes long in a debug build.
        let compress = |format| ["-1", format];
        let cases: [(&[&str], &str, &str, usize); 3] = [
            (&compress("--format=gzip"), "source", "source.gz", 4 << 20),
            (&compress("--format=zstd"), "source", "source.zst", 32 << 20),
            (&["--decompress"], "source.zst", "source", 32 << 20),
        ];
        for (options, source, target, len) in cases {
            let (noise, target) = (noise(len), path(target));
            let contents = if source == "source" { noise } else { zstd(&noise) };
            let mut said = String::new();
            // It may have been read back before it was changed, but not each time.
            while said.is_empty() {
                let output = with_interference(
                    directory.path(),
                    &[options, &["--verify", "--remove", source]].concat(),
                    |_| target.exists(),
                    || {
                        let file = File::options().write(true).open(&target)?;
                        file.write_all_at(b"something else", len as u64 / 2)
                    },
                    || {
                        let _ = fs::remove_file(&target);
                        fs::write(path(source), &contents).unwrap();
                    },
                );
                said = stderr(&output).to_owned();
                assert_eq!(output.status.code(), Some(i32::from(!said.is_empty())));
                assert_eq!(path(source).exists(), !said.is_empty());
            }
            let name = target.file_name().unwrap().to_str().unwrap();
            let (beginning, end) = (format!("convert: {name}: "), ": removed\n");
            assert!(said.starts_with(&beginning) && said.ends_with(end), "{said}");
            assert_eq!(walk(directory.path()), ["", source].map(Path::new));
            fs::remove_file(path(source)).unwrap();
        }
    });
}

/// Bytes that no program compresses.
fn noise(len: usize) -> Vec<u8> {
    let mut noise = vec![0; len];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    noise
}

#[test]
fn ctrl_c_leaves_whole_files_only() {
    watched(|| {
        let directory = scratch();
        let tree = directory.path().join("tree");
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("a"), "short").unwrap();
        File::create(tree.join("endless")).unwrap().set_len(1 << 40).unwrap();
        let cases: [&[&str]; 3] = [
            &["--format=zstd"],
            &["--format=zstd", "--remove", "--verify", "--policy=direct"],
            &["--format=gzip", "--fsync", "--policy=buffered"],
        ];
        for options in cases {
            let suffix = if options[0] == "--format=zstd" { "zst" } else { "gz" };
            let process = start(directory.path(), &[options, &["tree"]].concat());
            let whole = tree.join("a").with_extension(suffix);
            eventually("a file and a part of one", || {
                whole.exists() && is_writing_in(&process, &tree)
            });
            interrupt(&process);
            let output = output_of(process);
            let said = stderr(&output);
            assert!(said.starts_with("convert: interrupted: "), "{options:?}: {said}");
            assert_eq!(output.status.code(), Some(130), "{options:?}: {said}");
            assert!(tree.join("endless").exists());
            fs::remove_file(whole).unwrap();
            fs::write(tree.join("a"), "short").unwrap();
            assert_eq!(walk(&tree), ["", "a", "endless"].map(Path::new), "{options:?}");
        }
    });
}

/// Few bytes of zstd, which are read at once, and in which there are 8 GiB: blocks of one byte that
/// is repeated.
fn bomb() -> Vec<u8> {
    let block = ((128_u32 << 10) << 3 | 1 << 1).to_le_bytes();
    // The magic number, a header without fields, and a window of 128 KiB.
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
    for _ in 0..1 << 16 {
        bytes.extend_from_slice(&block[..3]);
        bytes.push(0);
    }
    bytes.extend_from_slice(&[1, 0, 0]);
    bytes
}

/// How many bytes a process has written in all.
fn bytes_written(process: &Running) -> u64 {
    let counts = fs::read_to_string(format!("/proc/{}/io", process.id())).unwrap();
    let written = counts.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
    written.parse().unwrap()
}

#[test]
fn ctrl_c_ends_the_decompression_of_very_much() {
    watched(|| {
        let directory = scratch();
        let bytes = bomb();
        fs::write(directory.path().join("bomb.zst"), bytes).unwrap();
        let process = start(directory.path(), &["--decompress", "bomb.zst"]);
        eventually("a part of it", || is_writing_in(&process, directory.path()));
        interrupt(&process);
        let id = Id::Pid(Pid::from_raw(process.id().cast_signed()));
        waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
        let written = bytes_written(&process);
        let output = output_of(process);
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert_eq!(walk(directory.path()), ["", "bomb.zst"].map(Path::new));
        assert!(written < 4 << 30, "it went on for long: {written}");
    });
}

#[test]
fn what_is_made_meanwhile_is_not_converted() {
    let directory = scratch();
    let tree = directory.path().join("tree");
    fs::create_dir(&tree).unwrap();
    for number in 0..200 {
        fs::write(tree.join(format!("{number}.zst")), zstd(b"contents")).unwrap();
    }
    // Targets are beside their sources, and temporary files come and go there.
    for (arguments, suffix) in [(&["--from=auto"][..], "gz"), (&["-d"], "")] {
        let arguments = [arguments, &["--remove", "tree"]].concat();
        let output = output_of(start(directory.path(), &arguments));
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
        let made = |number| tree.join(format!("{number}")).with_extension(suffix);
        assert!((0..200).all(|number| made(number).exists()), "{suffix}");
        assert_eq!(walk(&tree).len(), 201, "{suffix}");
    }
}
