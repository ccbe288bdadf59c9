//! Random acquisitions and returns against what a pool says of itself: what is out, what is mapped,
//! and who gets a buffer.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use reapool::{AcquireError, BufferPool, PoolBuf};

use crate::cases::{regressions, runner};

/// What memory is mapped by.
const SLAB: usize = 2 << 20;
const CLASSES: [usize; 4] = [4 << 10, 256 << 10, 768 << 10, 2 << 20];

#[derive(Clone, Debug)]
enum Step {
    /// So many bytes, with a time limit or without.
    Acquire(usize, bool),
    /// One of those that are out, counted round.
    Return(usize),
    ReturnAll,
    Trim,
}

fn step() -> impl Strategy<Value = Step> {
    let near = |class: usize| class - 1..=class + 1;
    let len = prop_oneof![
        near(CLASSES[0]),
        near(CLASSES[1]),
        near(CLASSES[2]),
        near(CLASSES[3]),
        0..3_usize << 20,
    ];
    prop_oneof![
        12 => (len, any::<bool>()).prop_map(|(len, timed)| Step::Acquire(len, timed)),
        6 => any::<usize>().prop_map(Step::Return),
        1 => proptest::prelude::Just(Step::ReturnAll),
        1 => proptest::prelude::Just(Step::Trim),
    ]
}

/// A buffer that is out, and what was written into it.
struct Out {
    buffer: PoolBuf,
    seed: u8,
}

#[derive(Default)]
struct Model {
    slabs: usize,
    out: Vec<Out>,
    got: u64,
    refused: u64,
}

impl Model {
    /// Slabs of which something is out, with the class that they are cut for and how much is out.
    fn occupied(&self) -> BTreeMap<usize, (usize, usize)> {
        let mut slabs = BTreeMap::new();
        for out in &self.out {
            let (slab, size) = (out.buffer.as_ptr().addr() / SLAB, out.buffer.capacity());
            let (class, count) = slabs.entry(slab).or_insert((size, 0));
            assert_eq!(*class, size, "a slab is cut for one class");
            *count += 1;
        }
        slabs
    }

    /// Whether there is room for one of this class.
    fn has_room(&self, class: usize) -> bool {
        let occupied = self.occupied();
        let has_piece =
            occupied.values().any(|&(size, count)| size == class && count < SLAB / size);
        has_piece || occupied.len() < self.slabs
    }

    fn acquire(&mut self, pool: &BufferPool, len: usize, timed: bool) {
        let result =
            if timed { pool.acquire_timeout(len, Duration::ZERO) } else { pool.try_acquire(len) };
        let Some(&class) = CLASSES.iter().find(|&&class| class >= len) else {
            assert!(matches!(result, Err(AcquireError::TooLarge { .. })), "{result:?}");
            return;
        };
        match result {
            Ok(mut buffer) => {
                assert!(self.has_room(class), "{len} bytes, and there was no room");
                assert_eq!((buffer.len(), buffer.capacity()), (0, class));
                assert!(buffer.as_ptr().addr().is_multiple_of(4096));
                buffer.resize(class);
                let is_blank = |block: &[u8]| block == [0; 4096];
                assert!(buffer.chunks(4096).all(is_blank), "what others left");
                let seed = self.got as u8;
                fill(&mut buffer, seed);
                self.got += 1;
                self.out.push(Out { buffer, seed });
            }
            Err(AcquireError::Exhausted | AcquireError::TimedOut) => {
                assert!(!self.has_room(class), "no room for {len} bytes: {:?}", self.occupied());
                self.refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn give_back(&mut self, place: usize) {
        if self.out.is_empty() {
            return;
        }
        let count = self.out.len();
        let out = self.out.swap_remove(place % count);
        assert!(is_filled(&out.buffer, out.seed), "somebody else wrote into a buffer");
    }

    fn check(&self, pool: &BufferPool) {
        let stats = pool.stats();
        let bytes: usize = self.out.iter().map(|out| out.buffer.capacity()).sum();
        assert_eq!((stats.buffers_out, stats.bytes_out), (self.out.len(), bytes), "{stats:?}");
        assert!(stats.bytes_out <= stats.mapped && stats.mapped <= stats.capacity, "{stats:?}");
        assert_eq!(stats.mapped, stats.slabs * SLAB, "{stats:?}");
        assert_eq!(stats.maps - stats.unmaps, stats.slabs as u64, "{stats:?}");
        let counts = (stats.hits + stats.misses, stats.refused, stats.waiting);
        assert_eq!(counts, (self.got, self.refused, 0), "{stats:?}");
    }
}

/// The first and the last bytes of each block, as all of them would take too long.
fn fill(buffer: &mut PoolBuf, seed: u8) {
    for block in buffer.chunks_mut(4096) {
        block[0] = seed;
        block[4095] = !seed;
    }
}

fn is_filled(buffer: &PoolBuf, seed: u8) -> bool {
    buffer.chunks(4096).all(|block| (block[0], block[4095]) == (seed, !seed))
}

#[test]
fn a_pool_keeps_its_books_and_gives_what_there_is() {
    let program = (1..5_usize, vec(step(), 1..60));
    let result = runner(40, regressions!("pool")).run(&program, |(slabs, steps)| {
        let pool = BufferPool::builder().capacity(slabs * SLAB).classes(CLASSES).build().unwrap();
        let mut model = Model { slabs, ..Model::default() };
        for step in steps {
            match step {
                Step::Acquire(len, timed) => model.acquire(&pool, len, timed),
                Step::Return(place) => model.give_back(place),
                Step::ReturnAll => (0..model.out.len()).for_each(|_| model.give_back(0)),
                Step::Trim => {
                    let mapped = pool.stats().mapped;
                    let kept = model.occupied().len() * SLAB;
                    assert_eq!((pool.trim(), pool.stats().mapped), (mapped - kept, kept));
                }
            }
            model.check(&pool);
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
