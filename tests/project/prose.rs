//! How the pages of the repository are laid out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::repository::{root, text};

/// A page in Markdown is as wide as the code beside it.
const COLUMNS: usize = 100;

/// A reader sees so much of README.md before deciding whether to go on.
const LINES_OF_README: usize = 120;

/// The files of the repository with this ending, but for those that programs write.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match path.is_dir() {
                true if name.starts_with('.') || ["target", "results"].contains(&&*name) => {}
                true => directories.push(path),
                false if name.ends_with(ending) => files.push(path),
                false => {}
            }
        }
    }
    files
}

fn pages() -> Vec<PathBuf> {
    files(".md")
}

/// The numbers of the lines that are too wide. A row of a table can't be broken.
fn wide_lines(text: &str) -> Vec<usize> {
    let lines = text.lines().enumerate();
    let is_wide = |line: &str| line.chars().count() > COLUMNS && !line.starts_with('|');
    lines.filter(|(_, line)| is_wide(line)).map(|(index, _)| index + 1).collect()
}

#[test]
fn pages_are_no_wider_than_the_code() {
    let pages = pages();
    assert!(pages.len() > 10, "{pages:?}");
    for page in pages {
        assert_eq!(wide_lines(&text(&page)), [0; 0], "lines of {}", page.display());
    }
    let wide = "x".repeat(COLUMNS + 1);
    assert_eq!(wide_lines(&format!("| {wide} |\n{wide}\nshort\n")), [2]);
}

/// The text of a line of Rust that is a comment.
fn comment(line: &str) -> Option<&str> {
    Some(line.trim_start().strip_prefix("//")?.trim_start_matches(['/', '!']).trim_start())
}

/// rustfmt minds the code, and leaves comments alone.
#[test]
fn comments_are_no_wider_than_the_code() {
    let is_wide = |line: &str| {
        comment(line).is_some_and(|text| line.chars().count() > COLUMNS && !text.starts_with('|'))
    };
    let files = files(".rs");
    assert!(files.len() > 100, "{files:?}");
    for file in files {
        let text = text(&file);
        let wide: Vec<_> = text.lines().filter(|line| is_wide(line)).collect();
        assert_eq!(wide, [""; 0], "lines of {}", file.display());
    }
    let wide = "x".repeat(COLUMNS);
    assert!(is_wide(&format!("    /// {wide}")) && !is_wide(&format!("    /// | {wide} |")));
}

#[test]
fn the_first_screen_is_short() {
    let lines = text("README.md").lines().count();
    assert!(lines <= LINES_OF_README, "README.md has {lines} lines");
}

/// The targets of the links of a page that lead into the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.filter_map(|target| target.split('#').next());
    targets.filter(|target| !target.is_empty() && !target.contains("::"))
}

/// Links of pages that are not part of the crate's documentation lead to files that exist.
#[test]
fn links_lead_somewhere() {
    let is_page = |page: &PathBuf| page.parent().is_some_and(|it| !it.ends_with("src"));
    let mut count = 0;
    for page in pages().into_iter().filter(is_page) {
        let text = text(&page);
        for target in links(&text).filter(|target| !target.starts_with("http")) {
            count += 1;
            let found = page.parent().unwrap_or(Path::new("/")).join(target).exists();
            assert!(found, "{} links to {target}", page.display());
        }
    }
    assert!(count > 20, "{count} links");
}

/// Doctests can't have them: each build of the tests would take minutes more. So they are the lines
/// of a program, which the gate compiles.
#[test]
fn the_lines_for_datafusion_are_those_of_a_program() {
    let page = text("integrations/object_store/README.md");
    let lines = page.split("```rust,ignore\n").nth(1).and_then(|rest| rest.split("```").next());
    let program = text("integrations/query/register/src/main.rs");
    let mut rest = program.lines().map(str::trim);
    let lines: Vec<_> = lines.expect("a block of code").lines().collect();
    assert!(lines.len() >= 4, "{lines:?}");
    for line in lines {
        assert!(rest.any(|other| other == line), "the program has no such line: {line}");
    }
}
