//! A run while the system has no more memory for its buffers.

use reapool::{Chunk, Files, Job, Policy};

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child, limit};
use crate::support::files::files_of;
use crate::support::{self, Gate, Tended, proc, scratch};

const MIB: u64 = 1 << 20;

#[test]
fn files_wait_for_buffers_that_come_back() {
    let _alone = alone();
    let directory = scratch();
    let paths = files_of(directory.path(), &[1 << 20; 40]);
    let code = in_child(&mut || {
        let builder = support::builder().depth(32).workers(2).blocking_threads(2);
        let dispatcher = Tended::new(builder);
        // A thread that began later would find no memory for its stack.
        let gate = Gate::default();
        for _ in 0..2 {
            let (here, there) = (gate.clone(), gate.clone());
            dispatcher.submit(Job::nop(move || here.pass())).unwrap();
            dispatcher.submit(Job::blocking(move || there.pass(), |()| ())).unwrap();
        }
        gate.wait_for(4);
        gate.open();
        let files = Files::builder(&dispatcher).policy(Policy::Direct).chunk(64 << 10);
        let files = files.memory(64 << 20).build().unwrap();
        let read = |count: usize| {
            let add = |sum: &mut u64, chunk: Chunk| *sum += chunk.len() as u64;
            let run = files.stream(paths[..count].to_vec(), |_| 0, add, |sum, _| sum);
            run.filter(|result| result.as_ref().is_ok_and(|done| done.value == MIB)).count()
        };
        let before = read(1);
        // Of the 64 MiB that the pool may have it has a part, and gets no more.
        let limited = limit(libc::RLIMIT_AS, proc::mapped() + 3 * MIB);
        let after = read(40);
        let waited = files.stats().memory_waits > 0;
        let allowed = limit(libc::RLIMIT_AS, libc::RLIM_INFINITY);
        first_failure(&[before == 1, limited, after == 40, waited, allowed])
    });
    assert_eq!(code, Some(0));
}
