//! Limits for the sizes of files and types.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Token, closing};
use super::tree::{File, Tree};

/// Counts lines that hold code, but not comments and tests.
const MOST_LINES: usize = 300;

/// Counts the methods of a type in all its `impl` blocks, but not those of traits.
const MOST_METHODS: usize = 25;

pub(super) fn files_that_are_too_long(tree: &Tree) -> Vec<String> {
    let complaint = |file: &File| {
        let lines: BTreeSet<_> =
            file.tokens.iter().flat_map(|token| token.line..=token.last_line).collect();
        let is_too_long = lines.len() > MOST_LINES;
        let counts = format!("{} lines of code, at most {MOST_LINES} are allowed", lines.len());
        is_too_long.then(|| format!("src/{}: {counts}", file.path))
    };
    tree.files.iter().filter_map(complaint).collect()
}

pub(super) fn types_with_too_many_methods(tree: &Tree) -> Vec<String> {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (index, file) in tree.files.iter().enumerate() {
        for block in inherent_impls(&file.tokens) {
            let (home, name) = tree.home_of_type(index, &block.path);
            *counts.entry((&tree.files[home].path, name)).or_default() += block.methods;
        }
    }
    counts.retain(|_, count| *count > MOST_METHODS);
    let complaint = |((path, name), count)| {
        format!("src/{path}: {name} has {count} methods, at most {MOST_METHODS} are allowed")
    };
    counts.into_iter().map(complaint).collect()
}

/// One `impl Type` block.
struct Inherent {
    /// The type's name, as it is written here.
    path: Vec<String>,
    methods: usize,
}

fn inherent_impls(tokens: &[Token]) -> Vec<Inherent> {
    let begins = |&index: &usize| {
        let before = index.checked_sub(1).map_or(";", |before| tokens[before].text.as_str());
        // After anything else, `impl Trait` is a type.
        tokens[index].is("impl") && ["}", ";", "]", "{", "unsafe"].contains(&before)
    };
    (0..tokens.len()).filter(begins).filter_map(|index| inherent_impl(&tokens[index..])).collect()
}

/// `None` if the block that begins here implements a trait.
fn inherent_impl(tokens: &[Token]) -> Option<Inherent> {
    let open = tokens.iter().position(|token| token.is("{"))?;
    let head = &tokens[1..open];
    let head = &head[after_generics(head)..];
    let condition = head.iter().position(|token| token.is("where")).unwrap_or(head.len());
    if head[..condition].iter().any(|token| token.is("for")) {
        return None;
    }
    let path = head.iter().take_while(|token| token.is_word() || token.is("::"));
    let path = path.filter(|token| token.is_word()).map(|token| token.text.clone()).collect();
    let methods = count_methods(&tokens[open + 1..closing(tokens, open)]);
    Some(Inherent { path, methods })
}

/// The number of tokens from `<` to the `>` that belongs to it, or 0.
fn after_generics(head: &[Token]) -> usize {
    let mut depth = 0;
    for (index, token) in head.iter().enumerate() {
        match token.text.as_str() {
            "<" => depth += 1,
            // The arrow in `Fn() -> T` closes nothing.
            ">" if !head[index - 1].is("-") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if index == 0 { 0 } else { index + 1 };
        }
    }
    0
}

/// Functions in the block itself that take `self`, not those inside other functions. Constructors
/// don't count: they ask nothing of a value.
fn count_methods(body: &[Token]) -> usize {
    let (mut count, mut index) = (0, 0);
    while index < body.len() {
        // `fn(` is a type.
        let is_named = body[index].is("fn") && body.get(index + 1).is_some_and(Token::is_word);
        count += usize::from(is_named && takes_self(&body[index + 2..]));
        index = closing(body, index) + 1;
    }
    count
}

/// Whether the first parameter is `self`, in whatever form. The tokens begin behind the name.
fn takes_self(signature: &[Token]) -> bool {
    let parameters = &signature[after_generics(signature)..];
    let first = parameters.iter().skip(1).take_while(|token| !token.is(",") && !token.is(")"));
    first.map(|token| token.text.as_str()).any(|text| text == "self")
}
