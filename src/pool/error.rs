//! Why a pool could not be built, or a buffer not be acquired.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a [`PoolBuilder`](crate::PoolBuilder) could not build. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolBuildError {
    /// No class was given.
    NoClasses,
    /// There are more classes than the limit.
    TooManyClasses {
        /// How many different ones were given.
        count: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A class has size 0.
    EmptyClass,
    /// A class is larger than one operation can use.
    ClassTooLarge {
        /// The size that was asked for.
        size: usize,
        /// The most it may be.
        limit: usize,
    },
    /// The capacity has no room for a slab of the largest class.
    CapacityTooSmall {
        /// The capacity that was asked for.
        capacity: usize,
        /// The length of a slab of the largest class.
        least: usize,
    },
    /// The capacity is larger than the address space.
    CapacityTooLarge {
        /// The capacity that was asked for.
        capacity: usize,
        /// The most it may be.
        limit: usize,
    },
}

impl fmt::Display for PoolBuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClasses => f.write_str("a buffer pool needs at least one class of buffers"),
            Self::TooManyClasses { count, limit } => {
                write!(f, "a buffer pool can't have {count} classes, but at most {limit}")
            }
            Self::EmptyClass => f.write_str("a class can't be of buffers of 0 bytes"),
            Self::ClassTooLarge { size, limit } => {
                write!(f, "a class can't be of {size} bytes, but of at most {limit}")
            }
            Self::CapacityTooSmall { capacity, least } => write!(
                f,
                "a capacity of {capacity} bytes has no room for a buffer of the largest class: \
                 memory is mapped in slabs of at least 2 MiB, and this class takes {least} bytes"
            ),
            Self::CapacityTooLarge { capacity, limit } => {
                write!(f, "the capacity can't be {capacity} bytes, but at most {limit}")
            }
        }
    }
}

impl Error for PoolBuildError {}

/// Why no buffer was acquired.
///
/// # Examples
///
/// ```
/// use reapool::{AcquireError, BufferPool, Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let pool = BufferPool::builder().capacity(2 << 20).classes([2 << 20]).build()?;
/// let error = pool.acquire(3 << 20).unwrap_err();
/// assert!(matches!(error, AcquireError::TooLarge { largest, .. } if largest == 2 << 20));
///
/// let (_only, handle) = (pool.acquire(4096)?, pool.clone());
/// let error = dispatcher.run(Job::nop(move || handle.acquire(4096).unwrap_err()))?;
/// assert!(matches!(error, AcquireError::InCallback));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum AcquireError {
    /// No buffer that fits is free, and the capacity has no room for more.
    Exhausted,
    /// No buffer is free, as for `Exhausted`, and the calling thread runs a callback, which may not
    /// wait: the callbacks that would give buffers back may be waiting behind it.
    InCallback,
    /// No buffer that fits became free in the time given.
    TimedOut,
    /// The pool never has buffers of this length. In bytes.
    TooLarge {
        /// The length that was asked for.
        requested: usize,
        /// The size of the largest class, or, if it may be allocated and this is more,
        /// [`extra`](crate::PoolBuilder::extra).
        largest: usize,
    },
    /// The capacity has room, but the system has no memory, or no room in its tables.
    NoMemory(io::Error),
    /// This process is a forked child, and the pool is its parent's.
    Forked,
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted => f.write_str("no buffer of this length is free"),
            Self::InCallback => f.write_str(
                "no buffer of this length is free, and a callback can't wait for one, as buffers \
                 are given back by callbacks: acquire it before the job is submitted, or use the \
                 job's own",
            ),
            Self::TimedOut => f.write_str("no buffer of this length was free in the time given"),
            Self::TooLarge { requested, largest } => write!(
                f,
                "there are no buffers of {requested} bytes: the largest may have {largest}"
            ),
            Self::NoMemory(_) => f.write_str("the system has no memory for the pool"),
            Self::Forked => f.write_str("this process was forked from the pool's"),
        }
    }
}

impl Error for AcquireError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoMemory(source) => Some(source),
            _ => None,
        }
    }
}
