//! The ends of what a file can be: of its file system, and of what the kernel can count to.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;

use reapool::{AlignedBuf, Chunk, FileErrorKind, FileHandle, Job};

const UNIT: u64 = 512;

/// The result, and how many bytes count as transferred.
type Told = (Result<usize, Reason>, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Errno(i32),
    EndOfFile,
}

use Reason::{EndOfFile, Errno};

use crate::support::device::{FileSystem, Mount};
use crate::support::files::{CHUNK, POLICIES, copied, dispatcher, modest, only, sparse};
use crate::support::{self, Tended, completion_of, open_buffered, open_direct};

const INVALID: Told = (Err(Errno(libc::EINVAL)), 0);

/// A file and how it is transferred.
struct Scene {
    dispatcher: Tended,
    file: FileHandle,
    exact: bool,
    what: String,
}

impl Scene {
    /// Runs the job that `make` makes, and compares what is told.
    fn expect<B: Send + 'static>(
        &self,
        what: &str,
        make: impl FnOnce(&FileHandle, support::Callback<B>) -> Job,
        told: Told,
    ) {
        let done = completion_of(&self.dispatcher.submitter(), |callback| {
            let job = make(&self.file, callback);
            if self.exact { job.exact() } else { job }
        });
        let reason = |error: std::io::Error| match error.raw_os_error() {
            Some(errno) => Errno(errno),
            None if error.kind() == ErrorKind::UnexpectedEof => EndOfFile,
            None => panic!("{error}"),
        };
        let found = (done.result.map_err(reason), done.transferred);
        assert_eq!(found, told, "{}: {what}", self.what);
    }

    fn write(&self, offset: u64, units: u64, told: Told) {
        let mut buffer = AlignedBuf::zeroed((units * UNIT) as usize);
        buffer.fill(7);
        let what = format!("write of {units} units at {offset}");
        self.expect(&what, |file, callback| Job::write(file, buffer, offset, callback), told);
    }

    fn read(&self, offset: u64, units: u64, told: Told) {
        let buffer = AlignedBuf::zeroed((units * UNIT) as usize);
        let what = format!("read of {units} units at {offset}");
        self.expect(&what, |file, callback| Job::read(file, buffer, offset, callback), told);
    }

    fn range(&self, offset: u64, len: usize, told: Told) {
        let span = self.file.span(offset, len);
        let buffer = AlignedBuf::zeroed((span.end - span.start) as usize);
        let what = format!("range of {len} bytes at {offset}");
        let read =
            |file: &FileHandle, callback| Job::read_range(file, buffer, offset, len, callback);
        self.expect(&what, read, told);
    }

    /// What is done up to somewhere, for a `reason` why not all of it.
    fn part(&self, count: usize, reason: Reason) -> Told {
        (if self.exact { Err(reason) } else { Ok(count) }, count)
    }

    /// Up to a multiple of the unit, from which on nothing can be.
    fn up_to(&self, end: u64) {
        let direct = self.file.is_direct();
        let (one, all) = (UNIT as usize, (Ok(UNIT as usize), UNIT as usize));
        self.write(end - UNIT, 1, all);
        self.read(end - UNIT, 1, all);
        self.range(end - 3, 3, (Ok(3), 3));
        if end < i64::MAX as u64 / UNIT * UNIT {
            // The file system's end: everything stops there, and says why.
            self.write(end - UNIT, 3, self.part(one, Errno(libc::EFBIG)));
            self.write(end, 1, (Err(Errno(libc::EFBIG)), 0));
            self.read(end, 1, self.part(0, EndOfFile));
            // A direct read is not cut there, as a write is.
            let part = |count| if direct { INVALID } else { self.part(count, EndOfFile) };
            self.read(end - UNIT, 3, part(one));
            self.range(end - 3, 100, part(3));
        } else {
            // What ends beyond the kernel's numbers is refused whole: `rw_verify_area` of its
            // `fs/read_write.c`.
            self.write(end - UNIT, 2, INVALID);
            self.write(end, 1, INVALID);
            self.read(end - UNIT, 2, INVALID);
            self.read(end, 1, INVALID);
            self.range(end - 3, 100, if direct { INVALID } else { self.part(3, EndOfFile) });
            self.range(end - 3, 1000, INVALID);
        }
        for offset in [1 << 63, u64::MAX / UNIT * UNIT] {
            self.write(offset, 1, INVALID);
            self.read(offset, 1, INVALID);
            self.range(offset + 3, 2000, INVALID);
        }
    }
}

/// The largest size that a file can have here.
fn size_max(path: &Path) -> u64 {
    let file = File::create(path).unwrap();
    let (mut possible, mut impossible) = (0, 1 << 63);
    while impossible - possible > 1 {
        let size = possible + (impossible - possible) / 2;
        *if file.set_len(size).is_ok() { &mut possible } else { &mut impossible } = size;
    }
    file.set_len(0).unwrap();
    possible
}

type Open = fn(&Path) -> Option<FileHandle>;

fn everything_stops_at_the_end_of(what: &str, mount: Option<Mount>, is_kernels: bool) {
    let Some(mount) = mount else { return };
    let path = mount.path().join("long");
    let most = size_max(&path);
    assert_eq!(most == i64::MAX as u64, is_kernels, "{what}: {most}");
    let opens: [(&str, Open); 2] =
        [("buffered", |path| Some(open_buffered(path))), ("direct", open_direct)];
    for (how, open) in opens {
        for exact in [false, true] {
            let Some(file) = open(&path) else { continue };
            if file.alignment().offset > UNIT {
                continue;
            }
            let dispatcher = Tended::new(support::builder().depth(4).workers(1));
            let what = format!("{what}, {how}, exact: {exact}");
            Scene { dispatcher, file, exact, what }.up_to(most / UNIT * UNIT);
        }
    }
}

#[test]
fn a_file_system_has_an_end() {
    everything_stops_at_the_end_of("ext4", Mount::of(FileSystem::Ext4), false);
}

#[test]
fn the_kernel_has_one_too() {
    everything_stops_at_the_end_of("xfs", Mount::of(FileSystem::Xfs), true);
    everything_stops_at_the_end_of("btrfs", Mount::of(FileSystem::Btrfs), true);
    everything_stops_at_the_end_of("tmpfs", Mount::tmpfs(1 << 20), true);
}

#[test]
fn a_file_of_that_size_is_begun_and_left() {
    let dispatcher = dispatcher(2);
    for mount in [Mount::of(FileSystem::Xfs), Mount::tmpfs(1 << 20)] {
        let Some(mount) = mount else { return };
        let path = sparse(mount.path(), "long", i64::MAX as u64);
        for policy in POLICIES {
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            let error = only(copied(&files, [path.clone()])).unwrap_err();
            assert_eq!(error.kind(), FileErrorKind::TooLarge, "{policy:?}: {error}");
            let begun = |count: &mut usize, chunk: Chunk| {
                *count += chunk.len();
                if chunk.offset() == 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            let done = only(files.stream([path.clone()], |_| 0, begun, |count, _| count)).unwrap();
            assert_eq!((done.value, done.size), (2 * CHUNK, i64::MAX as u64), "{policy:?}");
        }
    }
}
