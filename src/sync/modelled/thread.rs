//! Threads of loom's, which park by a flag and sleep until it is late.

use std::time::Duration;

pub(crate) use loom::thread::{Builder, JoinHandle, spawn, yield_now};

pub(crate) use super::parking::{Thread, current, park};
use super::time;

pub(crate) fn park_timeout(_limit: Duration) {
    if time::unpark_late(current()) {
        park();
    }
}

/// Sleeps until it is late, or until the thread is unparked: no caller relies on the time.
pub(crate) fn sleep(limit: Duration) {
    park_timeout(limit);
}

/// As the standard library's, for values that are made at compile time.
macro_rules! local {
    ($($(#[$attr:meta])* static $name:ident: $type:ty = const { $value:expr };)+) => {
        loom::thread_local! { $($(#[$attr])* static $name: $type = $value;)+ }
    };
}

pub(crate) use local as thread_local;
