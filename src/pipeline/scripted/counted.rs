//! Counters that change before anybody can see the event that they count.

use std::thread;

use super::{HANG, Rig};
use crate::engine::fake::Fake;
use crate::job::Job;
use crate::{Cancel, PollEvents};

#[test]
fn a_poll_that_is_to_end_is_counted_before_it_can() {
    let rig = Rig::new(Fake::default(), 4, 4, 2);
    let poll = Job::poll(&rig.file, PollEvents::READABLE, |done| done.result);
    let handle = rig.dispatcher.spawn(poll).unwrap();
    rig.fake.held(1);
    rig.fake.block_cancel();
    thread::scope(|scope| {
        let answer = scope.spawn(|| handle.cancel());
        rig.fake.blocked();
        let counted = rig.dispatcher.stats().cancelled;
        rig.fake.unblock();
        assert_eq!(answer.join().unwrap(), Cancel::Cancelled);
        assert_eq!(counted, 1);
    });
    let error = handle.join_timeout(HANG).unwrap().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
    rig.end(1);
}
