//! Makes the engine that a builder asks for. The depth is smaller if it may shrink and the system
//! grants no more.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;

use crate::blocking::{BlockingEngine, BlockingPool};
use crate::dispatcher::builder::Settings;
use crate::dispatcher::error::{BuildError, BuildErrorKind, BuildFailure};
use crate::engine::aio::Aio;
use crate::engine::backend::Backend;
use crate::engine::context::Retired;
use crate::engine::errno::{SetupFailure, setup_failure};
use crate::engine::{Engine, Errno};

/// Makes the engine of a dispatcher with threads.
pub(crate) fn set_up(
    settings: &mut Settings,
    blocking: &Arc<BlockingPool>,
) -> Result<Box<dyn Engine>, BuildError> {
    match settings.backend {
        Backend::Aio => aio(settings, None),
        Backend::BlockingThreads => threads(blocking),
        Backend::Automatic => match aio(settings, None) {
            Err(error) if error.kind() == BuildErrorKind::Unavailable => threads(blocking),
            result => result,
        },
    }
}

/// Makes the engine of an event loop. The kernel counts its completions on this eventfd.
pub(crate) fn set_up_counting(
    settings: &mut Settings,
    counter: &Arc<File>,
) -> Result<Box<dyn Engine>, BuildError> {
    if settings.backend == Backend::BlockingThreads {
        return Err(BuildError::new(BuildFailure::LoopOfThreads, None));
    }
    aio(settings, Some(counter))
}

fn threads(blocking: &Arc<BlockingPool>) -> Result<Box<dyn Engine>, BuildError> {
    match BlockingEngine::new(Arc::clone(blocking)) {
        Ok(engine) => Ok(Box::new(engine)),
        Err(errno) => Err(failed(BuildFailure::Setup, errno)),
    }
}

/// The depth of the settings becomes smaller if it may and the system grants no more.
fn aio(
    settings: &mut Settings,
    counter: Option<&Arc<File>>,
) -> Result<Box<dyn Engine>, BuildError> {
    let shrink = settings.shrink_depth;
    let depth = &mut settings.limits.depth;
    let mut deadline = None;
    loop {
        let errno = match Aio::new(*depth, counter.cloned()) {
            Ok(engine) => return Ok(Box::new(engine)),
            Err(errno) => errno,
        };
        // One request is set aside for waking the reaper.
        let asked = *depth + 1;
        let failure = match setup_failure(errno) {
            SetupFailure::Limit if Retired::wait_for_fewer(&mut deadline) => continue,
            SetupFailure::Limit => {
                let (limit, in_use) = (sysctl("aio-max-nr"), sysctl("aio-nr"));
                if shrink && *depth > 1 {
                    *depth = shrunk(*depth, limit, in_use);
                    continue;
                }
                BuildFailure::Limit { asked, limit, in_use }
            }
            SetupFailure::TooLarge if shrink && *depth > 1 => {
                *depth /= 2;
                continue;
            }
            SetupFailure::TooLarge => BuildFailure::TooLarge { asked },
            SetupFailure::Unavailable => BuildFailure::Unavailable,
            SetupFailure::Other => BuildFailure::Setup,
        };
        return Err(failed(failure, errno));
    }
}

fn failed(failure: BuildFailure, Errno(errno): Errno) -> BuildError {
    BuildError::new(failure, io::Error::from_raw_os_error(errno))
}

/// The next depth to try: as much as the system has left. It is always less than was refused, as
/// the system's numbers may be out of date: other processes take and free requests meanwhile.
fn shrunk(refused: u32, limit: Option<u64>, in_use: Option<u64>) -> u32 {
    let left = limit.zip(in_use).map_or(0, |(limit, in_use)| limit.saturating_sub(in_use + 1));
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    if (1..refused).contains(&left) { left } else { refused / 2 }
}

fn sysctl(name: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/fs/{name}")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::shrunk;

    #[test]
    fn shrinking_always_gets_smaller_and_never_to_nothing() {
        assert_eq!(shrunk(128, Some(65536), Some(65500)), 35);
        assert_eq!(shrunk(128, Some(65536), Some(65535)), 64);
        assert_eq!(shrunk(128, Some(65536), Some(0)), 64, "freed since, or taken again");
        assert_eq!(shrunk(128, None, None), 64);
        assert_eq!(shrunk(2, Some(10), Some(10)), 1);
    }
}
