//! Files that go through the page cache never stall who submits: only workers submit their transfers.

mod util;

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use reapool::{AlignedBuf, Dispatcher, FileHandle, Job, Stats};
use util::{
    Gate, HANG, Tended, bad_file, eventfd, known_file, null, open_buffered, open_direct, scratch,
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
        let builder = Dispatcher::builder().depth(16).backlog(16).workers(workers);
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
        assert_eq!(busy.since(), [5, 8, 0, 0]);
        busy.let_go();
        assert_eq!((busy.since(), busy.dispatcher.stats().failed), ([5, 8, 0, 0], 0));
    }
}

#[test]
fn a_caller_submits_no_transfer_of_a_buffered_file() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let (file, busy) = (open_buffered(&path), Busy::new(2));
    for (job, count) in transfers(&file).into_iter().zip(1..) {
        busy.dispatcher.try_submit(job).unwrap();
        assert_eq!(busy.since(), [0, 0, 0, count]);
    }
    busy.dispatcher.try_submit_batch(transfers(&file)).unwrap();
    let [read, write, ..] = transfers(&file);
    busy.dispatcher.submit_timeout(read, HANG).unwrap();
    drop(busy.dispatcher.try_spawn(write).unwrap());
    assert_eq!(busy.since(), [0, 0, 0, 10]);
    busy.let_go();
    let [_, submitted, buffered, parked] = busy.since();
    assert_eq!((submitted, buffered, parked), (10, 10, 0));
    assert_eq!((busy.dispatcher.stats().failed, busy.dispatcher.stats().panics), (0, 0));
}

#[test]
fn a_caller_that_flushes_submits_none_either() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let (file, busy) = (open_buffered(&path), Busy::new(1));
    busy.dispatcher.try_submit_batch(transfers(&file)).unwrap();
    busy.dispatcher.flush().unwrap();
    assert_eq!(busy.since(), [0, 0, 0, 4]);
    busy.let_go();
    assert_eq!(busy.since()[1..], [4, 4, 0]);
}

#[test]
fn a_batch_goes_in_up_to_its_first_buffered_transfer() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let (file, busy) = (open_buffered(&path), Busy::new(1));
    let mixed = transfers(&null()).into_iter().chain(transfers(&file)).chain(transfers(&null()));
    busy.dispatcher.try_submit_batch(mixed).unwrap();
    assert_eq!(busy.since(), [1, 4, 0, 8]);
    busy.let_go();
    assert_eq!(busy.since()[1..], [12, 4, 0]);
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
    let dispatcher = Tended::new(Dispatcher::builder().depth(4).workers(2));
    let (sender, receiver) = mpsc::channel();
    for round in 1..=100 {
        let sender = sender.clone();
        let job = Job::read(open_buffered(&path), vec![0; BLOCK], 0, move |done| {
            sender.send(done.result.unwrap()).unwrap();
        });
        dispatcher.try_submit(job).unwrap();
        assert_eq!(receiver.recv_timeout(HANG).unwrap(), BLOCK);
        assert_eq!(dispatcher.stats().buffered, round);
    }
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
