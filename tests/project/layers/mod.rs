//! The source tree keeps to the rules of `ARCHITECTURE.md`.
//!
//! These tests read the table of floors on that page and compare `src/` with it: imports point
//! downward, no files import each other in a circle, every folder has its row, and files and types
//! stay small.
//!
//! The checks split the source into words and signs, and do not parse it. A path counts as an
//! import if its first word leads into this crate. Calls of methods count for nothing: they name no
//! file.

mod circles;
mod floors;
mod made_up;
mod names;
mod sizes;
mod tokens;
mod tree;
mod without_tests;

use std::fs;
use std::path::Path;

use floors::Floors;
use tree::Tree;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

fn floors_and_tree(project: &Path) -> (Floors, Tree) {
    let page = fs::read_to_string(project.join("ARCHITECTURE.md")).expect("the page is there");
    (Floors::read(&page), Tree::read(&project.join("src")))
}

fn wrong_imports(project: &Path) -> Vec<String> {
    let (floors, tree) = floors_and_tree(project);
    floors.imports_that_do_not_point_down(&tree)
}

fn circles_of_files(project: &Path) -> Vec<String> {
    circles::circles(&floors_and_tree(project).1)
}

fn wrong_folders(project: &Path) -> Vec<String> {
    let (floors, tree) = floors_and_tree(project);
    let mut complaints = floors.differences_from(&tree);
    complaints.extend(floors::folders_without_introduction(&tree));
    complaints
}

fn too_large(project: &Path) -> Vec<String> {
    let (_, tree) = floors_and_tree(project);
    let mut complaints = sizes::files_that_are_too_long(&tree);
    complaints.extend(sizes::types_with_too_many_methods(&tree));
    complaints
}

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn imports_point_downward() {
    assert_none(&wrong_imports(Path::new(PROJECT)));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_none(&circles_of_files(Path::new(PROJECT)));
}

#[test]
fn every_folder_has_a_row_and_an_introduction() {
    assert_none(&wrong_folders(Path::new(PROJECT)));
}

#[test]
fn files_and_types_stay_small() {
    assert_none(&too_large(Path::new(PROJECT)));
}
