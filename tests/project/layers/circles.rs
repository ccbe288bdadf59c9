//! The rule that no files import each other in a circle.

use std::collections::{BTreeSet, VecDeque};

use super::tree::Tree;

/// A description of each circle. Every file is in at most one of them.
pub(super) fn circles(tree: &Tree) -> Vec<String> {
    let mut reported = BTreeSet::new();
    let mut descriptions = Vec::new();
    for start in 0..tree.files.len() {
        let Some(circle) = shortest_circle(tree, start) else { continue };
        if circle.iter().all(|file| !reported.contains(file)) {
            descriptions.push(describe(tree, &circle));
            reported.extend(circle);
        }
    }
    descriptions
}

/// The files of the shortest circle through a file, in the order of their imports.
fn shortest_circle(tree: &Tree, start: usize) -> Option<Vec<usize>> {
    let mut importer = vec![None; tree.files.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for import in &tree.files[file].imports {
            if import.from == start {
                let mut circle = vec![file];
                while let Some(before) = importer[circle[circle.len() - 1]] {
                    circle.push(before);
                }
                circle.reverse();
                return Some(circle);
            }
            if importer[import.from].is_none() {
                importer[import.from] = Some(file);
                queue.push_back(import.from);
            }
        }
    }
    None
}

/// Names the files, and every import from one to the next.
fn describe(tree: &Tree, circle: &[usize]) -> String {
    let path = |file: usize| &tree.files[file].path;
    let names: Vec<_> = circle.iter().map(|&file| format!("src/{}", path(file))).collect();
    let mut text = format!("{} import each other in a circle:", names.join(", "));
    for (index, &file) in circle.iter().enumerate() {
        let next = circle[(index + 1) % circle.len()];
        let imports = tree.files[file].imports.iter().filter(|import| import.from == next);
        let lines: BTreeSet<_> = imports.map(|import| (import.line, &import.text)).collect();
        for (line, text_of_import) in lines {
            let (own, other) = (path(file), path(next));
            text += &format!("\n    src/{own}:{line} imports {text_of_import} from src/{other}");
        }
    }
    text
}
