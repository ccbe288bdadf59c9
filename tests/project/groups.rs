//! The groups of tests: none of their files is left out, and those that are to run alone do.

use std::fs;
use std::path::{Path, PathBuf};

use crate::repository::{root, text};

/// What is in a directory.
fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The Rust files below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let below = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => sources(&path),
        Some(extension) if extension == "rs" => vec![path],
        _ => Vec::new(),
    };
    entries(directory).into_iter().flat_map(below).collect()
}

/// The groups' directories.
fn groups() -> Vec<PathBuf> {
    let all = entries(&root().join("tests")).into_iter();
    all.filter(|path| path.join("main.rs").exists()).collect()
}

/// Whether a file names another as its module.
fn declares(parent: &Path, module: &str) -> bool {
    let text = fs::read_to_string(parent).unwrap_or_default();
    let declared = |line: &str| line.trim_start_matches("pub(crate) ") == format!("mod {module};");
    text.lines().any(declared)
}

/// Cargo looks for programs, not for files: one that no module names would be neither built nor
/// missed.
#[test]
fn each_file_of_a_group_is_a_part_of_it() {
    let groups = groups();
    assert!(groups.len() > 15, "{} groups", groups.len());
    for group in &groups {
        for source in sources(group).iter().filter(|source| !source.ends_with("main.rs")) {
            let is_directory = source.ends_with("mod.rs");
            let module = if is_directory { source.parent().unwrap() } else { source };
            let name = module.file_stem().unwrap().to_str().unwrap();
            let above = module.parent().unwrap();
            let parents = [above.join("main.rs"), above.join("mod.rs"), above.with_extension("rs")];
            let is_named = parents.iter().any(|parent| declares(parent, name));
            assert!(is_named, "{} is in no program", source.display());
        }
    }
}

/// The tests of a source that don't take the lock.
fn careless(text: &str) -> Vec<&str> {
    let bodies = text.split("#[test]\n").skip(1).map(|rest| rest.split("\n}\n").next().unwrap());
    let takes_none = bodies.filter(|body| !body.contains("alone()"));
    takes_none.map(|body| body.lines().next().unwrap()).collect()
}

/// Whether a group's main.rs says that it has one.
fn has_lock(group: &Path) -> bool {
    text(group.join("main.rs")).contains("one test at a time")
}

#[test]
fn each_test_of_a_group_with_a_lock_takes_it() {
    let locked: Vec<_> = groups().into_iter().filter(|group| has_lock(group)).collect();
    assert!(locked.len() >= 4, "{locked:?}");
    for source in locked.iter().flat_map(|group| sources(group)) {
        assert_eq!(careless(&text(&source)), Vec::<&str>::new(), "{}", source.display());
    }
    assert_eq!(careless("#[test]\nfn f() {\n    let _alone = alone();\n}\n").len(), 0);
    assert_eq!(careless("#[test]\nfn f() {\n    body();\n}\n").len(), 1);
}

/// Signs that a test counts, limits or forks the whole process.
const WHOLE: [&str; 8] = [
    "global_allocator",
    "in_child",
    "child::fork",
    "RLIMIT_",
    "set_hook",
    "proc::threads",
    "proc::contexts",
    "proc::descriptors",
];

/// But for the soak, which has a process of its own and no tests.
#[test]
fn the_whole_process_is_for_groups_with_a_lock() {
    let others = groups().into_iter().filter(|group| {
        !["soak", "project"].map(|name| group.ends_with(name)).contains(&true) && !has_lock(group)
    });
    for source in others.flat_map(|group| sources(&group)) {
        let text = text(&source);
        let signs: Vec<_> = WHOLE.into_iter().filter(|sign| text.contains(sign)).collect();
        assert_eq!(signs, Vec::<&str>::new(), "{}", source.display());
    }
}

/// Its tests rely on the ends of pipes, of which a program has copies while it starts.
#[test]
fn no_test_of_jobs_starts_a_program() {
    for source in sources(&root().join("tests/jobs")) {
        let text = text(&source);
        let starts = ["Command::", "support::device"].into_iter().find(|sign| text.contains(sign));
        assert_eq!(starts, None, "{}", source.display());
    }
}
