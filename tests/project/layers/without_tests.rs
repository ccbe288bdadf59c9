//! Removes the code that is built only for tests.

use super::tokens::{Token, closing};

/// The rest of a file.
pub(super) struct WithoutTests {
    pub(super) tokens: Vec<Token>,
    /// Modules of tests that the file declares and that have files of their own.
    pub(super) test_modules: Vec<String>,
}

/// Removes items with `#[cfg(test)]` or `#[cfg(loom)]`, or with one of these inside `all(...)`.
pub(super) fn without_tests(tokens: &[Token]) -> WithoutTests {
    let mut left = WithoutTests { tokens: Vec::new(), test_modules: Vec::new() };
    let mut at = 0;
    while at < tokens.len() {
        let item = after_attributes(tokens, at);
        if !attributes(tokens, at).any(is_of_tests) {
            left.tokens.extend_from_slice(&tokens[at..item.max(at + 1)]);
            at = item.max(at + 1);
            continue;
        }
        at = after_item(tokens, item);
        let declared = &tokens[item..at];
        if let [.., keyword, name, end] = declared
            && keyword.is("mod")
            && end.is(";")
        {
            left.test_modules.push(name.text.clone());
        }
    }
    left
}

/// The attributes in a row from `at` on, each with its brackets.
fn attributes(tokens: &[Token], mut at: usize) -> impl Iterator<Item = &[Token]> {
    std::iter::from_fn(move || {
        let start = at;
        at = after_attribute(tokens, at)?;
        Some(&tokens[start..at])
    })
}

fn after_attributes(tokens: &[Token], at: usize) -> usize {
    attributes(tokens, at).map(<[_]>::len).sum::<usize>() + at
}

fn after_attribute(tokens: &[Token], at: usize) -> Option<usize> {
    let is_attribute = tokens.get(at)?.is("#") && tokens.get(at + 1)?.is("[");
    is_attribute.then(|| closing(tokens, at + 1) + 1)
}

/// Whether an attribute is a `cfg` that holds only in tests.
fn is_of_tests(attribute: &[Token]) -> bool {
    let [_, _, cfg, open, condition @ .., _, _] = attribute else { return false };
    cfg.is("cfg") && open.is("(") && asks_for_tests(condition)
}

fn asks_for_tests(condition: &[Token]) -> bool {
    match condition {
        [name] => name.is("test") || name.is("loom"),
        [all, open, parts @ .., _] if all.is("all") && open.is("(") => {
            split_at_commas(parts).any(asks_for_tests)
        }
        _ => false,
    }
}

/// The parts between commas that stand in no further brackets.
fn split_at_commas(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let mut depth = 0;
    tokens.split(move |token| {
        match token.text.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        depth == 0 && token.is(",")
    })
}

/// The index behind the item, field, variant or statement that begins at `at`.
fn after_item(tokens: &[Token], at: usize) -> usize {
    let keyword = tokens[at..].iter().find(|token| !is_before_keyword(token));
    let keyword = keyword.map_or("", |token| token.text.as_str());
    let ends_with_semicolon = ["use", "static", "type", "let"].contains(&keyword);
    let is_in_a_list = !ends_with_semicolon
        && !["mod", "fn", "impl", "struct", "enum", "trait"].contains(&keyword);
    let mut index = at;
    while index < tokens.len() {
        match tokens[index].text.as_str() {
            ";" => return index + 1,
            "," if is_in_a_list => return index + 1,
            ")" | "]" | "}" => return index,
            "{" if !ends_with_semicolon => return after_block(tokens, index, is_in_a_list),
            "(" | "[" | "{" => index = closing(tokens, index),
            _ => {}
        }
        index += 1;
    }
    index
}

/// A match arm's block may have a comma behind it.
fn after_block(tokens: &[Token], open: usize, is_in_a_list: bool) -> usize {
    let after = closing(tokens, open) + 1;
    let comma = is_in_a_list && tokens.get(after).is_some_and(|token| token.is(","));
    after + usize::from(comma)
}

/// Whether this may stand before an item's keyword: `pub(in path)`, `unsafe`, `extern "C"`.
fn is_before_keyword(token: &Token) -> bool {
    const BEFORE: [&str; 12] = [
        "pub", "(", ")", "crate", "super", "self", "in", "unsafe", "async", "const", "extern", "\"",
    ];
    BEFORE.contains(&token.text.as_str())
}
