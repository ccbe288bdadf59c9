//! The example `convert`: what the suffixes of names decide.

use std::path::Path;

use clap::ValueEnum;

use crate::rule::{Decision, Format, From, Reason, Rule};

const GZIP: Option<Format> = Some(Format::Gzip);
const ZSTD: Option<Format> = Some(Format::Zstd);

fn decide(from: From, to: Option<Format>, name: &str) -> Result<String, Reason> {
    match (Rule { from, to }).decide(&Path::new("directory.gz").join(name)) {
        Decision::Take(name) => Ok(name.into_string().unwrap()),
        Decision::LeaveOut(reason) => Err(reason),
    }
}

fn takes(from: From, to: Option<Format>, pairs: &[(&str, &str)]) {
    for (name, target) in pairs {
        assert_eq!(decide(from, to, name), Ok((*target).to_owned()), "{from:?} {to:?}");
    }
}

fn leaves_out(from: From, to: Option<Format>, reason: Reason, names: &[&str]) {
    for name in names {
        assert_eq!(decide(from, to, name), Err(reason), "{from:?} {to:?} {name}");
    }
    assert!(reason.text().len() > 5);
}

#[test]
fn a_target_has_the_name_of_its_source_with_another_suffix() {
    let plain = [("a", "a.gz"), (".gz", ".gz.gz"), ("a.", "a..gz"), ("gz", "gz.gz")];
    takes(From::Plain, GZIP, &plain);
    takes(From::Auto, GZIP, &plain);
    takes(From::Auto, GZIP, &[("a.zst", "a.gz"), ("a.tzst", "a.tar.gz"), (".a.zst", ".a.gz")]);
    takes(From::Auto, ZSTD, &[("a.b.GZ", "a.b.zst"), ("a.gz.gz", "a.gz.zst")]);
    takes(From::Compressed(Format::Gzip), GZIP, &[("a.gz", "a.gz"), ("a.tgz", "a.tar.gz")]);
    let decompressed = [("a.gz", "a"), ("a.tgz", "a.tar"), ("a.zst", "a"), ("a.gz.zst", "a.gz")];
    takes(From::Auto, None, &decompressed);
    takes(From::Compressed(Format::Zstd), None, &[("a.zst", "a")]);
}

#[test]
fn other_files_are_left_out() {
    let compressed = ["a.gz", "a.tgz", "a.zst", "a.xz", "a.ZIP", "a.Z", "a.tar.bz2"];
    leaves_out(From::Plain, GZIP, Reason::Compressed, &compressed);
    leaves_out(From::Auto, GZIP, Reason::Compressed, &["a.gz", "a.xz"]);
    leaves_out(From::Auto, None, Reason::Suffix, &["a", ".gz", "a.xz", "a.txt"]);
    leaves_out(From::Compressed(Format::Gzip), ZSTD, Reason::Suffix, &["a", "a.zst", "a.xz"]);
}

#[test]
fn names_of_the_librarys_temporary_files_are_known() {
    let temporary = [".a.0123456789abcdef.tmp", ".a.gz.ffffffffffffffff.tmp"];
    leaves_out(From::Plain, GZIP, Reason::Temporary, &temporary);
    let others =
        ["a.0123456789abcdef.tmp", ".a.0123456789abcde.tmp", ".a.0123456789abcdeg.tmp", ".tmp"];
    for name in others {
        takes(From::Plain, GZIP, &[(name, &format!("{name}.gz"))]);
    }
}

#[test]
fn formats_have_names() {
    for format in [Format::Gzip, Format::Zstd] {
        assert_eq!(Format::from_str(format.name(), false), Ok(format));
    }
    assert_eq!(Format::of_path(Path::new("a.tgz")), GZIP);
    assert_eq!(Format::of_path(Path::new("a.zst/b")), None);
    let in_place = Rule { from: From::Compressed(Format::Gzip), to: GZIP };
    assert!(in_place.is_in_place() && !Rule { to: ZSTD, ..in_place }.is_in_place());
    assert!(!Rule { from: From::Auto, to: GZIP }.is_in_place());
    let reasons = [Reason::Link, Reason::Special];
    assert!(reasons.iter().all(|reason| !reason.text().is_empty()));
}
