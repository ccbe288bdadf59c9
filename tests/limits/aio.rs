//! Limits explain themselves: a build that fails says what was asked, what there is, what to do.

use std::error::Error;
use std::fs;
use std::io::{self, PipeWriter, Read, Write};

use reapool::{Backend, BuildErrorKind, Builder, Dispatcher};

use crate::support::alone::alone;
use crate::support::child::{exit, fork, status_of};
use crate::support::{HANG, null, null_read, proc, skipped, watched};

/// The most that the builder takes.
const DEPTH_MAX: usize = 1 << 20;

fn sysctl(name: &str) -> u64 {
    fs::read_to_string(format!("/proc/sys/fs/{name}")).unwrap().trim().parse().unwrap()
}

/// The numbers in a text.
fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[test]
fn settings_that_make_no_sense_are_rejected_with_the_reason() {
    let _alone = alone();
    let new = Dispatcher::builder;
    let table: [(&str, Builder, &str, &str); 6] = [
        ("depth", new().depth(0), "0", "at least 1"),
        ("depth", new().depth(DEPTH_MAX + 1), "1048577", "at most 1048576"),
        ("workers", new().workers(0), "0", "at least 1"),
        ("workers", new().workers(4097), "4097", "at most 4096"),
        ("stack_size", new().stack_size(1000), "1000", "at least 65536"),
        ("backlog", new().backlog((1 << 24) + 1), "16777217", "at most 16777216"),
    ];
    for (setting, builder, value, reason) in table {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::InvalidConfig, "{setting} {value}");
        let text = error.to_string();
        for part in [setting, value, reason] {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
        assert!(error.source().is_none(), "nobody but the builder said so");
    }
    // Slots and threads are waited for; a stack is not.
    let waits = |builder: Builder| builder.build().unwrap_err().to_string().contains("for ever");
    assert!(waits(new().depth(0)) && waits(new().workers(0)) && !waits(new().stack_size(0)));
    // Also if the default backlog, which follows the depth, would be fine.
    let error = new().depth(usize::MAX).build().unwrap_err();
    assert!(error.to_string().contains(&usize::MAX.to_string()), "{error}");
}

/// A child that has all of what the system has left, and says how much that is. It ends, and gives
/// it back, when the pipe to it is closed.
fn hoarder() -> (i32, usize, PipeWriter) {
    let (mut told, mut tell) = io::pipe().unwrap();
    let (mut closed, close) = io::pipe().unwrap();
    let child = fork();
    if child == 0 {
        drop(close);
        let builder = Dispatcher::builder().depth(DEPTH_MAX).shrink_depth(true).workers(1);
        let dispatcher = builder.build().unwrap();
        tell.write_all(&dispatcher.depth().to_ne_bytes()).unwrap();
        let _ = closed.read(&mut [0]);
        // Without a shutdown, as a process may end.
        exit(0);
    }
    drop(tell);
    let mut depth = [0; size_of::<usize>()];
    told.read_exact(&mut depth).unwrap();
    (child, usize::from_ne_bytes(depth), close)
}

#[test]
fn what_another_process_has_is_missing_until_it_is_given_back() {
    let _alone = alone();
    let limit = sysctl("aio-max-nr");
    if limit > DEPTH_MAX as u64 {
        return skipped(&format!("fs.aio-max-nr is {limit}, more than can be asked for"));
    }
    watched(move || {
        // Of these there can't be two.
        let half = limit as usize / 2 + 1;
        let ask = || Dispatcher::builder().depth(half).workers(1).build();
        let (child, depth, close) = hoarder();
        let refused = ask();
        let automatic = Dispatcher::builder().backend(Backend::Automatic).depth(half).build();
        drop(close);
        assert_eq!(status_of(child), Some(0));
        if depth < half {
            return skipped("a limit that another uses up: others have most of it");
        }
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::AioLimit, "{error}");
        // Threads are for systems that have no AIO; here somebody has taken it.
        assert_eq!(automatic.unwrap_err().kind(), BuildErrorKind::AioLimit);
        let dispatcher = ask().unwrap();
        let value = dispatcher.spawn(null_read(&null(), || 5)).unwrap().join_timeout(HANG).unwrap();
        assert_eq!((value, dispatcher.shutdown().unwrap().jobs), (5, 1));
    });
}

#[test]
fn the_systems_limit_is_named_and_can_be_kept_to() {
    let _alone = alone();
    let limit = sysctl("aio-max-nr");
    if limit > DEPTH_MAX as u64 {
        return skipped(&format!("fs.aio-max-nr is {limit}, more than can be asked for"));
    }
    watched(move || {
        let in_use = sysctl("aio-nr");
        let error = Dispatcher::builder().depth(DEPTH_MAX).build().unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::AioLimit);
        let text = error.to_string();
        for part in ["io_setup", "fs.aio-max-nr", "fs.aio-nr", "sysctl"] {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
        // Other programs may use some meanwhile, so the use is only known to be a number.
        let numbers = numbers(&text);
        let [asked, named_limit, named_use] = numbers[..] else { panic!("{text}") };
        assert_eq!((asked, named_limit), (DEPTH_MAX as u64 + 1, limit), "{text}");
        assert!(named_use <= limit, "{named_use} in use, before {in_use}: {text}");
        let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.raw_os_error(), Some(libc::EAGAIN));
        assert_eq!(proc::contexts(), 0, "nothing is left of the attempt");
        assert!(proc::threads().is_empty());

        let builder = Dispatcher::builder().depth(DEPTH_MAX).shrink_depth(true).workers(1);
        let dispatcher = builder.build().unwrap();
        let granted = dispatcher.depth();
        assert!((1..=limit as usize).contains(&granted), "{granted} of {limit}");
        let jobs = (0..1000).map(|number| null_read(&null(), move || drop(vec![number])));
        dispatcher.submit_batch(jobs).unwrap();
        dispatcher.drain_timeout(HANG).unwrap();
        assert_eq!(dispatcher.shutdown().unwrap().jobs, 1000);

        let modest = Dispatcher::builder().depth(8).shrink_depth(true).build().unwrap();
        assert_eq!(modest.depth(), 8, "what there is enough of is not shrunk");

        // Of these there can't be two, so the next one has to wait until the one before has given
        // back what it had, which is the last that its reaper does.
        let most_of_it = limit as usize / 2 + 1;
        for _ in 0..if granted >= most_of_it { 20 } else { 0 } {
            drop(Dispatcher::builder().depth(most_of_it).workers(1).build().unwrap());
        }

        // The other end: the least of everything.
        let builder = Dispatcher::builder().depth(1).backlog(0).workers(1).parked_limit(0);
        let dispatcher = builder.build().unwrap();
        assert_eq!(dispatcher.depth(), 1);
        for _ in 0..100 {
            dispatcher.submit(null_read(&null(), || ())).unwrap();
        }
        assert_eq!(dispatcher.shutdown().unwrap().jobs, 100);
    });
}
