//! Jobs of a scope borrow buffers, files and whatever their callbacks refer to, and callbacks
//! submit to it. How scopes end is in `ending`, what they refuse in `refusal`.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use reapool::{
    AlignedBuf, BorrowedFile, Completion, FileHandle, Job, Operation, PollEvents, Scope, ScopedJob,
};

use crate::support::{
    self, Tended, byte_at, contents, eventfd, known_file, make_readable, null, open_buffered,
    open_direct, scale, scratch, watched,
};

const BLOCK: usize = 4096;
const BLOCKS: usize = 64;
const SIZE: u64 = (BLOCK * BLOCKS) as u64;

/// Fills the parts of one buffer, and has each callback look at its part and count.
fn fill(file: &FileHandle, buffer: &mut [u8]) {
    let dispatcher = Tended::new(support::builder().depth(8).backlog(4).workers(3));
    let (bytes, right) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let ended = dispatcher.scope(|scope| {
        for (number, part) in buffer.chunks_mut(BLOCK).enumerate() {
            let offset = (number * BLOCK) as u64;
            let (bytes, right) = (&bytes, &right);
            let look = move |done: Completion<&mut [u8], BorrowedFile<'_>>| {
                bytes.fetch_add(done.result.unwrap() as u64, Ordering::Relaxed);
                let same = done.buffer.iter().zip(offset..).all(|(&is, at)| is == byte_at(at));
                right.lock().unwrap().push(same);
            };
            scope.submit(ScopedJob::read(file, part, offset, look)).unwrap();
        }
        "what the body returns"
    });
    assert_eq!(ended, Ok("what the body returns"));
    assert_eq!(bytes.into_inner(), SIZE);
    assert_eq!(right.into_inner().unwrap(), [true; BLOCKS]);
}

#[test]
fn the_parts_of_one_buffer_are_filled() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "known", SIZE);
        let mut heap = vec![0; BLOCK * BLOCKS];
        fill(&open_buffered(&path), &mut heap);
        assert!(heap == contents(0..SIZE));

        let Some(direct) = open_direct(&path) else { return };
        let mut aligned = AlignedBuf::zeroed(BLOCK * BLOCKS);
        fill(&direct, &mut aligned);
        assert!(*aligned == contents(0..SIZE));
    });
}

#[test]
fn arrays_and_text_are_borrowed_as_they_are() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "known", 100);
        let (dispatcher, file) = (Tended::new(support::builder()), open_buffered(&path));
        let (mut array, bytes, text) = ([0; 10], *b"array", String::from("text"));
        let read = ScopedJob::read(&file, &mut array, 7, |done| assert!(done.result.is_ok()));
        dispatcher.scope(|scope| scope.submit(read).unwrap()).unwrap();
        assert_eq!(array[..], contents(7..17));
        let fits = |result: std::io::Result<usize>, len| assert_eq!(result.unwrap(), len);
        let writes = [
            ScopedJob::write(&file, &bytes, 20, move |done| fits(done.result, 5)),
            ScopedJob::write(&file, &*text, 30, move |done| fits(done.result, 4)),
            ScopedJob::write(&file, &mut array, 40, move |done| fits(done.result, 10)),
        ];
        dispatcher.scope(|scope| scope.submit_batch(writes).unwrap()).unwrap();
        let written = fs::read(&path).unwrap();
        assert_eq!((&written[20..25], &written[30..34]), (&bytes[..], text.as_bytes()));
        assert_eq!(written[40..50], contents(7..17));
    });
}

#[test]
fn files_are_borrowed_whatever_owns_them() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "known", 100);
        let dispatcher = Tended::new(support::builder());
        let (file, handle) = (File::open(&path).unwrap(), open_buffered(&path));
        let owned = OwnedFd::from(File::open(&path).unwrap());
        let mut buffers = [[0; 10]; 6];
        let [a, b, c, d, e, f] = &mut buffers;
        let fits = |done: Completion<&mut [u8], BorrowedFile<'_>>| {
            let at = done.offset;
            assert_eq!(done.into_success().unwrap().1, contents(at..at + 10));
        };
        dispatcher
            .scope(|scope| {
                let shared = BorrowedFile::new(&file);
                assert_eq!((shared.is_direct(), shared.alignment()), (false, handle.alignment()));
                let jobs = [
                    ScopedJob::read(&file, &mut a[..], 0, fits),
                    ScopedJob::read(&owned, &mut b[..], 10, fits),
                    ScopedJob::read(file.as_fd(), &mut c[..], 20, fits),
                    ScopedJob::read(&handle, &mut d[..], 30, fits),
                    ScopedJob::read(&shared, &mut e[..], 40, fits),
                    // The callback gets it back, for the next job.
                    ScopedJob::read(shared, &mut f[..], 40, |done| {
                        scope.submit(ScopedJob::read(done.file, done.buffer, 50, fits)).unwrap();
                    }),
                ];
                jobs.into_iter().for_each(|job| scope.submit(job).unwrap());
            })
            .unwrap();
        assert_eq!(buffers.concat(), contents(0..60));
        dispatcher.quiesce();
        assert_eq!(dispatcher.stats().failed, 0);
    });
}

#[test]
fn borrowed_bytes_are_written() {
    watched(|| {
        let directory = scratch();
        let path = directory.path().join("written");
        let file = File::create(&path).unwrap();
        let dispatcher = Tended::new(support::builder().depth(4));
        let bytes = contents(0..SIZE);
        let mut changed = *b"this was changed";
        changed[0] = b'T';
        dispatcher
            .scope(|scope| {
                for (number, part) in bytes.chunks(BLOCK).enumerate() {
                    let at = (number * BLOCK) as u64;
                    let job = ScopedJob::write(&file, part, at, |done| {
                        assert_eq!(done.into_success().unwrap().0, BLOCK);
                    });
                    scope.submit(job.exact()).unwrap();
                }
                let pair = vec![&changed[..4], &changed[4..]];
                let job = ScopedJob::write_vectored(&file, pair, SIZE, |done| {
                    assert_eq!(done.into_success().unwrap().0, changed.len());
                    scope.submit(ScopedJob::sync_data(&file, |_| ())).unwrap();
                    scope.submit(ScopedJob::sync_all(&file, |_| ())).unwrap();
                });
                scope.submit(job).unwrap();
            })
            .unwrap();
        let written = fs::read(&path).unwrap();
        assert!(written[..SIZE as usize] == bytes[..] && written[SIZE as usize..] == changed);
        dispatcher.quiesce();
        assert_eq!(dispatcher.stats().failed, 0);
    });
}

#[test]
fn every_kind_of_job_may_borrow() {
    watched(|| {
        let directory = scratch();
        let file = open_buffered(&known_file(directory.path(), "known", SIZE));
        let dispatcher = Tended::new(support::builder().depth(4));
        let (mut head, mut tail) = ([0; 30], [0; 30]);
        let (mut limited, mut ranged, mut short) = ([0xee; 10], [0; 64], [0xee; 20]);
        let (event, name) = (eventfd(), String::from("borrowed"));
        let ends = AtomicUsize::new(0);
        let end = || {
            ends.fetch_add(1, Ordering::Relaxed);
        };
        dispatcher
            .scope(|scope| {
                let each = vec![&mut head[..], &mut tail[..]];
                let jobs = [
                    ScopedJob::read_vectored(&file, each, 5, |_| end()),
                    ScopedJob::read(&file, &mut limited[..], 7, |_| end()).limit(4),
                    ScopedJob::read_range(&file, &mut ranged[..], 70, 3, |done| {
                        assert_eq!(done.data(), contents(70..73));
                        end();
                    }),
                    ScopedJob::read(&file, &mut short[..], SIZE - 8, |done| {
                        assert_eq!(done.transferred, 8);
                        assert!(done.result.is_err());
                        end();
                    })
                    .exact(),
                    ScopedJob::poll(&*event, PollEvents::READABLE, |_| end()),
                    ScopedJob::blocking(
                        || fs::metadata("Cargo.toml").map(|_| &name),
                        |name| {
                            assert_eq!(name.unwrap(), "borrowed");
                            end();
                        },
                    ),
                    // Owned, all of it.
                    ScopedJob::from(Job::read(&file, vec![0; 9], 0, |_| ())),
                ];
                assert_eq!(jobs[1].operation(), Operation::Read);
                assert_eq!((jobs[1].offset(), jobs[1].requested()), (7, 4));
                jobs.into_iter().for_each(|job| scope.submit(job).unwrap());
                make_readable(&event);
            })
            .unwrap();
        assert_eq!([head, tail].concat(), contents(5..65));
        assert_eq!(limited[..4], contents(7..11));
        assert_eq!(limited[4..], [0xee; 6]);
        assert_eq!(short[..8], contents(SIZE - 8..SIZE));
        assert_eq!(ends.into_inner(), 6);
    });
}

fn chain<'scope>(
    scope: &'scope Scope<'scope, '_>,
    null: &'scope FileHandle,
    left: usize,
    ran: &'scope AtomicUsize,
    buffer: &'scope mut [u8],
) {
    let job = ScopedJob::read(null, buffer, 0, move |done| {
        ran.fetch_add(1, Ordering::Relaxed);
        done.buffer[left % 8] ^= 1;
        if left > 1 {
            chain(scope, null, left - 1, ran, done.buffer);
        }
    });
    scope.submit(job).unwrap();
}

#[test]
fn callbacks_go_on_in_their_scope() {
    watched(|| {
        const CHAINS: usize = 16;
        let length = 8000 / scale();
        let dispatcher = Tended::new(support::builder().depth(4).workers(2));
        let (null, ran) = (null(), AtomicUsize::new(0));
        let mut buffers = [[0; 8]; CHAINS];
        dispatcher
            .scope(|scope| {
                for buffer in &mut buffers {
                    chain(scope, &null, length, &ran, buffer);
                }
            })
            .unwrap();
        assert_eq!(ran.into_inner(), CHAINS * length);
        let flips = (length / 8 % 2) as u8;
        assert_eq!(buffers, [[flips; 8]; CHAINS]);
    });
}

#[test]
fn a_batch_is_larger_than_all_bounds() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(2).backlog(3).workers(2));
        let mut counts = vec![0_u32; 500];
        dispatcher
            .scope(|scope| {
                let each = counts.iter_mut().map(|count| ScopedJob::nop(move || *count += 1));
                scope.submit_batch(each).unwrap();
            })
            .unwrap();
        assert!(counts.iter().all(|&count| count == 1));
    });
}

#[test]
fn values_may_borrow() {
    watched(|| {
        let directory = scratch();
        let file = open_buffered(&known_file(directory.path(), "known", SIZE));
        let dispatcher = Tended::new(support::builder().depth(4));
        let mut buffer = vec![0; BLOCK * BLOCKS];
        let parts = dispatcher
            .scope(|scope| {
                let spawn = |(number, part)| {
                    let offset = (number * BLOCK) as u64;
                    let job = ScopedJob::read(&file, part, offset, |done| done.buffer);
                    scope.spawn(job).unwrap()
                };
                let handles: Vec<_> = buffer.chunks_mut(BLOCK).enumerate().map(spawn).collect();
                // They live as long as the buffer, as do the values, so they may leave the scope.
                handles
            })
            .unwrap();
        assert!(parts.iter().all(|handle| handle.is_finished()));
        for (number, handle) in parts.into_iter().enumerate() {
            let from = (number * BLOCK) as u64;
            assert!(*handle.join().unwrap() == contents(from..from + BLOCK as u64));
        }
    });
}

#[test]
fn scopes_share_a_dispatcher() {
    watched(|| {
        const THREADS: usize = 4;
        let each = 400 / scale();
        let dispatcher = Tended::new(support::builder().depth(8).backlog(0).workers(2));
        let submitter = dispatcher.submitter();
        let total = AtomicUsize::new(0);
        let rounds = || {
            for round in 0..each {
                let mut counts = [0; 5];
                let inner = AtomicUsize::new(0);
                submitter
                    .scope(|outer| {
                        for count in &mut counts {
                            outer.submit(ScopedJob::nop(move || *count += round)).unwrap();
                        }
                        // One in the other, which waits for less.
                        let sum = submitter.scope(|scope| {
                            let one = || {
                                inner.fetch_add(1, Ordering::Relaxed);
                            };
                            scope.submit_batch([(); 3].map(|()| ScopedJob::nop(one))).unwrap();
                        });
                        assert_eq!(sum, Ok(()));
                        assert_eq!(inner.load(Ordering::Relaxed), 3);
                    })
                    .unwrap();
                assert_eq!(counts, [round; 5]);
                total.fetch_add(1, Ordering::Relaxed);
            }
        };
        thread::scope(|threads| (0..THREADS).for_each(|_| drop(threads.spawn(rounds))));
        assert_eq!(total.into_inner(), THREADS * each);
    });
}
