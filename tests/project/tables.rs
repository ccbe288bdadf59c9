//! The tables of what is promised name tests that exist.
//!
//! A test in `tests/` is named by its group, its module and its function; one in `src/` by its
//! module and its function.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::repository::{root, text};

/// What is between single backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Words of small letters: a path of modules or of a test, and no type's.
fn is_path(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
    };
    name.contains("::") && name.split("::").all(is_word)
}

/// The files that can be the module of this path: a group's in `tests/`, or the crate's.
fn places(path: &str) -> impl Iterator<Item = PathBuf> {
    let path = path.replace("::", "/");
    let directories = ["tests", "src", "src/pipeline"].into_iter();
    let places =
        directories.flat_map(move |it| [format!("{it}/{path}.rs"), format!("{it}/{path}/mod.rs")]);
    places.map(|place| root().join(place)).filter(|place| place.exists())
}

/// Whether there is a test of this name in a source: a function after the attribute, with at most
/// others between.
fn has_test(text: &str, function: &str) -> bool {
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            marked = true;
        } else if let Some(rest) = line.strip_prefix("fn ") {
            if marked && rest.strip_prefix(function).is_some_and(|rest| rest.starts_with('(')) {
                return true;
            }
            marked = false;
        } else if !line.starts_with("#[") {
            marked = false;
        }
    }
    false
}

/// Whether a test of this name exists.
fn exists(name: &str) -> bool {
    let Some((module, function)) = name.rsplit_once("::") else { return false };
    places(module).any(|place| has_test(&fs::read_to_string(place).unwrap(), function))
}

/// Whether a name is a group's of tests, a module's, or a test's.
fn leads_to_tests(name: &str) -> bool {
    let group = root().join("tests").join(name).join("main.rs");
    let is_module = || is_path(name) && places(name).next().is_some();
    group.exists() || is_module() || is_path(name) && exists(name)
}

/// The tests that a text names, each of which has to exist; at least so many.
fn check(what: &str, text: &str, least: usize) {
    let names: BTreeSet<_> = quoted(text).filter(|name| is_path(name)).collect();
    let missing: Vec<_> = names.iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "{what} names tests that do not exist: {missing:#?}");
    assert!(names.len() >= least, "{what} names {} tests", names.len());
}

/// The rows of all tables but for their heads.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().map(str::trim);
    let rows = lines.filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// Each row of these tables ends with tests, but for the heads, which say so.
fn check_rows(what: &str, text: &str) {
    for row in rows(text) {
        let last = row.last().unwrap();
        let named = quoted(last).any(is_path);
        assert!(named || last.starts_with("tests"), "{what} has a row without a test: {row:?}");
    }
}

#[test]
fn what_happens_when_something_fails_is_tested() {
    let text = text("src/FAILURES.md");
    check("the table of failures", &text, 60);
    check_rows("the table of failures", &text);
}

#[test]
fn each_claim_is_tested() {
    let text = text("src/GUARANTEES.md");
    check("the table of guarantees", &text, 100);
    check_rows("the table of guarantees", &text.replace("`src/scope/compile_fail_tests.rs`", ""));
}

#[test]
fn what_the_hostile_can_do_is_tested() {
    let text = text("SECURITY.md");
    check("SECURITY.md", &text, 20);
    check_rows("SECURITY.md", &text);
}

/// Those of the names that are paths, and lead to no test.
fn dangling(text: &str) -> Vec<&str> {
    quoted(text).filter(|name| is_path(name) && !leads_to_tests(name)).collect()
}

/// The numbers in the first column of these tables.
fn numbers(text: &str) -> BTreeSet<u32> {
    rows(text).filter_map(|row| row[0].parse().ok()).collect()
}

/// The crate's documentation has a row for each guarantee, and behind them names tests that exist.
#[test]
fn the_crates_documentation_has_each_guarantee() {
    let crate_docs = text("src/lib.rs").replace("//! ", "");
    let (_, guarantees) = crate_docs.split_once("# Guarantees").unwrap();
    let (promises, rest) = guarantees.split_once("# The life of a job").unwrap();
    assert_eq!(numbers(promises), numbers(&text("src/GUARANTEES.md")));
    let behind = rest.split_once("# Features").unwrap().0;
    assert_eq!(dangling(behind), Vec::<&str>::new(), "in the crate's documentation");
    assert!(quoted(behind).filter(|name| leads_to_tests(name)).count() > 9);
}

/// The contract names groups and modules.
#[test]
fn the_contract_names_files_of_tests() {
    let page = text("tests/README.md");
    let (_, contract) = page.split_once("## The contract").unwrap();
    let contract = contract.split_once("\n## ").unwrap().0;
    let mut count = 0;
    for row in rows(contract).skip(1) {
        for name in quoted(row.last().unwrap()) {
            count += 1;
            let found = root().join(name).exists() || leads_to_tests(name);
            assert!(found, "tests/README.md names `{name}`");
        }
    }
    assert!(count > 30, "tests/README.md names {count} files");
    assert_eq!(dangling(&page), Vec::<&str>::new(), "in tests/README.md");
}

/// What does not exist is found.
#[test]
fn a_name_that_dangles_is_found() {
    assert!(exists("project::tables::a_name_that_dangles_is_found"));
    assert!(exists("scripted::submission::a_batch_accepted_in_pieces_loses_nothing"));
    assert!(!exists("project::tables::exists"), "no test");
    assert!(!exists("project::tables::a_name_that_dangles"), "a part of one");
    assert!(!exists("tables::a_name_that_dangles_is_found"), "without its group");
    assert!(!exists("project::a_name_that_dangles_is_found"), "without its module");
    assert!(!exists("nothing::a_name_that_dangles_is_found"));
    assert!(is_path("a::b_2::c") && !is_path("Stats::panics") && !is_path("drain"));
    assert!(leads_to_tests("project") && leads_to_tests("project::tables"));
    assert!(!leads_to_tests("tables") && !leads_to_tests("project::nothing"));
    assert_eq!(dangling("`project::tables`, `project::gone`, `Stats::gone`"), ["project::gone"]);
}
