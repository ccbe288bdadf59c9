//! Levels of compression as gzip and zstd take them: `-9`, `-19`, `-k9`.

use std::ffi::OsString;

/// The same arguments, with a `--level` in the place of digits among short options. These have no
/// values, so that digits among them can be nothing else.
pub(crate) fn spelled_out(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut spelled = Vec::new();
    let mut may_be_options = true;
    for argument in arguments {
        may_be_options &= argument != "--";
        match argument.to_str().and_then(split).filter(|_| may_be_options) {
            Some((rest, level)) => {
                spelled.extend(rest.map(OsString::from));
                spelled.push(format!("--level={level}").into());
            }
            None => spelled.push(argument),
        }
    }
    spelled
}

/// The options of a group without its digits, if it has others, and the last number in it.
fn split(argument: &str) -> Option<(Option<String>, &str)> {
    let letters = argument.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
    let is_digit = |letter: char| letter.is_ascii_digit();
    let level = letters.split(|letter| !is_digit(letter)).rfind(|digits| !digits.is_empty())?;
    let rest: String = letters.chars().filter(|&letter| !is_digit(letter)).collect();
    Some(((!rest.is_empty()).then(|| format!("-{rest}")), level))
}
