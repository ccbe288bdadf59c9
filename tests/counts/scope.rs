//! What a scoped job costs in allocations: one more than another job does.

use std::sync::atomic::{AtomicUsize, Ordering};

use reapool::{Scope, ScopedJob};

use crate::support::allocator::Counting;
use crate::support::alone::alone;
use crate::support::{self, Tended, scale, watched};

fn jobs() -> usize {
    20_000 / scale()
}

/// How many allocations each of these jobs takes; in a process of which all is counted.
fn per_job(submit: impl Fn(&Scope<'_, '_>)) -> f64 {
    let dispatcher = Tended::new(support::builder().depth(16));
    let run = |jobs| {
        dispatcher.scope(|scope| (0..jobs).for_each(|_| submit(scope))).unwrap();
        Counting::allocations()
    };
    let before = run(jobs() / 4);
    (run(jobs()) - before) as f64 / jobs() as f64
}

#[test]
fn a_scoped_job_costs_an_allocation_more() {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    fn count() {
        RAN.fetch_add(1, Ordering::Relaxed);
    }
    let _alone = alone();
    watched(|| {
        // The job itself, and what the dispatcher sees of it.
        let submitted = per_job(|scope| scope.submit(ScopedJob::nop(count)).unwrap());
        assert!((2.0..2.05).contains(&submitted), "{submitted} allocations for a job");
        // Besides, what ties it to its handle, at both ends.
        let spawned = per_job(|scope| drop(scope.spawn(ScopedJob::nop(count)).unwrap()));
        assert!((4.0..4.05).contains(&spawned), "{spawned} allocations for a spawned job");
        assert_eq!(RAN.load(Ordering::Relaxed), 2 * (jobs() + jobs() / 4));
    });
}
