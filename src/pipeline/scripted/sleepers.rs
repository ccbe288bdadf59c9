//! Who sleeps, who is called, and who wakes up at the alarm.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::wait::sleepers::Sleepers;

const HANG: Duration = Duration::from_secs(60);
/// Not to come while a test runs.
const LATER: Duration = Duration::from_secs(3600);

/// A worker that goes to sleep, and says whether it was called.
fn worker(
    sleepers: &Arc<Sleepers>,
    number: usize,
    alarm: Option<Instant>,
) -> (mpsc::Receiver<bool>, JoinHandle<()>) {
    let ((tell, told), (lie_down, lies)) = (mpsc::channel(), mpsc::channel());
    let inner = Arc::clone(sleepers);
    let thread = thread::spawn(move || {
        inner.announce_idle(number, alarm);
        lie_down.send(()).unwrap();
        tell.send(inner.sleep(number, None)).unwrap();
    });
    lies.recv_timeout(HANG).unwrap();
    (told, thread)
}

#[test]
fn one_wakes_up_at_the_alarm_and_the_others_sleep_on() {
    let sleepers = Arc::new(Sleepers::new(3));
    let workers = [0, 1, 2].map(|number| worker(&sleepers, number, None));
    sleepers.wake_by(Instant::now() + LATER);
    sleepers.wake_by(Instant::now() + Duration::from_millis(1));
    sleepers.wake_by(Instant::now() + LATER);
    assert_eq!(workers[0].0.recv_timeout(HANG), Ok(false), "by itself");
    assert_eq!((sleepers.idle(), sleepers.coming()), (2, 0));
    sleepers.dismiss();
    assert_eq!(
        (workers[1].0.recv_timeout(HANG), workers[2].0.recv_timeout(HANG)),
        (Ok(true), Ok(true))
    );
    workers.into_iter().for_each(|(_, thread)| thread.join().unwrap());
}

#[test]
fn whoever_turns_in_sets_the_alarm_of_who_sleeps() {
    let sleepers = Arc::new(Sleepers::new(2));
    let first = worker(&sleepers, 0, Some(Instant::now() + LATER));
    let second = worker(&sleepers, 1, Some(Instant::now() + Duration::from_millis(1)));
    assert_eq!(first.0.recv_timeout(HANG), Ok(false));
    sleepers.dismiss();
    assert_eq!(second.0.recv_timeout(HANG), Ok(true));
    [first, second].into_iter().for_each(|(_, thread)| thread.join().unwrap());
}

#[test]
fn the_one_with_the_alarm_is_called_last_and_hands_it_on_if_it_rises() {
    let sleepers = Arc::new(Sleepers::new(3));
    let alarm = Instant::now() + Duration::from_millis(100);
    sleepers.announce_idle(0, Some(alarm));
    let second = worker(&sleepers, 1, Some(alarm));
    assert!(sleepers.wake_one());
    assert_eq!(second.0.recv_timeout(HANG), Ok(true), "and not the first");
    second.1.join().unwrap();
    let third = worker(&sleepers, 2, Some(alarm));
    assert!(!sleepers.cancel_idle(0));
    assert_eq!(third.0.recv_timeout(HANG), Ok(false), "it has the alarm now");
    assert!(Instant::now() >= alarm);
    third.1.join().unwrap();
}
