//! What a job's callback is told when its file system fails, for each way to open a file, with the
//! kernel's AIO and without; and that the jobs beside it hear nothing of it.
//!
//! A job of 64 KiB is four requests of the file system's here, and the second one goes wrong. What
//! comes of that is the kernel's: with `O_DIRECT` and AIO all four are under way together, an error
//! of one is the result, and a short answer to a write is `EIO` (`fuse_get_res_by_io` in
//! fs/fuse/file.c). One by one, as everywhere else, the first is done, which is a short transfer.

use std::path::Path;
use std::sync::mpsc::{self, Sender};

use Expected::{Done, Failed};
use How::{Cached, Direct, DirectUncached, Uncached};
use Op::{Read, Sync, Write};
use reapool::{AlignedBuf, Completion, Dispatcher, FileHandle, IoWay, Job};

/// What the file system transfers at once.
const PIECE: usize = 16 << 10;
const LEN: usize = 4 * PIECE;

/// How a file is opened: with `O_DIRECT` or not, and by a file system that lets the kernel cache it
/// or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Direct,
    DirectUncached,
    Cached,
    Uncached,
}

/// What goes wrong with the second piece.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Errno(i32),
    Short(usize),
}

use Fault::{Errno, Short};

use crate::disk::{Faulty, Op, Options, Rule, bytes};
use crate::support::event_loop::TendedLoop;
use crate::support::{self, Tended, builder, on_threads, watched};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// So many bytes, and no error.
    Done(usize),
    /// The error, and so many bytes.
    Failed(i32, usize),
}

struct Case(How, Op, Fault, Outcomes);

/// Plain and exact, with AIO; and without, where that is another.
struct Outcomes {
    aio: [Expected; 2],
    threads: [Expected; 2],
}

const fn same(plain: Expected, exact: Expected) -> Outcomes {
    Outcomes { aio: [plain, exact], threads: [plain, exact] }
}

const fn unlike(aio: [Expected; 2], threads: [Expected; 2]) -> Outcomes {
    Outcomes { aio, threads }
}

const EIO: i32 = libc::EIO;
const FULL: i32 = libc::ENOSPC;
/// Up to the end of a short second piece.
const ONE_AND_SOME: usize = PIECE + 5000;

const CASES: [Case; 18] = [
    Case(Direct, Read, Errno(EIO), same(Failed(EIO, 0), Failed(EIO, 0))),
    // What read(2) finds missing it gets through the page cache.
    Case(Direct, Read, Short(5000), unlike([Done(ONE_AND_SOME), Done(LEN)], [Done(LEN); 2])),
    Case(Direct, Write, Errno(FULL), same(Failed(FULL, 0), Failed(FULL, 0))),
    Case(Direct, Write, Short(5000), same(Failed(EIO, 0), Failed(EIO, 0))),
    Case(Direct, Sync, Errno(EIO), same(Failed(EIO, 0), Failed(EIO, 0))),
    Case(
        DirectUncached,
        Read,
        Errno(EIO),
        unlike([Failed(EIO, 0); 2], [Done(PIECE), Failed(EIO, PIECE)]),
    ),
    Case(DirectUncached, Read, Short(5000), same(Done(ONE_AND_SOME), Done(LEN))),
    Case(
        DirectUncached,
        Write,
        Errno(FULL),
        unlike([Failed(FULL, 0); 2], [Done(PIECE), Failed(FULL, PIECE)]),
    ),
    Case(
        DirectUncached,
        Write,
        Short(5000),
        unlike([Failed(EIO, 0); 2], [Done(ONE_AND_SOME), Done(LEN)]),
    ),
    Case(DirectUncached, Sync, Errno(EIO), same(Failed(EIO, 0), Failed(EIO, 0))),
    Case(Cached, Read, Errno(EIO), same(Done(PIECE), Failed(EIO, PIECE))),
    Case(Cached, Write, Errno(FULL), same(Done(PIECE), Failed(FULL, PIECE))),
    Case(Cached, Write, Short(5000), same(Done(ONE_AND_SOME), Done(LEN))),
    Case(Cached, Sync, Errno(EIO), same(Failed(EIO, 0), Failed(EIO, 0))),
    Case(Uncached, Read, Errno(EIO), same(Done(PIECE), Failed(EIO, PIECE))),
    Case(Uncached, Read, Short(5000), same(Done(ONE_AND_SOME), Done(LEN))),
    Case(Uncached, Write, Errno(FULL), same(Done(PIECE), Failed(FULL, PIECE))),
    Case(Uncached, Write, Short(5000), same(Done(ONE_AND_SOME), Done(LEN))),
];

/// What a callback was given.
struct Seen {
    outcome: Expected,
    data: Vec<u8>,
}

fn seen<B>(done: Completion<B>, data: impl FnOnce(&B) -> Vec<u8>) -> Seen {
    let outcome = match done.result {
        Ok(count) if done.transferred == count => Done(count),
        Ok(count) => panic!("{count} is not {}", done.transferred),
        Err(error) => Failed(error.raw_os_error().unwrap(), done.transferred),
    };
    Seen { outcome, data: data(&done.buffer) }
}

fn open(path: &Path, how: How) -> FileHandle {
    let direct = matches!(how, Direct | DirectUncached);
    let way = if direct { IoWay::Direct } else { IoWay::Buffered };
    FileHandle::options().read(true).write(true).way(way).open(path).unwrap()
}

/// What is written: no byte as it was.
fn news() -> AlignedBuf {
    let mut buffer = AlignedBuf::zeroed(LEN);
    buffer.iter_mut().zip(bytes(0, 0..LEN as u64)).for_each(|(byte, old)| *byte = !old);
    buffer
}

fn job(op: Op, file: &FileHandle, exact: bool, sender: Sender<Seen>) -> Job {
    let buffer = AlignedBuf::zeroed(LEN);
    let job = match op {
        Read => Job::read(file, buffer, 0, move |done| {
            let count = done.transferred;
            sender.send(seen(done, |buffer| buffer[..count].to_vec())).unwrap();
        }),
        Write => Job::write(file, news(), 0, move |done| {
            sender.send(seen(done, |buffer| buffer.to_vec())).unwrap();
        }),
        _ => Job::sync_all(file, move |done| {
            let outcome = match done.result {
                Ok(count) => Done(count),
                Err(error) => Failed(error.raw_os_error().unwrap(), done.transferred),
            };
            sender.send(Seen { outcome, data: Vec::new() }).unwrap();
        }),
    };
    if exact { job.exact() } else { job }
}

/// Runs a case among others, and says what its callback was given, when all callbacks have run.
type Performer<'a> = &'a mut dyn FnMut(Vec<Job>);

/// By what means operations are performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Aio,
    Threads,
}

fn tested() -> By {
    if on_threads() { By::Threads } else { By::Aio }
}

fn try_case(
    disk: &Faulty,
    Case(how, op, fault, outcomes): &Case,
    (by, exact, neighbours): (By, bool, usize),
    perform: Performer<'_>,
) {
    let what = format!("{how:?}, {op:?}, {fault:?}, exact: {exact}, beside {neighbours}");
    let make = |name| match how {
        Direct | Cached => disk.file(name, LEN as u64),
        DirectUncached | Uncached => disk.uncached(name, LEN as u64),
    };
    let (file, fine) = (open(&make("faulty"), *how), open(&make("fine"), *how));
    disk.clear();
    let begin = if *op == Sync { 0 } else { PIECE as u64 };
    let rule = Rule::on(*op).of("faulty").at(begin);
    disk.rule(match *fault {
        Errno(errno) => rule.errno(errno),
        Short(count) => rule.short(count),
    });
    let (sender, faulty) = mpsc::channel();
    let (others, beside) = mpsc::channel();
    let mut jobs: Vec<Job> =
        (0..neighbours).map(|_| job(Read, &fine, exact, others.clone())).collect();
    jobs.insert(neighbours / 2, job(*op, &file, exact, sender));
    drop((file, fine, others));
    perform(jobs);

    let Seen { outcome, data } = faulty.try_recv().expect(&what);
    let expected = if by == By::Threads { outcomes.threads } else { outcomes.aio };
    assert_eq!(outcome, expected[usize::from(exact)], "{what}");
    assert!(faulty.try_recv().is_err(), "{what}: its callback ran twice");
    let (Done(count) | Failed(_, count)) = outcome;
    match op {
        Read => assert!(data == bytes(0, 0..count as u64), "{what}: other bytes"),
        Write => {
            assert!(data == *news(), "{what}: the buffer is another");
            assert!(disk.contents("faulty")[..count] == news()[..count], "{what}: not written");
        }
        _ => {}
    }
    for Seen { outcome, data } in beside.try_iter() {
        assert_eq!(outcome, Done(LEN), "{what}: a neighbour");
        assert!(data == bytes(0, 0..LEN as u64), "{what}: a neighbour's bytes");
    }
}

fn try_all(by: By, neighbours: usize, perform: Performer<'_>) {
    let options = Options { transfer: PIECE as u32, ..Options::default() };
    let Some(disk) = Faulty::with(options) else { return };
    for case in &CASES {
        for exact in [false, true] {
            try_case(&disk, case, (by, exact, neighbours), perform);
        }
    }
}

#[test]
fn one_job_on_its_own() {
    watched(|| {
        let dispatcher = Tended::new(builder().depth(8).workers(2));
        try_all(tested(), 0, &mut |jobs| {
            jobs.into_iter().for_each(|job| dispatcher.submit(job).unwrap());
            dispatcher.quiesce();
        });
        let stats = dispatcher.stats();
        assert_eq!((stats.accepted, stats.panics), (stats.finished, 0));
    });
}

#[test]
fn one_job_of_a_batch() {
    watched(|| {
        let dispatcher = Tended::new(builder().depth(8).workers(2));
        try_all(tested(), 6, &mut |jobs| {
            dispatcher.submit_batch(jobs).unwrap();
            dispatcher.quiesce();
        });
        let stats = dispatcher.stats();
        assert_eq!((stats.accepted, stats.panics), (stats.finished, 0));
    });
}

#[test]
fn one_job_of_an_event_loop() {
    watched(|| {
        // Without threads the kernel would perform what is buffered, and during the submission.
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(8).blocking_threads(4));
        try_all(By::Aio, 6, &mut |batch| {
            jobs.try_submit_batch(batch).unwrap();
            jobs.quiesce();
        });
        let stats = jobs.stats();
        assert_eq!((stats.accepted, stats.panics), (stats.finished, 0));
    });
}

#[test]
fn what_extends_a_file_and_fails_leaves_it_as_it_was() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let dispatcher = Tended::new(builder().depth(8).workers(2));
        for how in [Direct, DirectUncached, Cached, Uncached] {
            let path = match how {
                Direct | Cached => disk.file("faulty", LEN as u64),
                _ => disk.uncached("faulty", LEN as u64),
            };
            let file = open(&path, how);
            disk.clear();
            disk.rule(Rule::on(Write).errno(FULL));
            let end = LEN as u64;
            let write = |callback| Job::write(&file, news(), end, callback).exact();
            let done = support::completion_of(&dispatcher.submitter(), write);
            assert_eq!(done.result.unwrap_err().raw_os_error(), Some(FULL), "{how:?}");
            assert_eq!((done.transferred, disk.contents("faulty").len()), (0, LEN), "{how:?}");
        }
    });
}

#[test]
fn ranges_and_vectors_are_put_together_from_short_answers() {
    watched(|| {
        let options = Options { transfer: PIECE as u32, ..Options::default() };
        let Some(disk) = Faulty::with(options) else { return };
        let dispatcher = Tended::new(builder().depth(8).workers(2));
        disk.rule(Rule::on(Read).every(2).short(5000));
        for how in [Direct, DirectUncached, Uncached] {
            let path = match how {
                Direct => disk.file("short", LEN as u64),
                _ => disk.uncached("short", LEN as u64),
            };
            let file = open(&path, how);
            let job = Job::read_range(&file, AlignedBuf::zeroed(LEN), 100, 60_000, |done| done);
            let done = dispatcher.spawn(job.exact()).unwrap().join().unwrap();
            assert_eq!(done.result.unwrap(), 60_000, "{how:?}");
            assert!(*done.buffer == bytes(0, 100..60_100), "{how:?}");
            let parts = (0..4).map(|_| AlignedBuf::zeroed(PIECE)).collect();
            let job = Job::read_vectored(&file, parts, 0, |done| done);
            let done = dispatcher.spawn(job.exact()).unwrap().join().unwrap();
            assert_eq!(done.result.unwrap(), LEN, "{how:?}");
            let found = done.buffer.iter().flat_map(|part| part.iter());
            assert!(found.eq(&bytes(0, 0..LEN as u64)), "{how:?}");
        }
    });
}

#[test]
fn what_is_truncated_in_between_ends_there() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let dispatcher = Tended::new(builder().depth(8).workers(2));
        for how in [Direct, DirectUncached, Cached, Uncached] {
            for cut in [0, 1, 5000, 8192] {
                let path = match how {
                    Direct | Cached => disk.file("cut", LEN as u64),
                    _ => disk.uncached("cut", LEN as u64),
                };
                let file = open(&path, how);
                disk.clear();
                disk.rule(Rule::on(Read).times(1).truncating(cut));
                let read = |callback| Job::read(&file, AlignedBuf::zeroed(LEN), 0, callback);
                let done = support::completion_of(&dispatcher.submitter(), |callback| {
                    read(callback).exact()
                });
                let kind = done.result.as_ref().unwrap_err().kind();
                assert_eq!(kind, std::io::ErrorKind::UnexpectedEof, "{how:?}, {cut}");
                assert!(done.data() == bytes(0, 0..cut), "{how:?}, {cut}: {}", done.transferred);
                // From now on the end is known.
                let done = support::completion_of(&dispatcher.submitter(), read);
                assert_eq!(done.result.unwrap() as u64, cut, "{how:?}");
            }
        }
    });
}
