//! The line that says how far a program has come.

use std::time::Duration;

use crate::totals::{Amount, Progress, Totals};

const MIB: u64 = 1 << 20;

fn line(files: u64, mib: u64, seconds: u64, total: Option<Amount>) -> String {
    let done = Amount { files, bytes: mib * MIB };
    let elapsed = Duration::from_secs(seconds);
    Progress { done, bytes_per_second: 1e6, elapsed, total }.to_string()
}

#[test]
fn it_says_how_much_is_left_when_that_is_known() {
    let totals = Totals::default();
    (0..10).for_each(|_| totals.add(10 * MIB));
    assert!(totals.get().is_none(), "there may be more");
    assert_eq!(line(2, 25, 60, totals.get()), "2 files, 25.00 MiB, 976.56 KiB/s");
    totals.complete();
    let total = || totals.get();
    // Each file counts for more than its bytes.
    let expected = "24%, 3m left, 976.56 KiB/s, 2/10 files, 25.00 MiB/100.00 MiB";
    assert_eq!(line(2, 25, 60, total()), expected);
    let begin = "0%, 976.56 KiB/s, 0/10 files, 0 B/100.00 MiB";
    assert_eq!(line(0, 0, 60, total()), begin, "nothing to go by");
    assert!(!line(2, 25, 0, total()).contains("left"), "too soon");
    assert!(line(10, 100, 60, total()).starts_with("100%, 0s left, "));
    // They grow.
    assert!(line(12, 200, 60, total()).starts_with("100%, 0s left, "));
}

#[test]
fn files_without_contents_are_work_too() {
    let total = Some(Amount { files: 1000, bytes: 0 });
    assert!(line(500, 0, 60, total).starts_with("50%, 60s left, "), "{}", line(500, 0, 60, total));
    assert!(line(0, 0, 60, Some(Amount { files: 0, bytes: 0 })).starts_with("0%, "));
}
