//! Panics that a test asks for.

use std::collections::BTreeSet;
use std::panic::{self, Location};
use std::sync::{Mutex, Once};
use std::thread;

use super::watched;

/// Files of tests whose panics are not printed.
static QUIET: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

/// Runs a test whose callbacks panic, without the panic hook's output from dispatchers' threads.
///
/// The hook is the whole process's, so it says nothing only of panics in the test's own file: a
/// test of another file that fails beside this one is told of.
#[track_caller]
pub(crate) fn quietly(body: impl FnOnce() + Send + 'static) {
    static HOOK: Once = Once::new();
    QUIET.lock().unwrap().insert(Location::caller().file());
    HOOK.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_quiet = |place: &Location<'_>| {
                place.file() == file!() || QUIET.lock().unwrap().contains(place.file())
            };
            let ours = thread::current().name().is_some_and(|name| name.starts_with("aio-"));
            if !ours || !info.location().is_some_and(is_quiet) {
                default(info);
            }
        }));
    });
    watched(body);
}

/// Its drop panics.
pub(crate) struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("the grenade");
    }
}
