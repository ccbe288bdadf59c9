//! Who is served when, step by step and without threads.

use std::sync::Arc;

use crate::pool::builder::HugePages;
use crate::pool::ledger::{Ledger, PATIENCE, Seat};
use crate::pool::mapping::HUGE_PAGE;
use crate::pool::piece::{Home, Piece};
use crate::pool::slabs::{Shortage, Slabs};
use crate::wait::limit::WaitLimit;

const SMALL: usize = 0;
const HALF: usize = 1;
const SLAB: usize = 2;
const TRIPLE: usize = 3;
const SIZES: [usize; 4] = [HUGE_PAGE / 8, HUGE_PAGE / 2, HUGE_PAGE, 3 * HUGE_PAGE];

fn ledger(slabs: usize) -> Ledger {
    Ledger::new(Slabs::new(slabs * HUGE_PAGE, &SIZES, HugePages::Transparent))
}

fn answer(seat: &Arc<Seat>) -> Option<Piece> {
    seat.wait(WaitLimit::after(std::time::Duration::ZERO)).map(Result::unwrap)
}

/// Takes all buffers that the capacity has in a class.
fn take_all(ledger: &mut Ledger, class: usize) -> Vec<Home> {
    std::iter::from_fn(|| ledger.take(class).ok()).map(|piece| piece.home).collect()
}

/// Keeps taking a buffer before giving the last one back, so that its slab is never idle, and
/// returns how often that works.
fn overtake(ledger: &mut Ledger, held: &mut Home, class: usize, limit: u64) -> u64 {
    for times in 0..limit {
        let Ok(next) = ledger.take(class) else { return times };
        ledger.put(std::mem::replace(held, next.home));
    }
    limit
}

#[test]
fn those_of_one_class_are_served_in_order() {
    let mut ledger = ledger(1);
    let [first, second] = [(); 2].map(|()| ledger.take(HALF).unwrap().home);
    let seats = [(); 3].map(|()| ledger.join(HALF));
    assert!(seats.iter().all(|seat| answer(seat).is_none()));
    ledger.put(second);
    assert!(matches!(ledger.take(HALF), Err(Shortage::Full)), "it is the first one's");
    let home = answer(&seats[0]).unwrap().home;
    assert_eq!(home.place, second.place);
    assert!(answer(&seats[1]).is_none() && answer(&seats[2]).is_none());
    assert!(ledger.leave(&seats[1]), "has not been served");
    ledger.put(first);
    assert!(!ledger.leave(&seats[2]), "has been served");
    assert_eq!(answer(&seats[2]).unwrap().home.place, first.place);
    assert_eq!(ledger.stats().waiting, 0);
}

#[test]
fn small_buffers_do_not_starve_a_large_one() {
    let mut ledger = ledger(1);
    let mut held = ledger.take(SMALL).unwrap().home;
    let seat = ledger.join(SLAB);
    assert_eq!(overtake(&mut ledger, &mut held, SMALL, 10 * PATIENCE), PATIENCE);
    assert!(answer(&seat).is_none());
    ledger.put(held);
    let piece = answer(&seat).unwrap();
    assert!(matches!(ledger.take(SMALL), Err(Shortage::Full)));
    ledger.put(piece.home);
    assert!(ledger.take(SMALL).is_ok());
}

#[test]
fn nor_one_that_needs_several_slabs() {
    let mut ledger = ledger(3);
    let mut homes = take_all(&mut ledger, SMALL);
    assert_eq!(homes.len(), 24);
    // One is left out of each slab.
    let mut held = Vec::new();
    for slab in 0..3 {
        let at = homes.iter().position(|home| home.slab == slab).unwrap();
        held.push(homes.swap_remove(at));
    }
    homes.into_iter().for_each(|home| ledger.put(home));
    let seat = ledger.join(TRIPLE);
    let times = overtake(&mut ledger, &mut held[0], SMALL, 10 * PATIENCE);
    assert_eq!(times, 3 * PATIENCE);
    for home in held {
        assert!(answer(&seat).is_none());
        ledger.put(home);
    }
    let piece = answer(&seat).unwrap();
    assert_eq!((ledger.stats().mapped, ledger.stats().slabs), (3 * HUGE_PAGE, 1));
    ledger.put(piece.home);
}

#[test]
fn nor_one_that_waits_for_memory_beside_leaked_buffers() {
    let mut ledger = ledger(2);
    let mut homes = take_all(&mut ledger, SMALL);
    let leaked = homes.iter().position(|home| home.slab == 0).unwrap();
    homes.swap_remove(leaked);
    let kept = homes.iter().position(|home| home.slab == 1).unwrap();
    let mut held = homes.swap_remove(kept);
    homes.into_iter().for_each(|home| ledger.put(home));
    let seat = ledger.join(SLAB);
    assert_eq!(overtake(&mut ledger, &mut held, SMALL, 10 * PATIENCE), 2 * PATIENCE);
    ledger.put(held);
    assert!(answer(&seat).is_some());
    assert!(ledger.take(SMALL).is_ok(), "what was kept back is free for all again");
}

#[test]
fn the_first_keeps_nobody_from_what_it_has_no_use_for() {
    let mut ledger = ledger(3);
    let smalls = take_all(&mut ledger, SMALL);
    let (first, second) = (ledger.join(TRIPLE), ledger.join(SMALL));
    ledger.put(smalls[0]);
    assert!(answer(&second).is_some() && answer(&first).is_none());
    assert!(matches!(ledger.take(SMALL), Err(Shortage::Full)));
}

#[test]
fn memory_for_slabs_goes_to_the_first_alone() {
    let mut ledger = ledger(3);
    let half = ledger.take(HALF).unwrap().home;
    let first = ledger.join(TRIPLE);
    assert!(matches!(ledger.take(SMALL), Err(Shortage::Full)), "two slabs are not mapped");
    assert!(ledger.take(HALF).is_ok(), "a buffer that is there is no slab");
    let second = ledger.join(SMALL);
    ledger.put(half);
    assert!(answer(&first).is_none() && answer(&second).is_none());
    assert!(ledger.leave(&first));
    assert!(answer(&second).is_some(), "the next is first now");
}

#[test]
fn who_gives_up_leaves_nothing_reserved() {
    let mut ledger = ledger(1);
    let mut held = ledger.take(SMALL).unwrap().home;
    let (first, second) = (ledger.join(SLAB), ledger.join(SLAB));
    assert_eq!(overtake(&mut ledger, &mut held, SMALL, 10 * PATIENCE), PATIENCE);
    assert!(ledger.leave(&first));
    assert_eq!(overtake(&mut ledger, &mut held, SMALL, 10 * PATIENCE), PATIENCE);
    assert!(ledger.leave(&second));
    assert_eq!(overtake(&mut ledger, &mut held, SMALL, 10 * PATIENCE), 10 * PATIENCE);
}
