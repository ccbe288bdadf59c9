//! Tests of the checks themselves, on small source trees in a temporary folder.

use std::fs;

use tempfile::TempDir;

use super::{circles_of_files, too_large, wrong_folders, wrong_imports};

const PAGE: &str = "\
| floor | part | |
|---:|---|---|
| 3 | `lib.rs` | the names |
| 2 | `upper/` | |
| 1 | `lower/` | |
| 1 | `beside/` | |
";

/// A project with three folders. `files` adds to its files or replaces some of them.
fn project(files: &[(&str, &str)]) -> TempDir {
    let project = tempfile::tempdir().unwrap();
    let always = [
        ("ARCHITECTURE.md", PAGE),
        ("src/lib.rs", "mod upper; mod lower; mod beside; pub use upper::Upper;"),
        ("src/upper/mod.rs", "//! Upper.\npub struct Upper;"),
        ("src/lower/mod.rs", "//! Lower.\npub struct Lower;"),
        ("src/beside/mod.rs", "//! Beside.\npub struct Beside;"),
    ];
    for (path, text) in always.iter().chain(files) {
        let path = project.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    project
}

fn all_complaints(files: &[(&str, &str)]) -> Vec<String> {
    let project = project(files);
    let checks = [wrong_imports, circles_of_files, wrong_folders, too_large];
    checks.iter().flat_map(|check| check(project.path())).collect()
}

#[test]
fn imports_from_below_and_from_the_own_folder_are_allowed() {
    let complaints = all_complaints(&[
        ("src/upper/mod.rs", "//! Upper.\nmod own;\nuse crate::beside::Beside;\nuse own::Own;"),
        ("src/upper/own.rs", "use crate::lower::{Lower, inner::Inner as Other};\nstruct Own;"),
        ("src/lower/inner.rs", "pub struct Inner;"),
    ]);
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn an_import_from_above_is_named_with_its_line_and_both_floors() {
    let lower = "//! Lower.\n\nuse std::fmt;\nuse crate::upper::Upper;\n";
    let complaints = all_complaints(&[("src/lower/mod.rs", lower)]);
    let wanted = "src/lower/mod.rs:4: lower/ (floor 1) imports crate::upper::Upper from upper/ \
                  (floor 2)";
    assert_eq!(complaints, [wanted]);
}

#[test]
fn folders_on_the_same_floor_do_not_import_each_other() {
    let complaints = all_complaints(&[(
        "src/lower/mod.rs",
        "//! Lower.\nfn lower() -> usize { size_of::<crate::beside::Beside>() }",
    )]);
    let wanted = "src/lower/mod.rs:2: lower/ (floor 1) imports crate::beside::Beside from \
                  beside/ (floor 1)";
    assert_eq!(complaints, [wanted]);
}

#[test]
fn nobody_imports_from_the_crate_root() {
    let complaints = all_complaints(&[("src/upper/mod.rs", "//! Upper.\nuse crate::Upper;")]);
    let circle = "src/upper/mod.rs, src/lib.rs import each other in a circle:\n    \
                  src/upper/mod.rs:2 imports crate::Upper from src/lib.rs\n    \
                  src/lib.rs:1 imports upper::Upper from src/upper/mod.rs";
    assert!(complaints[0].ends_with("imports crate::Upper from the crate root, lib.rs (floor 3)"));
    // The report may begin with either file of the circle.
    assert_eq!(complaints.len(), 2, "{complaints:#?}");
    assert_eq!(lines_sorted(&complaints[1])[..2], lines_sorted(circle)[..2]);
}

fn lines_sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_part_of_a_tree_in_braces_is_looked_up() {
    let complaints = all_complaints(&[
        (
            "src/lower/mod.rs",
            "//! Lower.
use crate::{
    lower::own::Own,
    upper::{self, deep::{Deep, Other}},
};
fn f(_: upper::deep::More) {}",
        ),
        ("src/lower/own.rs", "pub struct Own;"),
        ("src/upper/deep.rs", "pub struct Deep;"),
    ]);
    let from = "from upper/ (floor 2)";
    let start = |line: usize| format!("src/lower/mod.rs:{line}: lower/ (floor 1) imports");
    assert_eq!(
        complaints,
        [
            format!("{} crate::upper {from}", start(4)),
            format!("{} crate::upper::deep::Deep {from}", start(4)),
            format!("{} crate::upper::deep::Other {from}", start(4)),
            format!("{} upper::deep::More {from}", start(6)),
        ]
    );
}

#[test]
fn comments_literals_and_visibility_import_nothing() {
    let lower = r####"//! Lower, see [`crate::upper::Upper`].
/* use crate::upper::Upper; /* and */ use crate::upper::Upper; */
/// [crate::upper::Upper]
pub(in crate::upper) const TEXT: &str = "\" crate::upper::Upper";
const RAW: &str = r#"" crate::upper::Upper "#;
const BYTES: (&[u8], u8, char) = (br"\", b'"', '"');
fn with_lifetimes<'a>(_: &'a str) -> impl Sized + use<'a> { '\'' }
fn call(this: Lower) { this.upper::<u8>(); ::upper::Upper::new(); }
"####;
    let complaints = all_complaints(&[("src/lower/mod.rs", lower)]);
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn what_only_tests_are_built_with_imports_nothing() {
    let lower = "//! Lower.
#[cfg(test)]
use crate::upper::Upper;
#[cfg(all(test, not(loom)))]
#[derive(Debug)]
pub(crate) struct Fake { upper: crate::upper::Upper, other: u8 }
struct Lower { #[cfg(test)] upper: crate::upper::Upper, other: u8 }
fn lower() {
    #[cfg(test)]
    let made = crate::upper::Upper { other: 1 };
}
#[cfg(loom)]
mod models;
#[cfg(test)]
mod tests {
    use crate::upper::Upper;
    #[test]
    fn works() {}
}
";
    let complaints = all_complaints(&[
        ("src/lower/mod.rs", lower),
        ("src/lower/models/mod.rs", "use crate::upper::Upper;"),
        ("src/lower/models/room.rs", "use crate::upper::Upper;"),
    ]);
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn code_around_tests_is_still_read() {
    let lower = "//! Lower.
#[cfg(test)]
fn made(_: (u8, u8)) -> [u8; 2] { [1, 2] }
#[cfg(not(test))]
use crate::upper::First;
struct Lower { #[cfg(test)] made: u8, upper: crate::upper::Second }
fn lower(self, #[cfg(test)] made: u8) -> crate::upper::Third {
    match self { #[cfg(test)] Made => { 1 }, _ => crate::upper::Fourth::new() }
}
";
    let complaints = all_complaints(&[("src/lower/mod.rs", lower)]);
    let imported = complaints.iter().map(|complaint| complaint.split(' ').nth(5).unwrap());
    let imported: Vec<_> = imported.collect();
    let all = ["First", "Second", "Third", "Fourth::new"];
    assert_eq!(imported, all.map(|name| format!("crate::upper::{name}")));
}

#[test]
fn a_circle_inside_a_folder_is_named_with_the_lines_that_tie_it() {
    let complaints = all_complaints(&[
        ("src/lower/a.rs", "use super::b::B;\npub struct A;"),
        ("src/lower/b.rs", "\nuse crate::lower::c::{C, D};\npub struct B;"),
        ("src/lower/c.rs", "pub struct C;\nfn c() { super::a::A::new(); }"),
        ("src/lower/d.rs", "use super::a::A;"),
    ]);
    let wanted = "src/lower/a.rs, src/lower/b.rs, src/lower/c.rs import each other in a circle:
    src/lower/a.rs:1 imports super::b::B from src/lower/b.rs
    src/lower/b.rs:2 imports crate::lower::c::C from src/lower/c.rs
    src/lower/b.rs:2 imports crate::lower::c::D from src/lower/c.rs
    src/lower/c.rs:2 imports super::a::A::new from src/lower/a.rs";
    assert_eq!(complaints, [wanted]);
}

#[test]
fn a_module_and_its_child_can_form_a_circle() {
    let child = ("src/lower/child.rs", "use super::Lower;\npub(crate) struct Child;");
    // To declare a child is not to import it.
    let declared = ("src/lower/mod.rs", "//! Lower.\nmod child;\npub struct Lower;");
    assert_eq!(all_complaints(&[declared, child]), [""; 0]);

    for import in ["pub(crate) use child::Child;", "fn f() -> child::Child {}"] {
        let lower = format!("//! Lower.\nmod child;\npub struct Lower;\n{import}");
        let complaints = all_complaints(&[("src/lower/mod.rs", &lower), child]);
        let wanted = "src/lower/child.rs, src/lower/mod.rs import each other in a circle:
    src/lower/child.rs:1 imports super::Lower from src/lower/mod.rs
    src/lower/mod.rs:4 imports child::Child from src/lower/child.rs";
        assert_eq!(complaints, [wanted]);
    }
}

#[test]
fn the_table_names_what_there_is() {
    let complaints = all_complaints(&[
        ("ARCHITECTURE.md", &PAGE.replace("`beside/`", "`nowhere/`")),
        ("src/one.rs", ""),
        ("src/two.rs", ""),
        ("src/three.rs", ""),
        ("src/GUARANTEES.md", ""),
        ("src/lower/mod.rs", "pub struct Lower;"),
        ("src/upper/deep/own.rs", ""),
    ]);
    assert_eq!(
        complaints,
        [
            "src/beside/ is missing from the table",
            "src/one.rs is missing from the table",
            "src/three.rs is missing from the table",
            "src/two.rs is missing from the table",
            "floor 1: there is no src/nowhere/",
            "too many files at the top of src/: one.rs, three.rs, two.rs",
            "src/lower/mod.rs does not begin with a `//!` paragraph",
            "src/upper/deep/mod.rs does not begin with a `//!` paragraph",
        ]
    );
}

#[test]
fn lines_with_code_are_counted() {
    let file = |lines: usize| {
        let text = "const TEXT: &str = \"\none more\";\n".to_owned();
        let comments = "\n// No code.\n/* None\neither */\n";
        let tests = "#[cfg(test)]\nmod tests {\n    use super::TEXT;\n}\n";
        text + &"// Says why.\nfn code() {}\n".repeat(lines - 2) + comments + tests
    };
    assert_eq!(all_complaints(&[("src/upper/long.rs", &file(300))]), [""; 0]);
    let complaints = all_complaints(&[("src/upper/long.rs", &file(301))]);
    assert_eq!(complaints, ["src/upper/long.rs: 301 lines of code, at most 300 are allowed"]);
}

#[test]
fn methods_are_counted_over_all_files() {
    let methods = |count: usize| {
        "pub(crate) fn method<F: Fn(u8)>(&self, call: F) { fn inner() {} }\n\
         const X: fn() = inner;\nfn new(itself: u8) -> Self {}\n"
            .to_owned()
            + &"const fn method(mut self) {}\n".repeat(count - 1)
    };
    let complaints = |count: usize| {
        let first = format!(
            "pub struct Lower<T>(T);\n\
             impl<T: Fn() -> u8> Lower<T> where u8: for<'a> A<'a> {{ {} }}",
            methods(20)
        );
        let second = format!(
            "use super::first::Lower as Renamed;\nimpl Renamed<u8> {{ {} }}\n\
             impl Display for Renamed<u8> {{ {} }}\n\
             fn takes(_: impl Fn()) -> impl Sized {{ {} }}",
            methods(count - 20),
            methods(9),
            methods(9)
        );
        // Another type of the same name.
        let other = format!("pub struct Lower;\nimpl Lower {{ {} }}", methods(20));
        all_complaints(&[
            ("src/lower/first.rs", &first),
            ("src/lower/second.rs", &second),
            ("src/upper/other.rs", &other),
        ])
    };
    assert_eq!(complaints(25), [""; 0]);
    let wanted = ["src/lower/first.rs: Lower has 26 methods, at most 25 are allowed"];
    assert_eq!(
        complaints(26).iter().map(|complaint| complaint.as_str()).collect::<Vec<_>>(),
        wanted
    );
}
