//! The example `copy_tree` with `--dry-run`: what it lists is what is made afterwards.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use crate::copy_tree::walk;
use crate::program::{example, run, stderr, stdout, unprivileged};
use crate::support::{known_file, make_fifo, public, scratch};
use crate::trees::read_tree;

fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("a/b")).unwrap();
    known_file(root, "file", 1000);
    known_file(&root.join("a"), "new\nline", 24);
    known_file(&root.join("a/b"), "first", 0);
    fs::hard_link(root.join("a/b/first"), root.join("a/b/second")).unwrap();
    symlink("nowhere", root.join("link")).unwrap();
}

fn sorted(said: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn what_would_be_made_is_listed_and_not_made() {
    let directory = scratch();
    make_tree(&directory.path().join("source"));
    let before = read_tree(directory.path());
    let output =
        run("copy_tree", directory.path(), &["--dry-run", "--verbose", "source", "target"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "copy_tree: 3 files of 1.00 KiB would be copied\n");
    assert!(before == read_tree(directory.path()), "nothing has changed");
    let lines = sorted(stdout(&output));
    // Which of two names is the first is up to the directory.
    let [one, other] = match lines.contains(&"file target/a/b/first") {
        true => ["first", "second"],
        false => ["second", "first"],
    };
    let mut expected = vec![
        "directory target".to_owned(),
        "directory target/a".to_owned(),
        "directory target/a/b".to_owned(),
        "file target/file".to_owned(),
        "file target/a/new\\nline".to_owned(),
        format!("file target/a/b/{one}"),
        format!("hard link target/a/b/{other} = target/a/b/{one}"),
        "link target/link -> nowhere".to_owned(),
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

/// Runs it twice, and returns what it said when it was to change nothing. The second one says the
/// same on the standard error, and makes what the first one has listed.
fn foretell(directory: &Path, options: &[&str]) -> (String, Option<i32>) {
    let target = directory.join("target");
    let known = |root: &Path| if root.exists() { walk(root) } else { Vec::new() };
    let before: BTreeSet<_> = known(&target).into_iter().collect();
    let foretold = run("copy_tree", directory, &[&["--dry-run"], options].concat());
    assert_eq!(before, known(&target).into_iter().collect(), "nothing has changed");
    let done = run("copy_tree", directory, options);
    assert_eq!(sorted(stderr(&foretold)), sorted(stderr(&done)), "{options:?}");
    assert_eq!(foretold.status.code(), done.status.code(), "{options:?}");
    let made = known(&target).into_iter().filter(|path| !before.contains(path));
    let mut made: Vec<String> = made
        .map(|path| target.join(path).strip_prefix(directory).unwrap().display().to_string())
        .map(|path| path.trim_end_matches('/').replace('\n', "\\n"))
        .collect();
    made.sort_unstable();
    let path_of = |line: &str| {
        let line = ["hard link ", "directory ", "file ", "link "]
            .iter()
            .find_map(|kind| line.strip_prefix(kind))
            .unwrap();
        line.split(" = ").next().unwrap().split(" -> ").next().unwrap().to_owned()
    };
    let mut listed: Vec<String> = stdout(&foretold).lines().map(path_of).collect();
    listed.sort_unstable();
    if !options.contains(&"--overwrite") {
        assert_eq!(listed, made, "{options:?}");
    }
    (sorted(stderr(&foretold)).join("\n"), foretold.status.code())
}

#[test]
fn problems_are_those_of_the_copy() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    make_tree(&path("source"));
    make_fifo(&path("source/fifo"));
    for name in ["file", "a"] {
        fs::create_dir_all(path("target")).unwrap();
        fs::write(path("target").join(name), "mine").unwrap();
    }
    symlink("mine", path("target/link")).unwrap();
    let (said, status) = foretell(directory.path(), &["source", "target"]);
    let exists = |name| format!("copy_tree: target/{name}: File exists (os error 17)");
    let reason = "left out: neither file, directory nor symbolic link";
    let fifo = format!("copy_tree: source/fifo: {reason}");
    let expected = [fifo, exists("a"), exists("file"), exists("link")].join("\n");
    assert_eq!((said, status), (expected, Some(1)));

    fs::remove_file(path("target/a")).unwrap();
    fs::remove_file(path("target/link")).unwrap();
    fs::create_dir(path("target/link")).unwrap();
    let (said, status) = foretell(directory.path(), &["--overwrite", "source", "target"]);
    let is_directory = "copy_tree: target/link: Is a directory (os error 21)";
    assert_eq!(
        (said, status),
        (format!("copy_tree: source/fifo: {reason}\n{is_directory}"), Some(1))
    );

    for arguments in [["vanished", "new"], ["source/file", "new"], ["source", "source/a/new"]] {
        let (said, status) = foretell(directory.path(), &arguments);
        assert!(said.starts_with("copy_tree: ") && status == Some(1), "{said}");
    }
}

#[test]
fn what_may_not_be_read_or_made_is_foretold() {
    let directory = public();
    let path = |name: &str| directory.path().join(name);
    make_tree(&path("source"));
    let set_mode = |name: &str, mode| {
        fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
    };
    set_mode("source/file", 0o000);
    set_mode("source/a/b", 0o000);
    // It is there, and not everybody's.
    fs::create_dir_all(path("target/a")).unwrap();
    set_mode("target", 0o777);
    let Some((mut command, _program)) = unprivileged("copy_tree", directory.path()) else { return };
    command.args(["source", "target"]);
    let real = command.output().unwrap();
    for name in walk(&path("target")).iter().skip(1).filter(|name| *name != Path::new("a")) {
        fs::remove_file(path("target").join(name)).unwrap();
    }
    let Some((mut command, _program)) = unprivileged("copy_tree", directory.path()) else { return };
    let foretold = command.args(["--dry-run", "source", "target"]).output().unwrap();
    let denied = |name: &str| format!("copy_tree: {name}: Permission denied (os error 13)");
    let names = ["source/a/b", "source/file", "target/a/b", "target/a/new\\nline"];
    assert_eq!(sorted(stderr(&foretold)), names.map(denied)[1..]);
    assert_eq!(foretold.status.code(), Some(1));
    assert_eq!(stdout(&foretold), "link target/link -> nowhere\n");
    let said = sorted(stderr(&real));
    // At the end, its owner alone may give the directory its permissions and times.
    let same: Vec<&str> = said.into_iter().filter(|line| !line.contains("not kept")).collect();
    assert_eq!(same, sorted(stderr(&foretold)));
}

#[test]
fn a_reader_that_has_read_enough_ends_the_list() {
    let directory = scratch();
    make_tree(&directory.path().join("source"));
    let mut command = example("copy_tree", directory.path());
    command.args(["--dry-run", "source", "target"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
}
