//! Which waiter the allocator serves when, step by step and without threads.

use crate::pool::allocator::{Allocator, OVERTAKES_PER_DRAIN, Waiter};
use crate::pool::mapping::{HUGE_PAGE, HugePages};
use crate::pool::slab::{BufferId, RawBuffer};
use crate::pool::slabs::{Shortage, Slabs};
use crate::wait::limit::WaitLimit;

const SMALL: usize = 0;
const HALF: usize = 1;
const SLAB: usize = 2;
const TRIPLE: usize = 3;
const OFTEN: u64 = 10 * OVERTAKES_PER_DRAIN;
const SIZES: [usize; 4] = [HUGE_PAGE / 8, HUGE_PAGE / 2, HUGE_PAGE, 3 * HUGE_PAGE];

fn allocator(slabs: usize) -> Allocator {
    Allocator::new(Slabs::new(slabs * HUGE_PAGE, &SIZES, HugePages::Transparent))
}

fn answer(waiter: &Waiter) -> Option<RawBuffer> {
    waiter.wait(WaitLimit::after(std::time::Duration::ZERO)).map(Result::unwrap)
}

/// Takes all buffers that the capacity has in a class.
fn take_all(allocator: &mut Allocator, class: usize) -> Vec<BufferId> {
    std::iter::from_fn(|| allocator.take(class).ok()).map(|buffer| buffer.id).collect()
}

/// Keeps taking a small buffer before giving the last one back, so that its slab is never idle, and
/// returns how often that worked: `OFTEN` if the allocator did not stop it.
fn overtake(allocator: &mut Allocator, held: &mut BufferId) -> u64 {
    for times in 0..OFTEN {
        let Ok(next) = allocator.take(SMALL) else { return times };
        allocator.put(std::mem::replace(held, next.id));
    }
    OFTEN
}

#[test]
fn those_of_one_class_are_served_in_order() {
    let mut allocator = allocator(1);
    let [first, second] = [(); 2].map(|()| allocator.take(HALF).unwrap().id);
    let waiters = [(); 3].map(|()| allocator.join(HALF));
    assert!(waiters.iter().all(|waiter| answer(waiter).is_none()));
    allocator.put(second);
    assert!(matches!(allocator.take(HALF), Err(Shortage::Full)), "it is the first one's");
    let id = answer(&waiters[0]).unwrap().id;
    assert_eq!(id.index, second.index);
    assert!(answer(&waiters[1]).is_none() && answer(&waiters[2]).is_none());
    assert!(allocator.leave(&waiters[1]).is_none(), "has not been served");
    allocator.put(first);
    let served = allocator.leave(&waiters[2]).expect("has been served").unwrap();
    assert_eq!(served.id.index, first.index);
    assert_eq!(allocator.stats().waiting, 0);
}

#[test]
fn small_buffers_do_not_starve_a_large_one() {
    let mut allocator = allocator(1);
    let mut held = allocator.take(SMALL).unwrap().id;
    let waiter = allocator.join(SLAB);
    assert_eq!(overtake(&mut allocator, &mut held), OVERTAKES_PER_DRAIN);
    assert!(answer(&waiter).is_none());
    allocator.put(held);
    let buffer = answer(&waiter).unwrap();
    assert!(matches!(allocator.take(SMALL), Err(Shortage::Full)));
    allocator.put(buffer.id);
    assert!(allocator.take(SMALL).is_ok());
}

#[test]
fn nor_one_that_needs_several_slabs() {
    let mut allocator = allocator(3);
    let mut ids = take_all(&mut allocator, SMALL);
    assert_eq!(ids.len(), 24);
    // One buffer of each slab stays out.
    let mut held = Vec::new();
    for slab in 0..3 {
        let at = ids.iter().position(|id| id.slab == slab).unwrap();
        held.push(ids.swap_remove(at));
    }
    ids.into_iter().for_each(|id| allocator.put(id));
    let waiter = allocator.join(TRIPLE);
    let times = overtake(&mut allocator, &mut held[0]);
    assert_eq!(times, 3 * OVERTAKES_PER_DRAIN);
    for id in held {
        assert!(answer(&waiter).is_none());
        allocator.put(id);
    }
    let buffer = answer(&waiter).unwrap();
    assert_eq!((allocator.stats().mapped, allocator.stats().slabs), (3 * HUGE_PAGE, 1));
    allocator.put(buffer.id);
}

#[test]
fn nor_one_that_waits_for_memory_beside_leaked_buffers() {
    let mut allocator = allocator(2);
    let mut ids = take_all(&mut allocator, SMALL);
    let leaked = ids.iter().position(|id| id.slab == 0).unwrap();
    ids.swap_remove(leaked);
    let kept = ids.iter().position(|id| id.slab == 1).unwrap();
    let mut held = ids.swap_remove(kept);
    ids.into_iter().for_each(|id| allocator.put(id));
    let waiter = allocator.join(SLAB);
    assert_eq!(overtake(&mut allocator, &mut held), 2 * OVERTAKES_PER_DRAIN);
    allocator.put(held);
    assert!(answer(&waiter).is_some());
    assert!(allocator.take(SMALL).is_ok(), "what was kept back is free for all again");
}

#[test]
fn the_first_keeps_nobody_from_what_it_has_no_use_for() {
    let mut allocator = allocator(3);
    let smalls = take_all(&mut allocator, SMALL);
    let (first, second) = (allocator.join(TRIPLE), allocator.join(SMALL));
    allocator.put(smalls[0]);
    assert!(answer(&second).is_some() && answer(&first).is_none());
    assert!(matches!(allocator.take(SMALL), Err(Shortage::Full)));
}

#[test]
fn memory_for_slabs_goes_to_the_first_alone() {
    let mut allocator = allocator(3);
    let half = allocator.take(HALF).unwrap().id;
    let first = allocator.join(TRIPLE);
    assert!(matches!(allocator.take(SMALL), Err(Shortage::Full)), "two slabs are not mapped");
    assert!(allocator.take(HALF).is_ok(), "a buffer that is there is no slab");
    let second = allocator.join(SMALL);
    allocator.put(half);
    assert!(answer(&first).is_none() && answer(&second).is_none());
    assert!(allocator.leave(&first).is_none());
    assert!(answer(&second).is_some(), "the next is first now");
}

#[test]
fn who_gives_up_leaves_nothing_reserved() {
    let mut allocator = allocator(1);
    let mut held = allocator.take(SMALL).unwrap().id;
    let (first, second) = (allocator.join(SLAB), allocator.join(SLAB));
    assert_eq!(overtake(&mut allocator, &mut held), OVERTAKES_PER_DRAIN);
    assert!(allocator.leave(&first).is_none());
    assert_eq!(overtake(&mut allocator, &mut held), OVERTAKES_PER_DRAIN);
    assert!(allocator.leave(&second).is_none());
    assert_eq!(overtake(&mut allocator, &mut held), OFTEN);
}
