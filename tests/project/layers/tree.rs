//! A source tree: its files, the imports of each, and the file that a name comes from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use super::names::{Named, named};
use super::tokens::{Token, tokens};
use super::without_tests::without_tests;

/// One file, without its tests.
#[derive(Debug)]
pub(super) struct File {
    /// From the source folder on: `engine/mod.rs`.
    pub(super) path: String,
    /// Whether it begins with a `//!` paragraph.
    pub(super) starts_with_docs: bool,
    pub(super) tokens: Vec<Token>,
    module: Vec<String>,
    named: Vec<Named>,
    /// Names that a `use` of this file gives to whole modules.
    modules_by_name: HashMap<String, Vec<String>>,
    pub(super) imports: Vec<Import>,
}

/// One file names something of another.
#[derive(Clone, Debug)]
pub(super) struct Import {
    pub(super) line: usize,
    /// The path as the file writes it, but without braces.
    pub(super) text: String,
    /// An index into [`Tree::files`].
    pub(super) from: usize,
}

/// All files of a source folder that are not tests.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
    /// The folders and files at the top, including those of tests.
    pub(super) rooms: BTreeSet<String>,
    by_module: HashMap<Vec<String>, usize>,
}

/// The file that a path leads to, and the part of the path after that file's module.
struct Found {
    file: usize,
    rest: Vec<String>,
}

impl Tree {
    /// Reads a source folder: `src`.
    pub(super) fn read(folder: &Path) -> Self {
        let mut sources = BTreeMap::new();
        read_folder(folder, "", &mut sources);
        let rooms = sources.keys().map(|path| room_of(path).to_owned()).collect();
        let mut files = Vec::new();
        let mut test_modules = Vec::new();
        for (path, source) in sources {
            let code = without_tests(&tokens(&source));
            let module = module_of(&path);
            for name in code.test_modules {
                test_modules.push([&module[..], &[name]].concat());
            }
            files.push(File {
                starts_with_docs: source.starts_with("//!"),
                named: named(&code.tokens),
                tokens: code.tokens,
                path,
                module,
                modules_by_name: HashMap::new(),
                imports: Vec::new(),
            });
        }
        files.retain(|file| !test_modules.iter().any(|tests| file.module.starts_with(tests)));
        let modules = files.iter().enumerate().map(|(index, file)| (file.module.clone(), index));
        let mut tree = Self { by_module: modules.collect(), files, rooms };
        tree.name_modules();
        tree.find_imports();
        tree
    }

    /// Finds the `use`s that give a name to a module, so that paths may begin with it.
    fn name_modules(&mut self) {
        for index in 0..self.files.len() {
            let file = &self.files[index];
            let mut modules = HashMap::new();
            for named in &file.named {
                if let Some(name) = &named.bound
                    && let Some(found) = self.find(file, &named.inside, &named.path)
                    && found.rest.is_empty()
                {
                    modules.insert(name.clone(), self.files[found.file].module.clone());
                }
            }
            self.files[index].modules_by_name = modules;
        }
    }

    fn find_imports(&mut self) {
        for index in 0..self.files.len() {
            let file = &self.files[index];
            let import = |named: &Named| {
                let found = self.find(file, &named.inside, &named.path)?;
                let text = named.path.join("::");
                (found.file != index).then_some(Import { line: named.line, text, from: found.file })
            };
            let imports = file.named.iter().filter_map(import).collect();
            self.files[index].imports = imports;
        }
    }

    /// Looks up a path. `None` if its first word is another crate or a type.
    fn find(&self, file: &File, inside: &[String], path: &[String]) -> Option<Found> {
        let mut module = [&file.module[..], inside].concat();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                module.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while let Some(("super", after)) =
                    rest.split_first().map(|(word, after)| (word.as_str(), after))
                {
                    module.pop();
                    rest = after;
                }
            }
            name => {
                let child = [&module[..], &[name.to_owned()]].concat();
                if !self.by_module.contains_key(&child) {
                    module.clone_from(file.modules_by_name.get(name)?);
                    rest = &rest[1..];
                }
            }
        }
        module.extend_from_slice(rest);
        let length = (0..=module.len())
            .rev()
            .find(|&length| self.by_module.contains_key(&module[..length]))?;
        let rest = module.split_off(length);
        Some(Found { file: self.by_module[&module], rest })
    }

    /// The file that defines a type, and its name there, from a path in another file.
    pub(super) fn home_of_type(&self, file: usize, path: &[String]) -> (usize, String) {
        let mut file = file;
        let mut path = path.to_vec();
        // Re-exports could lead round in a circle, so this gives up after ten.
        for _ in 0..10 {
            if let [name] = &path[..] {
                let named = self.files[file].named.iter();
                let mut imports = named.filter(|named| named.bound.as_ref() == Some(name));
                match imports.find(|import| import.path != path) {
                    Some(import) => path.clone_from(&import.path),
                    None => break,
                }
            }
            match self.find(&self.files[file], &[], &path) {
                Some(found) if !found.rest.is_empty() => {
                    file = found.file;
                    path = found.rest;
                }
                _ => break,
            }
        }
        (file, path.pop().unwrap_or_default())
    }
}

/// The folder at the top that a file belongs to, with a slash, or a file at the top itself.
pub(super) fn room_of(path: &str) -> &str {
    path.find('/').map_or(path, |slash| &path[..=slash])
}

/// Adds the files of a folder and of the folders in it.
fn read_folder(folder: &Path, prefix: &str, sources: &mut BTreeMap<String, String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        if path.is_dir() {
            read_folder(&path, &format!("{prefix}{name}/"), sources);
        } else if name.ends_with(".rs") {
            let source = fs::read_to_string(&path).expect("sources are UTF-8");
            sources.insert(format!("{prefix}{name}"), source);
        }
    }
}

/// `engine/aio.rs` is the module `engine::aio`, `engine/mod.rs` is `engine`, `lib.rs` is the crate.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs");
    let mut module: Vec<_> = path.split('/').map(str::to_owned).collect();
    let is_named_by_its_folder = module.last().is_some_and(|name| name == "mod") || path == "lib";
    if is_named_by_its_folder {
        module.pop();
    }
    module
}
