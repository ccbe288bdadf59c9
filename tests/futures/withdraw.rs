//! Tasks hear of the room that jobs leave which end without having been done.

use std::sync::Arc;
use std::time::Duration;

use reapool::{Cancel, Dispatcher, Job, PollEvents};

use crate::support::event_loop::TendedLoop;
use crate::support::tasks::Task;
use crate::support::{self, Tended, eventfd, make_readable, null, watched};

#[test]
fn a_task_that_waits_for_room_gets_that_of_a_job_that_was_withdrawn() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(1).backlog(1).workers(1));
        let eventfd = eventfd();
        dispatcher.submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
        let parked = dispatcher.spawn(Job::read(null(), vec![0; 9], 0, |_| ())).unwrap();
        let (task, mut future) = (Task::new(), dispatcher.submit_async(Job::nop(|| ())));
        assert!(task.poll(&mut future).is_pending());
        assert_eq!(parked.cancel(), Cancel::Cancelled);
        task.wait_for(1);
        assert!(task.poll(&mut future).is_ready());
        make_readable(&eventfd);
    });
}

#[test]
fn a_task_that_waits_for_room_in_a_loop_gets_that_of_a_late_job() {
    watched(|| {
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(1).backlog(1));
        let eventfd = eventfd();
        jobs.try_submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
        let late = Job::read(null(), vec![0; 9], 0, |_| ()).start_within(Duration::from_millis(20));
        jobs.try_submit(late).unwrap();
        let submitter = jobs.submitter();
        let (task, mut future) =
            (Arc::new(Task::default()), submitter.submit_async(Job::nop(|| ())));
        assert!(task.poll(&mut future).is_pending());
        while jobs.stats().finished == 0 {
            support::event_loop::turn_in_time(&mut jobs);
        }
        assert_eq!(task.wakings(), 1);
        assert!(task.poll(&mut future).is_ready());
        make_readable(&eventfd);
    });
}
