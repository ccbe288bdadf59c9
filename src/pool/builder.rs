//! A pool's settings, and their limits.

use crate::pool::error::PoolBuildError;
use crate::pool::mapping::HugePages;
use crate::pool::slab::Slab;
use crate::pool::slabs::Slabs;

/// The sizes of buffers are multiples of this, so that direct I/O can use them on any device.
pub(super) const SIZE_UNIT: usize = 4096;

/// One read or write transfers just under 2 GiB at most.
pub(crate) const CLASS_MAX: usize = 1 << 30;
const CLASSES_MAX: usize = 64;
/// The address space of a process on x86-64. Slabs are numbered with 32 bits.
const CAPACITY_MAX: usize = match 1_usize.checked_shl(47) {
    Some(limit) => limit,
    None => isize::MAX as usize,
};

const CAPACITY_DEFAULT: usize = 64 << 20;
const CLASSES_DEFAULT: [usize; 3] = [4 << 10, 64 << 10, 1 << 20];

/// Settings of a [`BufferPool`](crate::BufferPool).
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
    ordinary_up_to: usize,
    /// As much as the capacity, if it is not set.
    extra: Option<usize>,
}

impl Default for PoolBuilder {
    fn default() -> Self {
        Self {
            capacity: CAPACITY_DEFAULT,
            classes: CLASSES_DEFAULT.to_vec(),
            huge_pages: HugePages::default(),
            ordinary_up_to: 0,
            extra: None,
        }
    }
}

impl PoolBuilder {
    /// The most bytes that the pool may have mapped at a time; 64 MiB by default.
    ///
    /// Memory is mapped in slabs. A slab has 2 MiB, or, for buffers larger than that, one buffer
    /// rounded up to a multiple of 2 MiB. A rest of the capacity that is smaller than a slab is not
    /// used.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = reapool::BufferPool::builder().capacity(5 << 20).build()?;
    /// let buffers: Vec<_> = std::iter::from_fn(|| pool.try_acquire(1 << 20).ok()).collect();
    /// assert_eq!(buffers.len(), 4, "in two slabs");
    /// # Ok::<(), reapool::PoolBuildError>(())
    /// ```
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// The sizes of the buffers, in bytes; 4 KiB, 64 KiB and 1 MiB by default.
    ///
    /// They may be in any order, and are rounded up to multiples of 4096. Sizes that divide 2 MiB,
    /// and multiples of 2 MiB, use all of a slab, and their buffers are aligned to their size, up
    /// to 2 MiB. Other sizes leave the end of a slab unused.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = reapool::BufferPool::builder().classes([256 << 10, 4096, 5000]).build()?;
    /// assert_eq!(pool.classes(), [4096, 8192, 256 << 10]);
    /// # Ok::<(), reapool::PoolBuildError>(())
    /// ```
    pub fn classes(mut self, sizes: impl IntoIterator<Item = usize>) -> Self {
        self.classes = sizes.into_iter().collect();
        self
    }

    /// In which pages the pool has its memory; [`HugePages::Transparent`] by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, HugePages};
    ///
    /// let pool = BufferPool::builder().huge_pages(HugePages::Off).build()?;
    /// let mut buffer = pool.acquire(1 << 20)?;
    /// buffer.resize(1 << 20); // touches it
    /// assert_eq!(pool.huge_page_bytes()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn huge_pages(mut self, huge_pages: HugePages) -> Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Buffers of these sizes, multiples of 4096, and capacity for so many of each at a time.
    pub(crate) fn holding<const N: usize>(self, buffers: [(usize, usize); N]) -> Self {
        let bytes = |(size, count): (usize, usize)| {
            let slab = Slab::len_for(size);
            count.div_ceil(slab / size).saturating_mul(slab)
        };
        let capacity = buffers.map(bytes).into_iter().fold(0, usize::saturating_add);
        self.classes(buffers.map(|(size, _)| size)).capacity(capacity)
    }

    /// Buffers up to this size are in ordinary pages: if only a few are taken, they take up no huge
    /// page.
    pub(crate) fn ordinary_up_to(mut self, size: usize) -> Self {
        self.ordinary_up_to = size;
        self
    }

    /// The most bytes beyond the capacity that
    /// [`acquire_or_allocate`](crate::BufferPool::acquire_or_allocate) may take from the system's
    /// allocator at a time, in multiples of 4096; by default as many as the capacity.
    pub fn extra(mut self, bytes: usize) -> Self {
        self.extra = Some(bytes);
        self
    }

    pub(super) fn most_extra(&self) -> usize {
        let bytes = self.extra.unwrap_or(self.capacity);
        bytes - bytes % SIZE_UNIT
    }

    /// Slabs for these settings, of which none is mapped yet, and the sizes of their classes in
    /// ascending order.
    pub(super) fn slabs(&self) -> Result<(Slabs, Box<[usize]>), PoolBuildError> {
        let mut sizes = Vec::with_capacity(self.classes.len());
        for &size in &self.classes {
            match size {
                0 => return Err(PoolBuildError::EmptyClass),
                1..=CLASS_MAX => sizes.push(size.next_multiple_of(SIZE_UNIT)),
                _ => return Err(PoolBuildError::ClassTooLarge { size, limit: CLASS_MAX }),
            }
        }
        sizes.sort_unstable();
        sizes.dedup();
        let Some(&largest) = sizes.last() else { return Err(PoolBuildError::NoClasses) };
        let (capacity, count, least) = (self.capacity, sizes.len(), Slab::len_for(largest));
        if count > CLASSES_MAX {
            return Err(PoolBuildError::TooManyClasses { count, limit: CLASSES_MAX });
        }
        if capacity < least {
            return Err(PoolBuildError::CapacityTooSmall { capacity, least });
        }
        if capacity > CAPACITY_MAX {
            return Err(PoolBuildError::CapacityTooLarge { capacity, limit: CAPACITY_MAX });
        }
        let slabs = Slabs::new(capacity, &sizes, self.huge_pages);
        Ok((slabs.ordinary_up_to(self.ordinary_up_to), sizes.into_boxed_slice()))
    }
}
