//! Which ranges are read together. Pure: it knows no file.

use std::ops::Range;

/// A read, and the ranges that it serves.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MergedRead {
    pub(super) span: Range<u64>,
    /// The ranges, each with its index among those that were asked for.
    pub(super) parts: Vec<(usize, Range<u64>)>,
}

/// Merges ranges with at most `gap` bytes between them into reads of at most `most` bytes. A longer
/// range has a read of its own, which ranges inside it share. The reads are in the order of the
/// file. Empty ranges are in none.
pub(super) fn merge(ranges: &[Range<u64>], gap: u64, most: usize) -> Vec<MergedRead> {
    let mut sorted: Vec<_> = ranges.iter().cloned().enumerate().collect();
    sorted.retain(|(_, range)| !range.is_empty());
    sorted.sort_by_key(|(_, range)| range.start);
    let mut reads: Vec<MergedRead> = Vec::new();
    for (index, range) in sorted {
        match reads.last_mut() {
            Some(last) if joins(&last.span, &range, gap, most as u64) => {
                last.span.end = last.span.end.max(range.end);
                last.parts.push((index, range));
            }
            _ => reads.push(MergedRead { span: range.clone(), parts: vec![(index, range)] }),
        }
    }
    reads
}

/// Whether a read of `span` is to serve a range too that does not begin before it.
fn joins(span: &Range<u64>, range: &Range<u64>, gap: u64, most: u64) -> bool {
    let is_close = range.start <= span.end.saturating_add(gap);
    range.end <= span.end || is_close && range.end - span.start <= most
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::merge;

    /// The spans of the reads, by their ends.
    fn spans(ranges: &[(u64, u64)], gap: u64, most: usize) -> Vec<(u64, u64)> {
        let ranges: Vec<_> = ranges.iter().map(|&(start, end)| start..end).collect();
        let reads = merge(&ranges, gap, most).into_iter();
        reads.map(|read| (read.span.start, read.span.end)).collect()
    }

    #[test]
    fn neighbours_are_read_together_up_to_both_limits() {
        assert_eq!(spans(&[(0, 10), (20, 30)], 10, 30), [(0, 30)]);
        assert_eq!(spans(&[(0, 10), (20, 30)], 9, 30), [(0, 10), (20, 30)]);
        assert_eq!(spans(&[(0, 10), (20, 30)], 10, 29), [(0, 10), (20, 30)]);
        assert_eq!(spans(&[(20, 30), (0, 10), (5, 25)], 0, 100), [(0, 30)]);
        // One that is too long by itself, and one inside it.
        let inside = [(0, 100), (10, 20), (100, 101)];
        assert_eq!(spans(&inside, 10, 50), [(0, 100), (100, 101)]);
        assert_eq!(spans(&[(5, 5), (9, 3)], 10, 50), []);
        let ends = [(0, 1), (u64::MAX - 1, u64::MAX)];
        assert_eq!(spans(&ends, u64::MAX, usize::MAX), [(0, u64::MAX)]);
    }

    proptest! {
        #[test]
        fn each_range_is_in_one_read_which_is_no_longer_than_it_has_to_be(
            asked in prop::collection::vec((0_u64..2000, 0_u64..300), 0..40),
            gap in 0_u64..100,
            most in 0_usize..500,
        ) {
            let ranges: Vec<_> = asked.iter().map(|&(start, len)| start..start + len).collect();
            let reads = merge(&ranges, gap, most);
            let mut served: Vec<_> = reads.iter().flat_map(|read| &read.parts).collect();
            served.sort_by_key(|(index, _)| *index);
            let expected = ranges.iter().enumerate().filter(|(_, range)| !range.is_empty());
            prop_assert!(served.into_iter().map(|(index, range)| (*index, range)).eq(expected));
            for read in &reads {
                // Exactly around its ranges, and without a gap that is too large.
                let mut end = read.span.start;
                for (_, range) in &read.parts {
                    prop_assert!(range.start <= end.saturating_add(gap));
                    end = end.max(range.end);
                }
                prop_assert_eq!((read.parts[0].1.start, end), (read.span.start, read.span.end));
                let longest = read.parts.iter().map(|(_, range)| range.end - range.start).max();
                prop_assert!(end - read.span.start <= longest.unwrap().max(most as u64));
            }
            for pair in reads.windows(2) {
                // They could not have been one.
                let [first, second] = [&pair[0].span, &pair[1].parts[0].1];
                let too_far = second.start > first.end + gap;
                prop_assert!(too_far || second.end - first.start > most as u64);
            }
        }
    }
}
