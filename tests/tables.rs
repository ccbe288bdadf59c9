//! The tables of what is promised name tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What is between single backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Words of small letters: a test's path, and no type's.
fn is_test(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
    };
    name.contains("::") && name.split("::").all(is_word)
}

/// The source in which a test by this path would be.
fn source(modules: &[&str]) -> Option<PathBuf> {
    let path = modules.join("/");
    let places = [format!("tests/{path}.rs"), format!("tests/{path}/main.rs")];
    let inside = ["src", "src/pipeline"]
        .into_iter()
        .flat_map(|folder| [format!("{folder}/{path}.rs"), format!("{folder}/{path}/mod.rs")]);
    places.into_iter().chain(inside).map(|place| root().join(place)).find(|it| it.exists())
}

/// Whether a test of this name exists: a function after the attribute, with at most others between.
fn exists(name: &str) -> bool {
    let path: Vec<_> = name.split("::").collect();
    let (function, modules) = path.split_last().unwrap();
    let Some(source) = source(modules) else { return false };
    let text = fs::read_to_string(source).unwrap();
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

/// The tests that a text names, each of which has to exist; at least so many.
fn check(what: &str, text: &str, least: usize) {
    let names: BTreeSet<_> = quoted(text).filter(|name| is_test(name)).collect();
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
        let named = quoted(last).any(is_test);
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

#[test]
fn the_guarantees_name_tests() {
    let crate_docs = text("src/lib.rs");
    let (_, guarantees) = crate_docs.split_once("//! # Guarantees").unwrap();
    check("the crate's documentation", guarantees.split_once("//! # Speed").unwrap().0, 0);
}

/// The contract names whole files, some by the beginning of their names.
#[test]
fn the_contract_names_files_of_tests() {
    let readme = text("README.md");
    let (_, contract) = readme.split_once("## The contract").unwrap();
    let contract = contract.split_once("\n## ").unwrap().0;
    let files: Vec<_> = fs::read_dir(root().join("tests")).unwrap().map(Result::unwrap).collect();
    let mut count = 0;
    for row in rows(contract).skip(1) {
        for name in quoted(row.last().unwrap()) {
            count += 1;
            let is_file = |file: &str| match name.strip_suffix('*') {
                Some(beginning) => file.starts_with(beginning),
                None => file.strip_suffix(".rs") == Some(name),
            };
            let found = root().join(name).exists()
                || files.iter().any(|file| file.file_name().to_str().is_some_and(is_file));
            assert!(found || is_test(name) && exists(name), "README.md names `{name}`");
        }
    }
    assert!(count > 30, "README.md names {count} files");
    check("README.md", contract, 0);
}

/// What does not exist is found.
#[test]
fn a_name_that_dangles_is_found() {
    assert!(exists("tables::a_name_that_dangles_is_found"));
    assert!(exists("scripted::submission::a_batch_accepted_in_pieces_loses_nothing"));
    assert!(!exists("tables::exists"), "no test");
    assert!(!exists("tables::a_name_that_dangles"), "a part of one");
    assert!(!exists("nothing::a_name_that_dangles_is_found"));
    assert!(is_test("a::b_2::c") && !is_test("Stats::panics") && !is_test("drain"));
}
