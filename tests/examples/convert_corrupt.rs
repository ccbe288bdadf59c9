//! The example `convert`: of what can't be decompressed to its end, nothing is made, and the source
//! stays.

use std::fs;
use std::path::Path;

use crate::convert::{fails, gzip, zstd};
use crate::copy_tree::walk;
use crate::program::{run, stderr};
use crate::support::{contents, scratch};

const SUFFIXES: [&str; 2] = ["gz", "zst"];

fn compressed(suffix: &str, bytes: &[u8]) -> Vec<u8> {
    // With a checksum, as this program and that of the library write it.
    let zstd = |bytes: &[u8]| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    if suffix == "gz" { gzip(bytes) } else { zstd(bytes) }
}

/// Decompression says what is wrong, and leaves all as it was; so does making another file of it.
fn is_refused(directory: &Path, suffix: &str, bytes: &[u8], case: &str) {
    let name = format!("file.{suffix}");
    fs::write(directory.join(&name), bytes).unwrap();
    let other = if suffix == "gz" { "--format=zstd" } else { "--format=gzip" };
    for options in [&["--decompress"][..], &["--from=auto", other]] {
        let arguments = [options, &["--remove", &name]].concat();
        let output = run("convert", directory, &arguments);
        let beginning = format!("convert: {name}: decoding ");
        let said = stderr(&output);
        assert!(said.starts_with(&beginning) && said.lines().count() == 1, "{case}: {said}");
        assert_eq!(output.status.code(), Some(1), "{case}");
        assert_eq!(walk(directory), ["", &name].map(Path::new), "{case}");
        assert!(fs::read(directory.join(&name)).unwrap() == bytes, "{case}");
    }
    fs::remove_file(directory.join(name)).unwrap();
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    let directory = scratch();
    for suffix in SUFFIXES {
        let whole = compressed(suffix, &contents(0..300_000));
        let lens = [0, 1, 3, 10, 17, whole.len() / 2, whole.len() - 9, whole.len() - 1];
        for len in lens {
            is_refused(directory.path(), suffix, &whole[..len], &format!("{len} bytes"));
        }
    }
}

#[test]
fn a_changed_byte_is_noticed() {
    let directory = scratch();
    for suffix in SUFFIXES {
        let whole = compressed(suffix, &contents(0..300_000));
        // The header's first bytes, the contents, and the checksum at the end.
        let places = [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 1];
        for place in places {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x55;
            is_refused(directory.path(), suffix, &bytes, &format!("{suffix}: byte {place}"));
        }
    }
}

#[test]
fn what_is_something_else_is_refused() {
    let directory = scratch();
    is_refused(directory.path(), "gz", &zstd(b"contents"), "zstd as gzip");
    is_refused(directory.path(), "zst", &gzip(b"contents"), "gzip as zstd");
    for suffix in SUFFIXES {
        is_refused(directory.path(), suffix, b"text", "text");
        is_refused(directory.path(), suffix, &[0; 5000], "zeros");
        let more = [compressed(suffix, b"contents"), b"and more".to_vec()].concat();
        is_refused(directory.path(), suffix, &more, "something behind the end");
    }
}

#[test]
fn files_of_several_parts_are_read_to_the_end() {
    let directory = scratch();
    // Longer than a read, and with parts of which nothing is left.
    let parts = [&contents(0..700_000), &b""[..], &contents(5..300_000), b"", b"end"];
    let expected = parts.concat();
    for suffix in SUFFIXES {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| compressed(suffix, part)).collect();
        let name = format!("file.{suffix}");
        fs::write(directory.path().join(&name), bytes).unwrap();
        for options in [&[][..], &["--chunk=4K", "--verify"]] {
            let arguments = [options, &["--decompress", &name]].concat();
            let output = run("convert", directory.path(), &arguments);
            assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
            assert!(fs::read(directory.path().join("file")).unwrap() == expected, "{suffix}");
            fs::remove_file(directory.path().join("file")).unwrap();
        }
    }
}

#[test]
fn the_others_are_converted() {
    let directory = scratch();
    let path = |name: &str| directory.path().join("tree").join(name);
    fs::create_dir(directory.path().join("tree")).unwrap();
    for number in 0..20 {
        fs::write(path(&format!("{number}.gz")), gzip(b"contents")).unwrap();
    }
    fs::write(path("7.gz"), "no compressed contents").unwrap();
    let complaint = "tree/7.gz: decoding gzip: invalid gzip header";
    fails(directory.path(), &["--decompress", "--remove", "tree"], &[complaint]);
    for number in 0..20 {
        let is_made = fs::read(path(&number.to_string())).is_ok_and(|found| found == b"contents");
        let is_there = path(&format!("{number}.gz")).exists();
        assert_eq!((is_made, is_there), (number != 7, number == 7), "{number}");
    }
}
