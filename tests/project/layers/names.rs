//! The paths that a file names, in `use` and elsewhere in its code.

use super::tokens::{Token, closing};

/// A path, not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// The name that a `use` gives to the end of the path. `None` if this is not a `use`.
    pub(super) bound: Option<String>,
    /// The modules in braces around it.
    pub(super) inside: Vec<String>,
}

/// Finds the paths of at least two words, and all paths in a `use`.
pub(super) fn named(tokens: &[Token]) -> Vec<Named> {
    let mut walk = Walk { tokens, at: 0, open_modules: Vec::new(), named: Vec::new() };
    while walk.at < tokens.len() {
        walk.step();
    }
    walk.named
}

struct Walk<'a> {
    tokens: &'a [Token],
    at: usize,
    /// The modules in braces around `at`, with the index of their closing brace.
    open_modules: Vec<(String, usize)>,
    named: Vec<Named>,
}

impl Walk<'_> {
    fn text(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| token.text.as_str())
    }

    fn is_word(&self, index: usize) -> bool {
        self.tokens.get(index).is_some_and(Token::is_word)
    }

    fn step(&mut self) {
        let at = self.at;
        self.open_modules.retain(|&(_, end)| end > at);
        match self.text(at) {
            "mod" if self.text(at + 2) == "{" => {
                let module = (self.text(at + 1).to_owned(), closing(self.tokens, at + 2));
                self.open_modules.push(module);
                self.at += 3;
            }
            // `use<'a>` lists the lifetimes that an `impl Trait` captures.
            "use" if self.text(at + 1) != "<" => {
                self.at += 1;
                self.read_use_tree(&[]);
            }
            // The path in `pub(in path)` imports nothing.
            "pub" if self.text(at + 2) == "in" => self.at = closing(self.tokens, at + 1),
            _ if self.is_word(at) && self.text(at + 1) == "::" => self.read_path(),
            _ => self.at += 1,
        }
    }

    fn read_path(&mut self) {
        let start = self.at;
        let path = self.read_words();
        // After a dot comes a method with generic arguments. After a colon comes the rest of a path
        // that begins with a type or with another crate.
        let is_start = start == 0 || !matches!(self.text(start - 1), "." | "::");
        if is_start {
            self.push(path, start, None);
        }
    }

    /// Reads words with `::` between them, and the `::` after the last word if there is one.
    fn read_words(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while self.is_word(self.at) {
            words.push(self.text(self.at).to_owned());
            self.at += 1;
            if self.text(self.at) != "::" {
                break;
            }
            self.at += 1;
        }
        words
    }

    /// Reads the tree after `use`, or one of the trees in its braces.
    fn read_use_tree(&mut self, prefix: &[String]) {
        if self.text(self.at) == "::" {
            // The path begins with another crate.
            self.skip_use_tree();
            return;
        }
        let start = self.at;
        let mut path = prefix.to_vec();
        path.extend(self.read_words());
        match self.text(self.at) {
            "{" => {
                let end = closing(self.tokens, self.at);
                self.at += 1;
                while self.at < end {
                    self.read_use_tree(&path);
                    self.at += usize::from(self.text(self.at) == ",");
                }
                self.at = end + 1;
            }
            "*" => {
                self.at += 1;
                self.push(path, start, Some("*".into()));
            }
            _ => {
                if path.len() > 1 && path.last().is_some_and(|word| word == "self") {
                    path.pop();
                }
                let mut bound = path.last().cloned().unwrap_or_default();
                if self.text(self.at) == "as" {
                    bound = self.text(self.at + 1).to_owned();
                    self.at += 2;
                }
                self.push(path, start, Some(bound));
            }
        }
    }

    fn skip_use_tree(&mut self) {
        while !matches!(self.text(self.at), ";" | "," | "}" | "") {
            self.at = closing(self.tokens, self.at) + 1;
        }
    }

    fn push(&mut self, path: Vec<String>, start: usize, bound: Option<String>) {
        let inside = self.open_modules.iter().map(|(name, _)| name.clone()).collect();
        let line = self.tokens[start.min(self.tokens.len() - 1)].line;
        self.named.push(Named { path, line, bound, inside });
    }
}
