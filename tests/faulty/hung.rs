//! A file system that doesn't answer: only what waits for it waits, nothing of it is freed, and
//! when it answers, or is gone, all ends as it would have.
//!
//! | while a request hangs | outcome |
//! |---|---|
//! | other jobs | have their callbacks |
//! | `drain_timeout`, `shutdown_timeout`, `join_timeout` | say so, and what is outstanding |
//! | a handle or a future is dropped | the job goes on, and keeps its buffer |
//! | a scope | waits |
//! | jobs behind it, without a slot | can be withdrawn, and are given up in time |
//! | the connection breaks | every job ends with the error, and has its buffer back |

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use reapool::{
    AlignedBuf, Cancel, Dispatcher, DrainError, FileHandle, IoWay, Job, JobHandle, Refusal,
    ScopedJob, ShutdownError,
};

use crate::disk::{Faulty, Hold, Op, Rule};
use crate::support::event_loop::TendedLoop;
use crate::support::{Drops, HANG, Tended, builder, contents, eventually, watched};

const BLOCK: usize = 4096;
/// Short, for waits that have to end without what they wait for.
const BRIEFLY: Duration = Duration::from_millis(20);

/// A file system on which reads of "hung" are held, both ways to open that, and a good one.
struct Scene {
    disk: Faulty,
    hold: Hold,
    hung: [FileHandle; 2],
    fine: [FileHandle; 2],
}

impl Scene {
    fn new() -> Option<Self> {
        let disk = Faulty::mount()?;
        let hold = disk.hold();
        disk.rule(Rule::on(Op::Read).of("hung").held(&hold));
        let both = |name| {
            let path = disk.file(name, 16 * BLOCK as u64);
            [IoWay::Direct, IoWay::Buffered].map(|way| {
                FileHandle::options().read(true).write(true).way(way).open(&path).unwrap()
            })
        };
        let (hung, fine) = (both("hung"), both("fine"));
        Some(Self { disk, hold, hung, fine })
    }
}

/// A read of the first block, whose callback returns whether it is what it should be.
fn read(file: &FileHandle) -> Job<bool> {
    Job::read(file, AlignedBuf::zeroed(BLOCK), 0, |done| {
        done.result.is_ok_and(|count| count == BLOCK) && *done.buffer == contents(0..BLOCK as u64)
    })
}

fn joined(handle: JobHandle<bool>) -> bool {
    handle.join_timeout(HANG).unwrap()
}

#[test]
fn others_have_their_callbacks() {
    watched(|| {
        let Some(scene) = Scene::new() else { return };
        let threads = builder().depth(16).workers(2).blocking_threads(4);
        let dispatcher = Tended::new(threads);
        let hung = scene.hung.each_ref().map(|file| dispatcher.spawn(read(file)).unwrap());
        scene.hold.wait_for(2);
        for _ in 0..20 {
            let others = scene.fine.each_ref().map(|file| dispatcher.spawn(read(file)).unwrap());
            assert_eq!(others.map(joined), [true; 2]);
        }
        assert!(hung.iter().all(|handle| !handle.is_finished()));
        eventually("the others are over", || dispatcher.stats().outstanding == 2);
        scene.hold.release();
        assert_eq!(hung.map(joined), [true; 2]);
        dispatcher.quiesce();
        assert_eq!(dispatcher.stats().accepted, dispatcher.stats().finished);
    });
}

#[test]
fn an_event_loop_goes_on() {
    watched(|| {
        let Some(scene) = Scene::new() else { return };
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(16).blocking_threads(4));
        let hung = scene.hung.each_ref().map(|file| jobs.try_spawn(read(file)).unwrap());
        // The buffered one is begun in a turn.
        while jobs.run(usize::MAX).unwrap() > 0 {}
        scene.hold.wait_for(2);
        let mut fine: Vec<_> = scene
            .fine
            .iter()
            .cycle()
            .take(10)
            .map(|file| jobs.try_spawn(read(file)).unwrap())
            .collect();
        while !fine.iter().all(JobHandle::is_finished) {
            jobs.turn(usize::MAX);
        }
        assert!(fine.drain(..).all(joined));
        assert!(hung.iter().all(|handle| !handle.is_finished()));
        assert_eq!(jobs.drain_timeout(BRIEFLY), Err(DrainError::TimedOut));
        scene.hold.release();
        jobs.quiesce();
        assert_eq!(hung.map(joined), [true; 2]);
    });
}

#[test]
fn waits_end_in_time_and_what_hangs_ends_later() {
    for place in 0..2 {
        watched(move || {
            let Some(scene) = Scene::new() else { return };
            let (drops, file) = (Drops::default(), &scene.hung[place]);
            let dispatcher = builder().depth(8).workers(1).build().unwrap();
            let (submitter, (sender, ended)) = (dispatcher.submitter(), mpsc::channel());
            let buffer = drops.buffer(AlignedBuf::zeroed(BLOCK));
            let job = Job::read(file, buffer, 0, move |done| {
                sender.send((done.result.unwrap(), done.buffer.inner.to_vec())).unwrap();
            });
            dispatcher.submit(job).unwrap();
            scene.hold.wait_for(1);
            assert_eq!(dispatcher.drain_timeout(BRIEFLY), Err(DrainError::TimedOut));
            let Err(ShutdownError::TimedOut(stats)) = dispatcher.shutdown_timeout(BRIEFLY) else {
                panic!("it can't be over");
            };
            assert_eq!((stats.outstanding, stats.accepted, stats.finished), (1, 1, 0));
            assert_eq!(stats.in_flight + stats.blocking, 1, "{stats:?}");
            let refused = submitter.submit(Job::nop(|| ())).unwrap_err();
            assert_eq!(refused.kind(), Refusal::ShutDown);
            assert_eq!(drops.count(), 0, "the kernel may still write into it");
            scene.hold.release();
            assert_eq!(ended.recv_timeout(HANG).unwrap(), (BLOCK, contents(0..BLOCK as u64)));
            eventually("the job is over", || submitter.stats().finished == 1);
            assert_eq!(drops.count(), 1);
        });
    }
}

#[test]
fn what_is_dropped_meanwhile_keeps_its_buffer() {
    watched(|| {
        let Some(scene) = Scene::new() else { return };
        let dispatcher = Tended::new(builder().depth(8).workers(1));
        let drops = Drops::default();
        for file in &scene.hung {
            let buffer = drops.buffer(AlignedBuf::zeroed(BLOCK));
            let handle = dispatcher.spawn(Job::read(file, buffer, 0, |done| done.buffer)).unwrap();
            let late = handle.join_timeout(BRIEFLY).unwrap_err().into_handle().unwrap();
            // From another thread, which does not wait for it.
            thread::spawn(move || drop(late)).join().unwrap();
        }
        scene.hold.wait_for(2);
        assert_eq!((drops.count(), dispatcher.stats().outstanding), (0, 2));
        scene.hold.release();
        dispatcher.quiesce();
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn a_scope_waits_for_its_release_from_elsewhere() {
    watched(|| {
        let Some(scene) = Scene::new() else { return };
        let dispatcher = Tended::new(builder().depth(8).workers(1));
        let mut buffers = [AlignedBuf::zeroed(BLOCK), AlignedBuf::zeroed(BLOCK)];
        let hold = scene.hold.clone();
        let (sender, ended) = mpsc::channel();
        let releaser = thread::spawn(move || {
            hold.wait_for(2);
            assert!(ended.try_recv().is_err(), "the kernel has the buffers");
            hold.release();
            ended.recv_timeout(HANG).unwrap();
        });
        let waited = dispatcher.scope(|scope| {
            for (file, buffer) in scene.hung.iter().zip(&mut buffers) {
                let job = ScopedJob::read(file, &mut buffer[..], 0, |done| {
                    assert_eq!(done.result.unwrap(), BLOCK);
                });
                scope.submit(job).unwrap();
            }
        });
        sender.send(()).unwrap();
        assert_eq!(waited, Ok(()));
        releaser.join().unwrap();
        assert!(buffers.iter().all(|buffer| **buffer == contents(0..BLOCK as u64)));
    });
}

#[test]
fn what_waits_for_a_slot_need_not_wait_for_the_file_system() {
    watched(|| {
        let Some(scene) = Scene::new() else { return };
        let dispatcher = Tended::new(builder().depth(1).backlog(2).workers(1));
        let hung = dispatcher.spawn(read(&scene.hung[0])).unwrap();
        scene.hold.wait_for(1);
        assert_eq!(hung.cancel(), Cancel::TooLate);
        let errno = |file: &FileHandle| {
            Job::read(file, AlignedBuf::zeroed(BLOCK), 0, |done| {
                done.result.unwrap_err().raw_os_error().unwrap()
            })
        };
        let withdrawn = dispatcher.spawn(errno(&scene.fine[0])).unwrap();
        let late = dispatcher.spawn(errno(&scene.fine[0]).start_within(BRIEFLY)).unwrap();
        let full = dispatcher.try_submit(Job::nop(|| ())).unwrap_err();
        assert_eq!(full.kind(), Refusal::Full);
        assert_eq!(withdrawn.cancel(), Cancel::Cancelled);
        assert_eq!(withdrawn.join_timeout(HANG).unwrap(), libc::ECANCELED);
        assert_eq!(late.join_timeout(HANG).unwrap(), libc::ETIMEDOUT);
        assert!(!hung.is_finished());
        scene.hold.release();
        assert!(joined(hung));
    });
}

#[test]
fn what_keeps_its_submitter_in_the_kernel_keeps_nobody_else() {
    watched(|| {
        let Some(scene) = Scene::new() else { return };
        let dispatcher = Tended::new(builder().depth(16).workers(2));
        // While it is longer than the kernel thinks, or being synced, other writes wait for the
        // lock of the inode, and in io_submit(2) at that.
        for (op, end) in [(Op::Write, 16 * BLOCK as u64), (Op::Sync, 0)] {
            let hold = scene.disk.hold();
            scene.disk.clear();
            scene.disk.rule(Rule::on(op).of("hung").held(&hold));
            let write = |offset| {
                let buffer = AlignedBuf::zeroed(BLOCK);
                Job::write(&scene.hung[0], buffer, offset, |done| done.result.unwrap() == BLOCK)
            };
            let first = match op {
                Op::Write => write(end),
                _ => Job::sync_all(&scene.hung[0], |done| done.result.unwrap() == 0),
            };
            let submit = |job| {
                let submitter = dispatcher.submitter();
                thread::spawn(move || joined(submitter.spawn(job).unwrap()))
            };
            let stuck = submit(first);
            hold.wait_for(1);
            let behind = submit(write(0));
            for _ in 0..5 {
                let others =
                    scene.fine.each_ref().map(|file| dispatcher.spawn(read(file)).unwrap());
                assert_eq!(others.map(joined), [true; 2]);
            }
            assert!(!stuck.is_finished() && !behind.is_finished());
            hold.release();
            assert!(stuck.join().unwrap() && behind.join().unwrap(), "{op:?}");
        }
        dispatcher.quiesce();
        assert_eq!(dispatcher.stats().accepted, dispatcher.stats().finished);
    });
}

/// Has reads, writes and a sync hang, breaks the connection, and lets all of it end.
fn break_connection(scene: &Scene, submit: &mut dyn FnMut(Job), finish: &mut dyn FnMut()) {
    scene.disk.rule(Rule::on(Op::Write).of("hung").held(&scene.hold));
    scene.disk.rule(Rule::on(Op::Sync).of("fine").held(&scene.hold));
    let (sender, ended) = mpsc::channel();
    let answer = move |result: std::io::Result<usize>, len: usize| {
        sender.send((result.unwrap_err().raw_os_error().unwrap(), len)).unwrap();
    };
    for file in &scene.hung {
        for offset in [0, BLOCK as u64] {
            let (read, write) = (answer.clone(), answer.clone());
            let (buffer, other) = (AlignedBuf::zeroed(BLOCK), AlignedBuf::zeroed(BLOCK));
            submit(Job::read(file, buffer, offset, move |done| {
                read(done.result, done.buffer.capacity());
            }));
            // Elsewhere: what a write has put into the page cache could be read before it is over.
            submit(Job::write(file, other, offset + 8 * BLOCK as u64, move |done| {
                write(done.result, done.buffer.len());
            }));
        }
    }
    submit(Job::sync_data(&scene.fine[0], move |done| answer(done.result, BLOCK)));
    scene.hold.wait_for(1);
    scene.disk.abort();
    finish();
    let broken: Vec<_> = ended.try_iter().collect();
    assert_eq!(broken.len(), 9);
    for (errno, len) in broken {
        // Under way when it broke, or not yet.
        assert!([libc::ECONNABORTED, libc::ENOTCONN, libc::EIO].contains(&errno), "{errno}");
        assert_eq!(len, BLOCK, "the buffer is back");
    }
}

#[test]
fn a_broken_connection_ends_every_job() {
    watched(|| {
        let Some(scene) = Scene::new() else { return };
        let dispatcher = Tended::new(builder().depth(16).workers(2).blocking_threads(16));
        break_connection(&scene, &mut |job| dispatcher.submit(job).unwrap(), &mut || {
            dispatcher.quiesce();
        });
        let stats = dispatcher.stats();
        assert_eq!((stats.accepted, stats.finished, stats.failed), (9, 9, 9));
        // And what comes later.
        let late = Job::read(&scene.fine[0], AlignedBuf::zeroed(BLOCK), 0, |done| {
            done.result.unwrap_err().raw_os_error()
        });
        let late = dispatcher.spawn(late).unwrap().join().unwrap();
        assert_eq!(late, Some(libc::ENOTCONN));
    });
}

#[test]
fn a_broken_connection_ends_every_job_of_an_event_loop() {
    watched(|| {
        let Some(scene) = Scene::new() else { return };
        let jobs = std::cell::RefCell::new(TendedLoop::new(
            Dispatcher::builder().depth(16).blocking_threads(16),
        ));
        break_connection(&scene, &mut |job| jobs.borrow().try_submit(job).unwrap(), &mut || {
            jobs.borrow_mut().quiesce();
        });
        let stats = jobs.borrow().stats();
        assert_eq!((stats.accepted, stats.finished, stats.failed), (9, 9, 9));
    });
}
