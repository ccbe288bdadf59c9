//! How much memory is in huge pages, according to `/proc/self/smaps`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::Range;

/// The bytes in huge pages of all mappings that overlap with the ranges. The kernel joins
/// neighbouring mappings and counts their huge pages together. So of each mapping this counts no
/// more bytes than overlap.
pub(crate) fn huge_page_bytes(ranges: &[Range<usize>]) -> io::Result<usize> {
    count(BufReader::new(File::open("/proc/self/smaps")?), ranges)
}

/// The format is that of proc_pid_smaps(5): a line with a mapping's addresses, then lines with its
/// figures in KiB.
fn count(smaps: impl BufRead, ranges: &[Range<usize>]) -> io::Result<usize> {
    let (mut total, mut overlapping, mut huge) = (0, 0, 0);
    for line in smaps.lines() {
        let line = line?;
        let mut words = line.split_ascii_whitespace();
        let (Some(first), second) = (words.next(), words.next()) else { continue };
        if let Some(mapping) = addresses(first) {
            total += overlapping.min(huge);
            huge = 0;
            overlapping = ranges.iter().map(|range| overlap(range, &mapping)).sum();
        } else if matches!(first, "AnonHugePages:" | "Private_Hugetlb:" | "Shared_Hugetlb:") {
            let kib: usize = second.and_then(|word| word.parse().ok()).unwrap_or(0);
            huge += kib * 1024;
        }
    }
    Ok(total + overlapping.min(huge))
}

fn addresses(word: &str) -> Option<Range<usize>> {
    let (start, end) = word.split_once('-')?;
    let parse = |digits| usize::from_str_radix(digits, 16).ok();
    Some(parse(start)?..parse(end)?)
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> usize {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

#[cfg(test)]
mod tests {
    use super::count;

    const SMAPS: &str = "\
55d0c0000000-55d0c0021000 rw-p 00000000 00:00 0                          [heap]
Size:                132 kB
AnonHugePages:      2048 kB
VmFlags: rd wr mr mw me ac sd
7f0000000000-7f0000600000 rw-p 00000000 00:00 0
AnonHugePages:      4096 kB
Private_Hugetlb:       0 kB
7f0000800000-7f0000a00000 rw-p 00000000 00:0f 1234        /anon_hugepage (deleted)
AnonHugePages:         0 kB
Private_Hugetlb:    2048 kB
";

    #[test]
    fn only_what_is_in_the_ranges_counts() {
        let at = |start: usize, mib: usize| start..start + (mib << 20);
        let slab = |number: usize| at(0x7f00_0000_0000 + (number << 21), 2);
        let count = |ranges: &[_]| count(SMAPS.as_bytes(), ranges).unwrap() >> 20;
        assert_eq!(count(&[]), 0);
        assert_eq!(count(&[slab(0)]), 2);
        assert_eq!(count(&[slab(0), slab(1), slab(2)]), 4);
        assert_eq!(count(&[slab(2), slab(4)]), 4);
        assert_eq!(count(&[slab(3), slab(5)]), 0);
    }
}
