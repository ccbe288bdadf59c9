//! A line of a file of checksums, as b3sum reads it.

use std::path::PathBuf;

use blake3::{Hash, OUT_LEN};

/// What a line says: which file has which checksum.
#[derive(Debug, PartialEq)]
pub(crate) struct CheckLine {
    /// The path as the line has it, with its escapes.
    pub(crate) shown: String,
    pub(crate) path: PathBuf,
    pub(crate) expected: Hash,
}

impl CheckLine {
    /// Understands a line, or says why that can't be done. It is better to refuse a line than to
    /// take one path for another.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, &'static str> {
        let line = str::from_utf8(line).map_err(|_| "not UTF-8")?;
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return Err("an empty line");
        }
        let (rest, is_escaped) = match line.strip_prefix('\\') {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let (hash, path) = split(rest).ok_or("not a line of a checksum and a path")?;
        let is_hex = hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hash.len() != 2 * OUT_LEN || !is_hex {
            return Err("not a checksum of 64 digits, from 0 to f");
        }
        let expected = Hash::from_hex(hash).map_err(|_| "not a checksum")?;
        let shown = if is_escaped { format!("\\{path}") } else { path.to_owned() };
        let path = if is_escaped { unescaped(path)? } else { path.to_owned() };
        match () {
            () if path.is_empty() => Err("no path"),
            () if path.contains('\0') => Err("a zero byte in the path"),
            // It stands for what was not UTF-8, so that it may be any of several paths.
            () if path.contains(char::REPLACEMENT_CHARACTER) => {
                Err("a replacement character in the path")
            }
            () => Ok(Self { shown, path: path.into(), expected }),
        }
    }
}

/// The checksum and the path, in either order.
fn split(line: &str) -> Option<(&str, &str)> {
    line.split_once("  ").or_else(|| {
        let (path, hash) = line.strip_prefix("BLAKE3 (")?.rsplit_once(") = ")?;
        Some((hash, path))
    })
}

fn unescaped(path: &str) -> Result<String, &'static str> {
    let mut unescaped = String::with_capacity(path.len());
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        unescaped.push(match letter {
            '\\' => match letters.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('r') => '\r',
                _ => return Err("an unknown escape in the path"),
            },
            letter => letter,
        });
    }
    Ok(unescaped)
}
