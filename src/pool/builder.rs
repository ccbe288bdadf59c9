//! A pool's settings, and their limits.

use crate::pool::BufferPool;
use crate::pool::error::PoolBuildError;
use crate::pool::slabs::{Slabs, slab_len};

/// Of buffers that direct I/O can use anywhere.
const GRAIN: usize = 4096;

/// One read or write transfers just under 2 GiB at most.
const CLASS_MAX: usize = 1 << 30;
const CLASSES_MAX: usize = 64;
/// The address space of a process on x86-64; slabs are numbered with 32 bits.
const CAPACITY_MAX: usize = match 1_usize.checked_shl(47) {
    Some(limit) => limit,
    None => isize::MAX as usize,
};

const CAPACITY_DEFAULT: usize = 64 << 20;
const CLASSES_DEFAULT: [usize; 3] = [4 << 10, 64 << 10, 1 << 20];

/// Which pages a pool's memory is to be in.
///
/// Requests on a disk are cut into segments of contiguous memory, and a device takes only so many:
/// a MiB in one huge page is one segment, in pages of 4 KiB it is 256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HugePages {
    /// Ordinary pages, also where the system would use huge ones unasked.
    Off,
    /// Huge pages where the system has one free when the memory is first touched: `MADV_HUGEPAGE`,
    /// which is without effect where `/sys/kernel/mm/transparent_hugepage/enabled` says `never`.
    #[default]
    Transparent,
    /// Huge pages of 2 MiB that the administrator has set aside (`vm.nr_hugepages`), as long as
    /// there are any; else as `Transparent`, which [`PoolStats`](crate::PoolStats) counts.
    ///
    /// Copying them takes more of them: a forked child that touches buffers which it or its parent
    /// has written to since the fork is ended by `SIGBUS` when there are none left.
    Explicit,
}

/// Settings of a [`BufferPool`].
///
/// # Examples
///
/// ```
/// use reapool::{BufferPool, HugePages};
///
/// let pool = BufferPool::builder()
///     .capacity(256 << 20)
///     .classes([64 << 10, 4 << 20])
///     .huge_pages(HugePages::Explicit)
///     .build()?;
/// assert_eq!(pool.classes(), [64 << 10, 4 << 20]);
/// # Ok::<(), reapool::PoolBuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct PoolBuilder {
    capacity: usize,
    classes: Vec<usize>,
    huge_pages: HugePages,
}

impl Default for PoolBuilder {
    fn default() -> Self {
        Self {
            capacity: CAPACITY_DEFAULT,
            classes: CLASSES_DEFAULT.to_vec(),
            huge_pages: HugePages::default(),
        }
    }
}

impl PoolBuilder {
    /// The most bytes that the pool may have mapped at a time; 64 MiB by default.
    ///
    /// Memory is mapped in slabs: of 2 MiB, or of one buffer rounded up to 2 MiB if that is more.
    /// What is left of the capacity beyond whole slabs is not used.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// The sizes of buffers that there are, in bytes; 4 KiB, 64 KiB and 1 MiB by default.
    ///
    /// They are rounded up to multiples of 4096, and may be in any order. Sizes by which 2 MiB can
    /// be divided, and multiples of 2 MiB, use all of a slab, and their buffers are aligned to
    /// their size up to 2 MiB; other sizes leave the end of a slab unused.
    pub fn classes(mut self, sizes: impl IntoIterator<Item = usize>) -> Self {
        self.classes = sizes.into_iter().collect();
        self
    }

    /// Which pages the memory is to be in; [`HugePages::Transparent`] by default.
    pub fn huge_pages(mut self, huge_pages: HugePages) -> Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Makes the pool. Memory is mapped when it is first acquired.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense: see [`PoolBuildError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, PoolBuildError};
    ///
    /// let error = BufferPool::builder().capacity(4096).build().unwrap_err();
    /// let least = 2 << 20;
    /// assert_eq!(error, PoolBuildError::CapacityTooSmall { capacity: 4096, least });
    /// ```
    pub fn build(self) -> Result<BufferPool, PoolBuildError> {
        let sizes = self.validate()?;
        Ok(BufferPool::over(Slabs::new(self.capacity, &sizes, self.huge_pages), sizes))
    }

    /// The classes' sizes, in order.
    fn validate(&self) -> Result<Box<[usize]>, PoolBuildError> {
        let mut sizes = Vec::with_capacity(self.classes.len());
        for &size in &self.classes {
            match size {
                0 => return Err(PoolBuildError::EmptyClass),
                1..=CLASS_MAX => sizes.push(size.next_multiple_of(GRAIN)),
                _ => return Err(PoolBuildError::ClassTooLarge { size, limit: CLASS_MAX }),
            }
        }
        sizes.sort_unstable();
        sizes.dedup();
        let Some(&largest) = sizes.last() else { return Err(PoolBuildError::NoClasses) };
        let (capacity, count, least) = (self.capacity, sizes.len(), slab_len(largest));
        if count > CLASSES_MAX {
            return Err(PoolBuildError::TooManyClasses { count, limit: CLASSES_MAX });
        }
        if capacity < least {
            return Err(PoolBuildError::CapacityTooSmall { capacity, least });
        }
        if capacity > CAPACITY_MAX {
            return Err(PoolBuildError::CapacityTooLarge { capacity, limit: CAPACITY_MAX });
        }
        Ok(sizes.into_boxed_slice())
    }
}
