//! Numbers and sizes on the command line.

#![allow(dead_code, reason = "each program uses a part")]

use std::ops::RangeInclusive;

use clap::builder::RangedU64ValueParser;
use parse_size::Config;

pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;
pub(crate) const TIB: u64 = 1 << 40;

/// The size of a block of a device: direct I/O takes whole ones.
const BLOCK: u64 = 4 * KIB;

/// Parses a number in this range.
pub(crate) fn number(range: RangeInclusive<u64>) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(range)
}

/// Parses a size in this range: a number of bytes, or one with a suffix for a power of 1024.
pub(crate) fn size(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| {
        let parsed = Config::new().with_binary().parse_size(text);
        let bytes = parsed.map_err(|_| "not a size; 512K, 64M and 1G are sizes".to_owned())?;
        let (least, most) = (*range.start(), *range.end());
        if !range.contains(&bytes) {
            let unit = if text.ends_with(|end: char| end.is_ascii_digit()) { " bytes" } else { "" };
            return Err(match bytes < least {
                true => format!("{text}{unit} is less than {}", shown(least)),
                false => format!("{text}{unit} is more than {}", shown(most)),
            });
        }
        usize::try_from(bytes).map_err(|_| "more than this machine can address".to_owned())
    }
}

/// Parses a size in this range that is a multiple of 4 KiB.
pub(crate) fn blocks(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    let size = size(range);
    move |text| match size(text)? {
        bytes if (bytes as u64).is_multiple_of(BLOCK) => Ok(bytes),
        _ => Err("not a multiple of 4K".to_owned()),
    }
}

/// A size as it can be given on the command line.
pub(crate) fn shown(bytes: u64) -> String {
    let suffixes = ["", "K", "M", "G", "T"];
    let mut shown = (bytes, "");
    for suffix in &suffixes[1..] {
        if shown.0 == 0 || !shown.0.is_multiple_of(1024) {
            break;
        }
        shown = (shown.0 / 1024, suffix);
    }
    format!("{}{}", shown.0, shown.1)
}
