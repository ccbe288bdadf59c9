//! The example `copy_tree`: names and paths as long as they can be, and bits that are not kept.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::partial::Place;
use crate::program::{example, run, stderr, stdout, unprivileged};
use crate::support::{public, scratch};

/// A path of so many bytes below a directory.
fn path_of(directory: &Path, bytes: usize, name: &str) -> PathBuf {
    let mut path = directory.to_owned();
    loop {
        let left = bytes - path.as_os_str().len() - 1 - name.len();
        match left {
            0 => break,
            // What is left has to be a slash and a name, too.
            1 => panic!("{bytes} bytes can't be made up"),
            2..=200 => path.push("d".repeat(left - 1)),
            _ => path.push("d".repeat(99)),
        }
    }
    path.join(name)
}

#[test]
fn paths_may_be_as_long_as_the_system_takes_them() {
    let directory = scratch();
    let roots = ["source", "target"].map(|name| directory.path().join(name));
    let longest = libc::PATH_MAX as usize - 1;
    // The path of a temporary file becomes too long somewhere between.
    for bytes in longest - 20..=longest {
        let source = path_of(&roots[0], bytes, "f");
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        fs::write(&source, "far away").unwrap();
        symlink("f", source.with_file_name("l")).unwrap();
        // As seen from the directory, it is shorter than the system allows, but not so its absolute
        // path.
        for [source_root, target_root] in [["source", "target"].map(PathBuf::from), roots.clone()] {
            let mut command = example("copy_tree", directory.path());
            let output = command.args([&source_root, &target_root]).output().unwrap();
            assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{bytes}");
            let target = roots[1].join(source.strip_prefix(&roots[0]).unwrap());
            assert_eq!(fs::read(&target).unwrap(), b"far away");
            assert_eq!(fs::read_link(target.with_file_name("l")).unwrap(), Path::new("f"));
            fs::remove_dir_all(&roots[1]).unwrap();
        }
        fs::remove_dir_all(&roots[0]).unwrap();
    }
}

#[test]
fn absolute_paths_may_be_longer_than_the_system_takes_them() {
    let directory = scratch();
    let shell = |script: &str, path: &Path| {
        let mut command = Command::new("sh");
        command.args(["-ec", script, "sh"]).arg(path).current_dir(directory.path());
        let output = command.output().unwrap();
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
        stdout(&output).to_owned()
    };
    let source = path_of(Path::new("source"), libc::PATH_MAX as usize - 1, "f");
    let make = r#"mkdir -p "${1%/*}"; printf 'far away' > "$1"; ln -s f "${1%/*}/l""#;
    assert_eq!(shell(make, &source), "");
    let output = run("copy_tree", directory.path(), &["source", "target"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    let target = Path::new("target").join(source.strip_prefix("source").unwrap());
    assert_eq!(shell(r#"cat "$1"; readlink "${1%/*}/l""#, &target), "far awayf\n");
}

/// The name that a file has until it is complete.
fn temporary(directory: &Path, name: &OsStr) -> OsString {
    let place = Place { path: directory.join(name), overwrite: false };
    let make = |path: &Path| {
        File::create_new(path)?;
        Ok(path.file_name().unwrap().to_owned())
    };
    let (temporary, partial) = place.begin(make).unwrap();
    place.take(partial).unwrap();
    assert!(directory.join(name).is_file());
    fs::remove_file(directory.join(name)).unwrap();
    temporary
}

#[test]
fn a_temporary_name_is_no_longer_than_a_long_name() {
    let directory = scratch();
    // File systems count bytes or characters, and some take nothing but UTF-8.
    let counts = |name: &str| (name.len(), name.chars().count(), name.encode_utf16().count());
    for part in ["n", "é", "漢", "𝄞", "n𝄞", "漢e\u{301}"] {
        for len in 81..=255 {
            let name = part.repeat(len / part.len()) + &"x".repeat(len % part.len());
            let temporary = temporary(directory.path(), name.as_ref());
            let temporary = temporary.to_str().unwrap_or_else(|| panic!("{name}: not UTF-8"));
            let (ours, theirs) = (counts(temporary), counts(&name));
            let fits = ours.0 <= theirs.0 && ours.1 <= theirs.1 && ours.2 <= theirs.2;
            assert!(fits, "{temporary} for {name}");
        }
    }
    for name in [&b"\x80"[..], b"\xff", b"\xffn"].map(|part| part.repeat(255 / part.len())) {
        let temporary = temporary(directory.path(), OsStr::from_bytes(&name));
        assert!(temporary.as_bytes().len() <= name.len(), "{temporary:?}");
    }
    let short = OsString::from_vec(b"name \xff".to_vec());
    let temporary = temporary(directory.path(), &short);
    assert!(temporary.as_bytes().starts_with(b".name \xff."), "{temporary:?}");
}

#[test]
fn set_id_bits_are_kept_with_their_owner_only() {
    let directory = public();
    let path = |name: &str| directory.path().join(name);
    let modes =
        [("", 0o755), ("group", 0o2775), ("both", 0o6755), ("sticky", 0o1777), ("file", 0o6755)];
    fs::create_dir(path("source")).unwrap();
    for (name, mode) in modes {
        let source = path("source").join(name);
        match name {
            "file" => fs::write(&source, "").unwrap(),
            _ => fs::create_dir_all(&source).unwrap(),
        }
        fs::set_permissions(source, Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    let kept = |target: &str, set_id: u32| {
        for (name, mode) in modes {
            let found = fs::metadata(path(target).join(name)).unwrap().mode() & 0o7777;
            let expected = mode & (0o1777 | set_id);
            assert_eq!(found, expected, "{found:o} and not {expected:o}: {target}/{name}");
        }
    };
    let output = run("copy_tree", directory.path(), &["source", "own"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    kept("own", 0o6000);
    let Some((mut command, _program)) = unprivileged("copy_tree", directory.path()) else { return };
    let output = command.args(["source", "another's"]).output().unwrap();
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    kept("another's", 0);
}
