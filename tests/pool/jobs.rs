//! A pool's buffers as jobs' buffers: direct reads and writes, short reads, kept in flight.

use std::fs;
use std::sync::mpsc;

use reapool::{BufferPool, FileHandle, HugePages, Job, PollEvents, PoolBuf};

use crate::support::{
    self, HANG, Tended, byte_at, completion_of, contents, eventfd, known_file, make_readable,
    open_buffered, open_direct, scratch,
};

const BLOCK: usize = 64 << 10;
const SLAB: usize = 2 << 20;

fn pool() -> BufferPool {
    pool_in(HugePages::Transparent)
}

fn pool_in(huge_pages: HugePages) -> BufferPool {
    let builder = BufferPool::builder().capacity(SLAB).classes([BLOCK]);
    builder.huge_pages(huge_pages).build().unwrap()
}

fn dispatcher() -> Tended {
    Tended::new(support::builder().depth(16).workers(2))
}

/// A buffer that its last user has filled with 0xee.
fn used(pool: &BufferPool) -> PoolBuf {
    let mut buffer = pool.acquire(BLOCK).unwrap();
    buffer.resize(BLOCK);
    buffer.fill(0xee);
    let earlier = buffer.as_ptr();
    drop(buffer);
    let buffer = pool.acquire(BLOCK).unwrap();
    assert_eq!(buffer.as_ptr(), earlier);
    buffer
}

fn direct_or_buffered(path: &std::path::Path) -> FileHandle {
    open_direct(path).unwrap_or_else(|| open_buffered(path))
}

#[test]
fn more_blocks_than_buffers_are_read() {
    const BLOCKS: u64 = 128;
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCKS * BLOCK as u64);
    let file = direct_or_buffered(&path);
    for huge_pages in [HugePages::Off, HugePages::Transparent, HugePages::Explicit] {
        let (pool, dispatcher) = (pool_in(huge_pages), dispatcher());
        let (report, reports) = mpsc::channel();
        for offset in (0..BLOCKS).map(|block| block * BLOCK as u64) {
            let (report, buffer) = (report.clone(), pool.acquire_timeout(BLOCK, HANG).unwrap());
            let job = Job::read(&file, buffer, offset, move |done| {
                let expected = (offset..).map(byte_at).take(BLOCK);
                report.send(done.buffer.iter().copied().eq(expected)).unwrap();
            });
            dispatcher.submit(job).unwrap();
        }
        dispatcher.quiesce();
        assert_eq!(reports.try_iter().filter(|&right| right).count(), BLOCKS as usize);
        let stats = pool.stats();
        assert_eq!((stats.buffers_out, stats.mapped, stats.maps), (0, SLAB, 1));
    }
}

#[test]
fn a_write_writes_the_length() {
    let directory = scratch();
    let path = directory.path().join("written");
    let (pool, dispatcher, file) = (pool(), dispatcher(), direct_or_buffered(&path));
    let mut buffer = used(&pool);
    buffer.resize(8192);
    buffer.copy_from_slice(&contents(0..8192));
    let done =
        completion_of(&dispatcher.submitter(), |callback| Job::write(&file, buffer, 0, callback));
    assert_eq!(done.result.unwrap(), 8192);
    assert_eq!((done.buffer.len(), done.buffer.capacity()), (8192, BLOCK));
    assert!(fs::read(&path).unwrap() == contents(0..8192));

    let done = completion_of(&dispatcher.submitter(), |callback| {
        Job::write(&file, used(&pool), 0, callback)
    });
    assert_eq!(done.result.unwrap(), 0, "a fresh buffer is empty");
}

#[test]
fn a_short_read_shows_no_more_than_it_read() {
    const END: u64 = 5000;
    let directory = scratch();
    let path = known_file(directory.path(), "known", END);
    let (pool, dispatcher) = (pool(), dispatcher());
    // A direct read may clear memory beyond the end of the file; a buffered one leaves it alone.
    for file in [direct_or_buffered(&path), open_buffered(&path)] {
        let read = |offset| {
            completion_of(&dispatcher.submitter(), |back| {
                Job::read(&file, used(&pool), offset, back)
            })
        };
        let mut done = read(4096);
        assert_eq!(done.result.unwrap(), 904);
        assert!(*done.buffer == contents(4096..END));
        done.buffer.resize(BLOCK);
        assert!(done.buffer[..904] == contents(4096..END));
        assert!(done.buffer[904..].iter().all(|&byte| byte == 0), "what was there before");

        let done = read(8192);
        assert_eq!((done.result.unwrap(), done.buffer.len()), (0, 0));
        let limited = completion_of(&dispatcher.submitter(), |callback| {
            Job::read(&file, used(&pool), 0, callback).limit(4096)
        });
        assert_eq!(limited.result.unwrap(), 4096);
        assert!(*limited.buffer == contents(0..4096));
    }
}

#[test]
fn what_a_job_has_stays_mapped_when_all_else_is_gone() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let file = direct_or_buffered(&path);
    let dispatcher = Tended::new(support::builder().depth(1).workers(1));
    let eventfd = eventfd();
    dispatcher.try_submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
    let pool = pool();
    // Waits behind the poll, which has the only slot.
    let handle = dispatcher.try_spawn(Job::read(file, used(&pool), 0, |done| done.buffer)).unwrap();
    let others: Vec<_> = std::iter::from_fn(|| pool.try_acquire(1).ok()).collect();
    assert_eq!(others.len(), SLAB / BLOCK - 1);
    drop(others);
    assert_eq!(pool.trim(), 0);
    drop(pool);
    make_readable(&eventfd);
    let buffer = handle.join_timeout(HANG).unwrap();
    assert!(*buffer == contents(0..BLOCK as u64));
}
