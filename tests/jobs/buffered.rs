//! Files that go through the page cache stall neither who submits nor a worker: what is cached is
//! read by workers, everything else is done by blocking threads.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use reapool::{AlignedBuf, FileHandle, Job, Stats};

use crate::support::{
    self, Gate, HANG, Tended, bad_file, cache, contents, eventfd, eventually, known_file, null,
    on_threads, open_buffered, open_direct, scratch, skipped,
};

const BLOCK: usize = 4096;

/// A dispatcher with free slots whose every worker waits in a callback, and the counters of then.
struct Busy {
    dispatcher: Tended,
    gate: Gate,
    before: Stats,
}

impl Busy {
    fn new(workers: usize) -> Self {
        let builder = support::builder().depth(16).backlog(16).workers(workers);
        let (dispatcher, gate) = (Tended::new(builder), Gate::default());
        for number in 1..=workers {
            let pass = gate.clone();
            let job = Job::read(null(), Vec::new(), 0, move |_| pass.pass());
            dispatcher.submit_timeout(job, HANG).unwrap();
            gate.wait_for(number);
        }
        let before = dispatcher.stats();
        Self { dispatcher, gate, before }
    }

    /// By how much calls of io_submit, jobs in the kernel's hands, and buffered ones have grown,
    /// and how many jobs wait.
    fn since(&self) -> [u64; 4] {
        let now = self.dispatcher.stats();
        [
            now.submit_calls - self.before.submit_calls,
            now.submitted - self.before.submitted,
            now.buffered - self.before.buffered,
            now.parked as u64,
        ]
    }

    /// By how much reads answered by the page cache, and transfers of blocking threads, have
    /// grown.
    fn done_here(&self) -> (u64, u64) {
        let now = self.dispatcher.stats();
        (now.cached - self.before.cached, now.blocking_transfers - self.before.blocking_transfers)
    }

    fn let_go(&self) {
        self.gate.open();
        self.dispatcher.quiesce();
    }
}

/// One transfer of each kind, with buffers that direct I/O would take too.
fn transfers(file: &FileHandle) -> [Job; 4] {
    let buffer = || AlignedBuf::zeroed(BLOCK);
    [
        Job::read(file, buffer(), 0, |done| assert!(done.result.is_ok())),
        Job::write(file, buffer(), 0, |done| assert!(done.result.is_ok())),
        Job::read_vectored(file, vec![buffer()], 0, |done| assert!(done.result.is_ok())),
        Job::write_vectored(file, vec![buffer()], 0, |done| assert!(done.result.is_ok())),
    ]
}

#[test]
fn a_caller_submits_itself_what_is_asynchronous() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    for file in [Some(null()), open_direct(&path)].into_iter().flatten() {
        let busy = Busy::new(2);
        for (job, count) in transfers(&file).into_iter().zip(1..) {
            busy.dispatcher.try_submit(job).unwrap();
            assert_eq!(busy.since(), [count, count, 0, 0]);
        }
        busy.dispatcher.try_submit_batch(transfers(&file)).unwrap();
        // Two calls for the batch, as the second read does not go in behind the write before it.
        assert_eq!(busy.since(), [6, 8, 0, 0]);
        busy.let_go();
        assert_eq!((busy.since(), busy.dispatcher.stats().failed), ([6, 8, 0, 0], 0));
    }
}

/// A read of each kind, whose data is in the page cache.
fn reads(file: &FileHandle) -> [Job; 2] {
    let [read, _, vectored, _] = transfers(file);
    [read, vectored]
}

#[test]
fn a_caller_reads_nothing_of_a_buffered_file() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let (file, busy) = (open_buffered(&path), Busy::new(2));
    for (job, count) in reads(&file).into_iter().zip(1..) {
        busy.dispatcher.try_submit(job).unwrap();
        assert_eq!(busy.since(), [0, 0, 0, count]);
    }
    busy.dispatcher.try_submit_batch(reads(&file)).unwrap();
    let [read, vectored] = reads(&file);
    busy.dispatcher.submit_timeout(read, HANG).unwrap();
    drop(busy.dispatcher.try_spawn(vectored).unwrap());
    busy.dispatcher.flush().unwrap();
    assert_eq!(busy.since(), [0, 0, 0, 6]);
    busy.let_go();
    assert_eq!(busy.since(), [0, 0, 6, 0]);
    assert_eq!(busy.done_here(), (6, 0));
    assert_eq!((busy.dispatcher.stats().failed, busy.dispatcher.stats().panics), (0, 0));
}

#[test]
fn what_is_written_needs_neither_the_caller_nor_a_worker() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let (file, busy) = (open_buffered(&path), Busy::new(2));
    let [_, write, _, vectored] = transfers(&file);
    busy.dispatcher.try_submit_batch([write, vectored]).unwrap();
    let [submit_calls, submitted, buffered, parked] = busy.since();
    assert_eq!((submit_calls, submitted, buffered, parked), (0, 0, 2, 0));
    eventually("it is written while no worker is free", || busy.done_here() == (0, 2));
    assert_eq!(std::fs::read(&path).unwrap(), [0; BLOCK]);
    busy.let_go();
    assert_eq!((busy.dispatcher.stats().failed, busy.dispatcher.stats().panics), (0, 0));
}

#[test]
fn a_batch_goes_in_up_to_its_first_buffered_read() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let (file, busy) = (open_buffered(&path), Busy::new(1));
    let mixed = transfers(&null()).into_iter().chain(transfers(&file)).chain(transfers(&null()));
    busy.dispatcher.try_submit_batch(mixed).unwrap();
    // Two calls, as the second read does not go in behind the write before it.
    assert_eq!(busy.since(), [2, 4, 0, 8]);
    busy.let_go();
    assert_eq!(busy.since()[1..], [8, 4, 0]);
    // For the engine without AIO they do the others too.
    let others = if on_threads() { 8 } else { 0 };
    assert_eq!(busy.done_here(), (2, 2 + others));
}

#[test]
fn syncs_of_buffered_files_are_asynchronous() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let (file, busy) = (open_buffered(&path), Busy::new(1));
    let check = |result: std::io::Result<usize>| assert!(result.is_ok());
    busy.dispatcher.try_submit(Job::sync_all(&file, move |done| check(done.result))).unwrap();
    busy.dispatcher.try_submit(Job::sync_data(&file, move |done| check(done.result))).unwrap();
    assert_eq!(busy.since(), [2, 2, 0, 0]);
    busy.let_go();
    assert_eq!(busy.dispatcher.stats().panics, 0);
}

#[test]
fn an_idle_worker_comes_for_a_buffered_file() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let dispatcher = Tended::new(support::builder().depth(4).workers(2));
    let (sender, receiver) = mpsc::channel();
    for round in 1..=100 {
        let sender = sender.clone();
        let job = Job::read(open_buffered(&path), vec![0; BLOCK], 0, move |done| {
            sender.send(done.result.unwrap()).unwrap();
        });
        dispatcher.try_submit(job).unwrap();
        assert_eq!(receiver.recv_timeout(HANG).unwrap(), BLOCK);
        let stats = dispatcher.stats();
        assert_eq!((stats.buffered, stats.cached), (round, round));
        assert_eq!((stats.blocking_threads, stats.submit_calls), (0, 0), "it was in the cache");
    }
}

/// How often is tried what a fast device may undo before it shows. Once is mostly enough, but under
/// memcheck one try in nine is in time.
const TRIES: u64 = 1000;

/// Reads a file of known contents, prepared anew by `prepare` each time, in one piece or in three,
/// until a blocking thread was needed.
fn needs_a_thread(length: usize, prepare: impl Fn(&Path) -> bool) {
    let directory = scratch();
    let path = known_file(directory.path(), "known", length as u64);
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    for pieces in [1, 3] {
        let before = dispatcher.stats();
        for _ in 0..TRIES {
            if !prepare(&path) {
                return skipped(&format!("the page cache keeps or gets what it likes of {path:?}"));
            }
            let buffers = (0..pieces).map(|_| vec![0; length / pieces]).collect();
            let job = match pieces {
                1 => Job::read(open_buffered(&path), vec![0; length], 0, |done| {
                    (done.result, vec![done.buffer])
                }),
                _ => Job::read_vectored(open_buffered(&path), buffers, 0, |done| {
                    (done.result, done.buffer)
                }),
            };
            let (result, buffers) = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
            assert_eq!(result.unwrap(), length);
            assert!(buffers.concat() == contents(0..length as u64), "other data");
            let stats = dispatcher.stats();
            assert_eq!(stats.cached + stats.blocking_transfers, stats.buffered);
            if stats.blocking_transfers > before.blocking_transfers {
                break;
            }
        }
        let now = dispatcher.stats();
        assert_eq!(now.blocking_transfers, before.blocking_transfers + 1, "of {now:?}");
        assert_eq!(now.submit_calls, 0);
    }
}

#[test]
fn what_is_not_cached_is_read_by_a_thread_for_what_blocks() {
    needs_a_thread(96 * BLOCK, cache::evict);
}

#[test]
fn what_is_cached_in_part_is_read_in_two_parts() {
    let half = |path: &Path| cache::evict(path) && cache::bring(path, 48 * BLOCK);
    needs_a_thread(96 * BLOCK, half);
}

#[test]
fn a_read_that_comes_to_the_end_of_a_cached_file_needs_no_thread() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 100);
    if !cache::reads_without_waiting(&path) {
        return;
    }
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let read = |offset, length| {
        let job = Job::read(open_buffered(&path), vec![0; length], offset, |done| done.buffer);
        dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap()
    };
    assert_eq!(read(0, 4096), contents(0..100));
    assert_eq!(read(90, 20), contents(90..100));
    assert_eq!(read(100, 20), []);
    assert_eq!(read(10, 0), []);
    dispatcher.quiesce();
    let stats = dispatcher.stats();
    assert_eq!((stats.cached, stats.blocking_transfers, stats.short), (4, 0, 3));
}

#[test]
fn what_cannot_be_asked_not_to_wait_is_read_by_a_thread() {
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let expected = std::fs::read("/proc/version").unwrap();
    let file = FileHandle::from(File::open("/proc/version").unwrap());
    assert!(file.is_buffered());
    for round in 1..=3 {
        let job = Job::read(&file, vec![0; 4096], 0, |done| done.buffer);
        assert_eq!(dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap(), expected);
        let stats = dispatcher.stats();
        assert_eq!((stats.cached, stats.blocking_transfers), (0, round));
    }
}

#[test]
fn a_read_that_waits_keeps_no_worker() {
    // It has a size and an offset like a file, and who reads it waits for the kernel to say more.
    let (log, said) = ("/proc/kmsg", OpenOptions::new().write(true).open("/dev/kmsg"));
    let (Ok(file), Ok(said)) = (File::open(log), said) else {
        return skipped("reads of /proc/kmsg, which is the super-user's");
    };
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let file = FileHandle::from(file);
    let word = format!("reapool-{}", std::process::id());
    let (sender, heard) = mpsc::channel();
    let listen = || {
        let sender = sender.clone();
        let job = Job::read(&file, vec![0; 1 << 16], 0, move |done| {
            sender.send(String::from_utf8_lossy(done.data()).into_owned()).unwrap();
        });
        dispatcher.submit(job).unwrap();
    };
    // Some of what was said before may be there, and be enough for some reads.
    let mut reads = 1;
    listen();
    eventually("a read waits", || {
        while heard.try_recv().is_ok() {
            reads += 1;
            listen();
        }
        let nop = dispatcher.spawn(Job::nop(|| 5)).unwrap();
        assert_eq!(nop.join_timeout(HANG).unwrap(), 5, "the worker is free");
        // One that a thread has just been done with counts, too. What it brought is heard below.
        dispatcher.stats().blocking == 1
    });
    (&said).write_all(format!("<7>{word}\n").as_bytes()).unwrap();
    while !heard.recv_timeout(HANG).unwrap().contains(&word) {
        reads += 1;
        listen();
    }
    dispatcher.quiesce();
    let stats = dispatcher.stats();
    assert_eq!((stats.blocking_transfers, stats.cached), (reads, 0));
}

#[test]
fn what_the_kernel_says_of_a_buffered_file_reaches_the_callback() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let read_only = FileHandle::open_buffered(&path).unwrap();
    let write_only = FileHandle::options().append(true).open(&path).unwrap();
    let both = open_buffered(&path);
    let buffer = || vec![7; 10];
    let refused: [(Job<_>, _); 5] = [
        (Job::read(&write_only, buffer(), 0, |done| done.result), libc::EBADF),
        (Job::write(&read_only, buffer(), 0, |done| done.result), libc::EBADF),
        (Job::read(&both, buffer(), 1 << 63, |done| done.result), libc::EINVAL),
        (Job::write(&both, buffer(), u64::MAX, |done| done.result), libc::EINVAL),
        (Job::read_vectored(&both, vec![buffer(); 1025], 0, |done| done.result), libc::EINVAL),
    ];
    for (job, errno) in refused {
        let result = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
        assert_eq!(result.unwrap_err().raw_os_error(), Some(errno));
    }
    assert_eq!(cache::resident(&path), 1);
    let append = Job::write(&write_only, buffer(), 0, |done| done.result);
    let result = dispatcher.spawn(append).unwrap().join_timeout(HANG).unwrap();
    assert_eq!(result.unwrap(), 10);
    let mut expected = contents(0..BLOCK as u64);
    expected.extend(buffer());
    assert_eq!(std::fs::read(&path).unwrap(), expected, "appended, whatever the offset");
}

fn open_block_device(name: &Path, flags: libc::c_int) -> Option<FileHandle> {
    let file =
        OpenOptions::new().read(true).custom_flags(flags | libc::O_NONBLOCK).open(name).ok()?;
    Some(FileHandle::from(file))
}

#[test]
fn a_handle_knows_what_goes_through_the_page_cache() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let kind = |file: &FileHandle| (file.is_direct(), file.is_buffered());
    let (direct, buffered, neither) = ((true, false), (false, true), (false, false));

    if let Some(file) = open_direct(&path) {
        assert_eq!(kind(&file), direct);
        assert_eq!(kind(&FileHandle::open_direct(&path).unwrap()), direct);
        assert_eq!(kind(&file.clone()), direct);
    }
    assert_eq!(kind(&open_buffered(&path)), buffered);
    assert_eq!(kind(&FileHandle::from(Arc::new(File::open(&path).unwrap()))), buffered);
    let (reader, writer) = std::io::pipe().unwrap();
    let (socket, _peer) = UnixStream::pair().unwrap();
    for file in [
        null(),
        bad_file(),
        FileHandle::from(&eventfd()),
        FileHandle::from(OwnedFd::from(reader)),
        FileHandle::from(OwnedFd::from(writer)),
        FileHandle::from(Arc::new(socket)),
        FileHandle::from(File::open(directory.path()).unwrap()),
    ] {
        assert_eq!(kind(&file), neither, "{file:?}");
    }
    // A block device's page cache is like a file's; where there is none to open, so be it.
    let devices = std::fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
    for device in devices.map(|entry| Path::new("/dev").join(entry.file_name())).take(4) {
        for (flags, expected) in [(0, buffered), (libc::O_DIRECT, direct)] {
            if let Some(file) = open_block_device(&device, flags) {
                assert_eq!(kind(&file), expected, "{}", device.display());
            }
        }
    }
}
