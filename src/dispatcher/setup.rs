//! Makes the engine that a builder asks for. The depth is smaller if it may shrink and the system
//! grants no more.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;

use crate::blocking::{BlockingEngine, BlockingPool};
use crate::dispatcher::error::{BuildError, BuildErrorKind, BuildFailure};
use crate::engine::aio::Aio;
use crate::engine::backend::Backend;
use crate::engine::context::Retired;
use crate::engine::errno::{SetupFailure, setup_failure};
use crate::engine::{Engine, Errno};

/// Makes an engine of this depth, or of a smaller one if it may shrink and the system grants no
/// more.
pub(crate) fn set_up(
    backend: Backend,
    depth: u32,
    shrink: bool,
    blocking: &Arc<BlockingPool>,
) -> Result<(Box<dyn Engine>, u32), BuildError> {
    if backend == Backend::BlockingThreads {
        return threads(depth, blocking);
    }
    match aio(depth, shrink, None) {
        Ok((engine, depth)) => Ok((Box::new(engine), depth)),
        Err(error) => match (backend, error.kind()) {
            (Backend::Automatic, BuildErrorKind::Unavailable) => threads(depth, blocking),
            _ => Err(error),
        },
    }
}

/// Makes an engine for an event loop. The kernel counts its completions on this eventfd.
pub(crate) fn set_up_counting(
    backend: Backend,
    depth: u32,
    shrink: bool,
    counter: &Arc<File>,
) -> Result<(Box<dyn Engine>, u32), BuildError> {
    if backend == Backend::BlockingThreads {
        return Err(BuildError::new(BuildFailure::LoopOfThreads, None));
    }
    let (engine, depth) = aio(depth, shrink, Some(counter))?;
    Ok((Box::new(engine), depth))
}

fn threads(depth: u32, blocking: &Arc<BlockingPool>) -> Result<(Box<dyn Engine>, u32), BuildError> {
    let engine = BlockingEngine::new(Arc::clone(blocking)).map_err(|Errno(errno)| {
        BuildError::new(BuildFailure::Setup, io::Error::from_raw_os_error(errno))
    })?;
    Ok((Box::new(engine), depth))
}

fn aio(depth: u32, shrink: bool, counter: Option<&Arc<File>>) -> Result<(Aio, u32), BuildError> {
    let mut asked = depth;
    let mut deadline = None;
    loop {
        let errno = match Aio::new(asked, counter.cloned()) {
            Ok(engine) => return Ok((engine, asked)),
            Err(errno) => errno,
        };
        // One request is set aside for waking the reaper.
        let events = asked + 1;
        let failure = match setup_failure(errno) {
            SetupFailure::Limit if Retired::wait_for_fewer(&mut deadline) => continue,
            SetupFailure::Limit => {
                let (limit, in_use) = (sysctl("aio-max-nr"), sysctl("aio-nr"));
                if shrink && asked > 1 {
                    asked = shrunk(asked, limit, in_use);
                    continue;
                }
                BuildFailure::Limit { asked: events, limit, in_use }
            }
            SetupFailure::TooLarge if shrink && asked > 1 => {
                asked /= 2;
                continue;
            }
            SetupFailure::TooLarge => BuildFailure::TooLarge { asked: events },
            SetupFailure::Unavailable => BuildFailure::Unavailable,
            SetupFailure::Other => BuildFailure::Setup,
        };
        return Err(BuildError::new(failure, io::Error::from_raw_os_error(errno.0)));
    }
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
