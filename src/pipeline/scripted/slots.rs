//! Each use of a slot has a token of its own.

use crate::admission::slots::Slots;
use crate::engine::token::index_of;
use crate::job::Job;

fn job(offset: u64) -> Job {
    let file = std::fs::File::open("/dev/null").unwrap();
    Job::read(file, Vec::new(), offset, |_| ())
}

#[test]
fn a_token_finds_its_job_once() {
    let slots = Slots::new(2);
    let first = slots.put(1, job(7));
    assert_eq!(index_of(first), 1);
    assert_eq!(slots.take(first).unwrap().offset(), 7);
    assert!(slots.take(first).is_none(), "a doubled event finds nothing");

    let second = slots.put(1, job(8));
    assert_ne!(first, second);
    assert!(slots.take(first).is_none(), "a stale event doesn't take the next job");
    assert_eq!(slots.take(second).unwrap().offset(), 8);
}

#[test]
fn nonsense_finds_nothing() {
    let slots = Slots::new(2);
    for token in [0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 32, 5] {
        assert!(slots.take(token).is_none(), "token {token:#x}");
    }
}
