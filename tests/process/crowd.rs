//! Many at once: a hundred dispatchers in a process, a thousand threads at one, and thousands of
//! dispatchers one after the other, of which nothing is left.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use reapool::{Dispatcher, Submitter};

use crate::support::alone::alone;
use crate::support::traffic::{Random, Traffic};
use crate::support::{self, HANG, null, null_read, proc, scale, scratch, watched};

/// Starts a thread with a small stack.
fn start<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> thread::JoinHandle<R> {
    thread::Builder::new().stack_size(128 << 10).spawn(body).unwrap()
}

#[test]
fn a_hundred_dispatchers_work_at_once_and_are_dropped_by_other_threads() {
    const EACH: usize = 50;
    let count = 100 / scale();
    let _alone = alone();
    watched(move || {
        let directory = scratch();
        let build = |_| support::builder().depth(2).backlog(4).workers(1).build().unwrap();
        let dispatchers: Vec<_> = (0..count).map(build).collect();
        let submitters: Vec<_> = dispatchers.iter().map(Dispatcher::submitter).collect();
        let traffics = submitters
            .iter()
            .map(|submitter| Traffic::new(submitter.clone(), directory.path(), 4 * EACH));
        let traffics: Vec<_> = traffics.collect();
        let work = |(place, traffic): (usize, &Arc<Traffic>)| {
            let (submitter, traffic) = (submitters[place].clone(), Arc::clone(traffic));
            start(move || {
                for _ in 0..EACH {
                    let (number, job) = traffic.job(2, false);
                    drop(submitter.spawn(job).unwrap());
                    traffic.accept(number);
                }
            })
        };
        let threads: Vec<_> = traffics.iter().enumerate().map(work).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // All at once, each by a thread that it has not met.
        let together = Arc::new(Barrier::new(count));
        let drops = dispatchers.into_iter().map(|dispatcher| {
            let together = Arc::clone(&together);
            start(move || {
                together.wait();
                drop(dispatcher);
            })
        });
        let drops: Vec<_> = drops.collect();
        drops.into_iter().for_each(|thread| thread.join().unwrap());
        traffics.iter().for_each(|traffic| traffic.check());
        assert!(traffics.iter().all(|traffic| traffic.made() == 3 * EACH));
    });
}

#[test]
fn a_thousand_threads_at_one_dispatcher_each_see_their_own() {
    const EACH: u64 = 10;
    let count = 1000 / scale() as u64;
    let _alone = alone();
    watched(move || {
        let dispatcher = support::builder().depth(4).backlog(8).workers(2).build().unwrap();
        let submit = |thread: u64, submitter: Submitter| {
            start(move || {
                let (null, mut random) = (null(), Random::new(thread));
                let (tell, told) = mpsc::channel();
                for number in 0..EACH {
                    let (tell, mine) = (tell.clone(), (thread, number));
                    let job = null_read(&null, move || {
                        tell.send(mine).unwrap();
                        mine
                    });
                    if random.below(2) == 0 {
                        assert_eq!(submitter.spawn(job).unwrap().join_timeout(HANG).unwrap(), mine);
                    } else {
                        drop(submitter.spawn(job).unwrap());
                    }
                }
                drop(tell);
                let mut mine: Vec<_> = told.iter().collect();
                mine.sort_unstable();
                assert!(mine.into_iter().eq((0..EACH).map(|number| (thread, number))));
            })
        };
        let threads: Vec<_> =
            (0..count).map(|thread| submit(thread, dispatcher.submitter())).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(dispatcher.shutdown().unwrap().jobs, count * EACH);
    });
}

#[test]
fn two_thousand_short_lives_leave_no_descriptor_thread_or_context() {
    const THREADS: usize = 20;
    let each = 100 / scale();
    let _alone = alone();
    let live = || {
        let dispatcher = support::builder().depth(2).workers(1).build().unwrap();
        let handle = dispatcher.spawn(null_read(&null(), || 5)).unwrap();
        drop(dispatcher);
        assert_eq!(handle.join_timeout(HANG).unwrap(), 5);
    };
    watched(move || {
        live();
        proc::wait_for_the_end("of the first one");
        let before = proc::descriptors();
        // Side by side, as the kernel takes its time for the end of each context.
        let lives = (0..THREADS).map(|_| start(move || (0..each).for_each(|_| live())));
        let lives: Vec<_> = lives.collect();
        lives.into_iter().for_each(|thread| thread.join().unwrap());
        proc::wait_for_the_end("of all");
        assert_eq!(proc::descriptors(), before);
    });
}
