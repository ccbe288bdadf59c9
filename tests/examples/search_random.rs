//! The example `search` finds in files that look random what grep finds, with options that look
//! random.

use std::ffi::OsString;
use std::fs;

use crate::grep::Asked;
use crate::search_grep::is_as_grep;
use crate::support::scratch;
use crate::support::traffic::Random;

/// Pieces of texts in which these patterns find something.
const PIECES: [&str; 14] =
    ["a", "b", "ab", "A", "x", "_", " ", "\n", "\n", "\n\n", "é", "É", "b\n", "a b"];

const RANDOM_PATTERNS: [&str; 18] = [
    "a", "b+", "^a", "a$", "^$", "b|x", ".", "é", "[^a]b", "x*", "a.b", "\\w+", "\\W", "ab\\b",
    "(a|b)+", "^.?$", "É|_", "a b",
];

fn random_text(random: &mut Random) -> Vec<u8> {
    let mut text = String::new();
    // So that lines cross the borders of chunks.
    match random.index(4) {
        0 => text.push_str(&"-".repeat(4080 + random.index(20))),
        1 => text.push_str(&"-\n".repeat(2030 + random.index(20))),
        2 => text.push_str(&"b a\nx\n".repeat(680 + random.index(4))),
        _ => {}
    }
    (0..random.index(60)).for_each(|_| text.push_str(PIECES[random.index(PIECES.len())]));
    if random.index(6) == 0 {
        // Not in a character: the programs differ about what is next to broken ones.
        let middle = random.index(text.len() + 1);
        let between = (middle..=text.len()).find(|&at| text.is_char_boundary(at));
        text.insert_str(between.unwrap(), "\0\0");
    }
    text.into_bytes()
}

fn random_search(random: &mut Random) -> Asked {
    let mut asked = Asked::new("", RANDOM_PATTERNS[random.index(RANDOM_PATTERNS.len())]);
    let flags = [
        ('F', 6),
        ('i', 3),
        ('w', 5),
        ('x', 7),
        ('v', 4),
        ('c', 8),
        ('l', 10),
        ('q', 20),
        ('o', 4),
        ('n', 2),
        ('a', 2),
    ];
    for (flag, odds) in flags {
        if random.index(odds) == 0 {
            asked.flags.push(flag);
        }
    }
    if asked.has('x') {
        // grep 3.8 prints empty lines too many for -w -x -o.
        asked.flags.retain(|flag| flag != 'w');
    }
    asked.max_count = (random.index(4) == 0).then(|| 1 + random.index(4));
    asked.before = (random.index(2) == 0).then(|| random.index(5));
    asked.after = (random.index(2) == 0).then(|| random.index(5));
    asked.is_coloured = random.index(5) == 0;
    // Where several match, grep takes the longest.
    if !asked.is_coloured && !asked.has('o') && random.index(3) == 0 {
        asked.patterns.push(RANDOM_PATTERNS[random.index(RANDOM_PATTERNS.len())]);
    }
    asked
}

#[test]
fn random_searches_find_what_grep_finds() {
    let mut random = Random::new(7);
    for _ in 0..40 {
        let directory = scratch();
        let names: Vec<OsString> =
            (0..1 + random.index(4)).map(|it| format!("{it}").into()).collect();
        for name in &names {
            fs::write(directory.path().join(name), random_text(&mut random)).unwrap();
        }
        for _ in 0..6 {
            let asked = random_search(&mut random);
            is_as_grep(directory.path(), &["--chunk=4K"], &asked, &names);
        }
    }
}
