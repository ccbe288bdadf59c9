//! A short transfer is data: its count is the result, and the buffer shows these bytes and no
//! others.

use std::path::PathBuf;

use reapool::{AlignedBuf, Completion, FileHandle, IoBufMut, Job};
use tempfile::TempDir;

use crate::support::{
    self, TRANSFER_MAX, Tended, bad_file, completion_of, contents, known_file, null, open_buffered,
    open_direct, scratch,
};

/// Not a multiple of any block size, and more than one block.
const LENGTH: u64 = 10_000;
const BLOCK: u64 = 4096;

struct Scene {
    _directory: TempDir,
    path: PathBuf,
    dispatcher: Tended,
}

impl Scene {
    fn new() -> Self {
        let directory = scratch();
        let path = known_file(directory.path(), "known", LENGTH);
        let dispatcher = Tended::new(support::builder().depth(4).workers(1));
        Self { _directory: directory, path, dispatcher }
    }

    /// The file in both ways, or in one where the other isn't supported.
    fn files(&self) -> impl Iterator<Item = FileHandle> {
        [Some(open_buffered(&self.path)), open_direct(&self.path)].into_iter().flatten()
    }

    fn read<B: IoBufMut + 'static>(
        &self,
        file: &FileHandle,
        buffer: B,
        offset: u64,
    ) -> Completion<B> {
        completion_of(&self.dispatcher.submitter(), |callback| {
            Job::read(file, buffer, offset, callback)
        })
    }

    fn read_vectored<B: IoBufMut + 'static>(
        &self,
        buffers: Vec<B>,
        offset: u64,
    ) -> Completion<Vec<B>> {
        let file = open_buffered(&self.path);
        completion_of(&self.dispatcher.submitter(), |callback| {
            Job::read_vectored(file, buffers, offset, callback)
        })
    }
}

/// Aligned, and full of a byte that must not be seen again.
fn stained(len: usize) -> AlignedBuf {
    let mut buffer = AlignedBuf::zeroed(len);
    buffer.fill(0xaa);
    buffer
}

fn check<B>(done: &Completion<B>, count: usize, short: bool, eof: bool) {
    assert_eq!(*done.result.as_ref().unwrap(), count);
    assert_eq!((done.is_short(), done.is_eof()), (short, eof));
}

#[test]
fn a_read_across_the_end_gets_what_is_there() {
    let scene = Scene::new();
    for file in scene.files() {
        let mut done = scene.read(&file, stained(4 * BLOCK as usize), BLOCK);
        let count = (LENGTH - BLOCK) as usize;
        check(&done, count, true, false);
        assert!(done.data() == contents(BLOCK..LENGTH) && *done.buffer == *done.data());
        assert_eq!(done.requested, 4 * BLOCK as usize);
        done.buffer.resize(done.requested);
        assert!(done.buffer[count..].iter().all(|&byte| byte == 0), "what growing shows");

        let done = scene.read(&file, stained(2 * BLOCK as usize), 0);
        check(&done, 2 * BLOCK as usize, false, false);
    }
    scene.dispatcher.quiesce();
    let stats = scene.dispatcher.stats();
    assert_eq!((stats.short, stats.failed), (stats.finished / 2, 0), "every other one");
}

#[test]
fn a_read_at_the_end_or_after_it_gets_nothing() {
    let scene = Scene::new();
    for file in scene.files() {
        for offset in [3 * BLOCK, 4 * BLOCK, 1 << 30, 1 << 40] {
            let done = scene.read(&file, stained(BLOCK as usize), offset);
            check(&done, 0, true, true);
            assert!(done.buffer.is_empty() && done.data().is_empty());
        }
    }
    let file = open_buffered(&scene.path);
    for offset in [LENGTH, LENGTH + 1] {
        let done = scene.read(&file, vec![0xaa; 100], offset);
        check(&done, 0, true, true);
        assert!(done.buffer.is_empty());
    }
    let done = scene.read(&file, vec![0xaa; 1], LENGTH - 1);
    check(&done, 1, false, false);
    assert_eq!(done.buffer, contents(LENGTH - 1..LENGTH));
    let done = scene.read_vectored(vec![vec![0xaa; 10], vec![0xaa; 10]], LENGTH);
    check(&done, 0, true, true);
    assert!(done.buffer.iter().all(Vec::is_empty));
}

#[test]
fn to_ask_for_nothing_is_neither_short_nor_the_end() {
    let scene = Scene::new();
    for file in scene.files() {
        for offset in [0, BLOCK, 4 * BLOCK] {
            check(&scene.read(&file, AlignedBuf::zeroed(0), offset), 0, false, false);
            let done = completion_of(&scene.dispatcher.submitter(), |callback| {
                Job::write(&file, AlignedBuf::zeroed(0), offset, callback)
            });
            check(&done, 0, false, false);
        }
    }
    let file = open_buffered(&scene.path);
    check(&scene.read(&file, Vec::new(), 0), 0, false, false);
    check(&scene.read(&file, Box::<[u8]>::default(), LENGTH), 0, false, false);
    check(&scene.read_vectored(Vec::<Vec<u8>>::new(), 0), 0, false, false);
    check(&scene.read_vectored(vec![Vec::new(), Vec::new()], 0), 0, false, false);
    assert_eq!(std::fs::metadata(&scene.path).unwrap().len(), LENGTH, "nothing was written");
    scene.dispatcher.quiesce();
    assert_eq!(scene.dispatcher.stats().short, 0);
}

#[test]
fn buffers_show_what_was_read_or_what_the_user_put_there() {
    let scene = Scene::new();
    let file = open_buffered(&scene.path);
    let (offset, tail) = (LENGTH - 7, contents(LENGTH - 7..LENGTH));

    // Without contents, with more of them than are replaced, and with fewer.
    let mut longer = Vec::with_capacity(200);
    longer.resize(100, 0xaa);
    let mut shorter = Vec::with_capacity(200);
    shorter.resize(3, 0xaa);
    for buffer in [Vec::with_capacity(200), longer, shorter] {
        let address = buffer.as_ptr().addr();
        let done = scene.read(&file, buffer, offset);
        check(&done, 7, true, false);
        assert_eq!((done.data(), &done.buffer), (&tail[..], &tail));
        assert!(done.requested >= 200 && done.buffer.as_ptr().addr() == address);
    }

    let done = scene.read(&file, vec![0xaa; 100].into_boxed_slice(), offset);
    check(&done, 7, true, false);
    assert_eq!((done.data(), &done.buffer[..7]), (&tail[..], &tail[..]));
    assert_eq!(done.buffer[7..], [0xaa; 93], "the rest is the user's");
}

#[test]
fn a_vectored_read_gives_each_buffer_its_length() {
    let scene = Scene::new();
    let offset = LENGTH - 25;
    let vectors = (0..4).map(|_| vec![0xaa; 10].into_boxed_slice().into_vec()).collect();
    let done = scene.read_vectored::<Vec<u8>>(vectors, offset);
    check(&done, 25, true, false);
    assert_eq!(done.buffer.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5, 0]);
    assert_eq!(done.buffer.concat(), contents(offset..LENGTH));

    let boxes = (0..4).map(|_| vec![0xaa; 10].into_boxed_slice()).collect();
    let done = scene.read_vectored::<Box<[u8]>>(boxes, offset);
    check(&done, 25, true, false);
    let bytes = done.buffer.concat();
    assert_eq!((&bytes[..25], &bytes[25..]), (&contents(offset..LENGTH)[..], &[0xaa; 15][..]));
}

#[test]
fn a_failed_read_leaves_lengths_as_they_were() {
    let (scene, bad) = (Scene::new(), bad_file());
    let mut vector = Vec::with_capacity(100);
    vector.resize(7, 0xaa);
    let mut aligned = stained(BLOCK as usize);
    aligned.truncate(9);

    let done = scene.read(&bad, vector.clone(), 0);
    assert!(done.result.is_err() && !done.is_short() && !done.is_eof());
    assert_eq!((done.buffer.len(), done.data().len()), (7, 0));
    let done = scene.read(&bad, aligned, 0);
    assert_eq!((done.result.is_err(), done.buffer.len(), done.buffer.capacity()), (true, 9, 4096));
    let done = scene.read(&bad, Vec::with_capacity(100), 0);
    assert!(done.result.is_err() && done.buffer.is_empty());
    let done = completion_of(&scene.dispatcher.submitter(), |callback| {
        Job::read_vectored(bad, vec![vector, Vec::new()], 0, callback)
    });
    assert!(done.result.is_err() && done.buffer.iter().map(Vec::len).eq([7, 0]));
    scene.dispatcher.quiesce();
    assert_eq!((scene.dispatcher.stats().failed, scene.dispatcher.stats().short), (4, 0));
}

#[test]
fn more_than_the_kernel_transfers_at_once_comes_back_short() {
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    // The null device doesn't look at the bytes, so that no page of these is ever allocated.
    for len in [TRANSFER_MAX - 1, TRANSFER_MAX, TRANSFER_MAX + 1, (2 << 30) + 5, (4 << 30) + 5] {
        let done = completion_of(&dispatcher.submitter(), |callback| {
            Job::write(null(), vec![0; len], 0, callback)
        });
        check(&done, len.min(TRANSFER_MAX), len > TRANSFER_MAX, false);
        assert_eq!((done.requested, done.buffer.len()), (len, len));
        assert_eq!(done.data().len(), len.min(TRANSFER_MAX));
    }
    let halves = vec![vec![0; 3 << 29], vec![0; 3 << 29]];
    let done = completion_of(&dispatcher.submitter(), |callback| {
        Job::write_vectored(null(), halves, 0, callback)
    });
    check(&done, TRANSFER_MAX, true, false);
    assert_eq!(done.requested, 3 << 30);
    dispatcher.quiesce();
    assert_eq!((dispatcher.stats().short, dispatcher.stats().failed), (4, 0));
}
