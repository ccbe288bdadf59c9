//! What a file system gets by answering with lies: a size that is none, more bytes than were asked
//! for, fewer, or no end of them.

use std::ops::ControlFlow;

use reapool::{AlignedBuf, BufferPool, FileErrorKind, FileHandle, Job, Policy, WholeFile};

use crate::liar::{Liar, Node};
use crate::support::files::{POLICIES, assert_same, copied, dispatcher, gathered, modest, only};
use crate::support::{self, HANG, eventually, watched};

const LEN: usize = 10_000;

/// Says that it has so many bytes, and has [`LEN`].
fn of_size(size: u64) -> Node {
    Node { size, ..Node::honest(&support::contents(0..LEN as u64)) }
}

/// Has no end.
fn endless(size: u64) -> Node {
    Node { size, end: u64::MAX, ..Node::honest(&support::contents(0..251)) }
}

#[test]
fn what_a_size_says_is_not_believed() {
    let largest = i64::MAX as u64;
    let nodes = [
        ("nothing", of_size(0)),
        ("less", of_size(1)),
        ("more", of_size(100_000)),
        ("exabytes", of_size(largest - 4096)),
        ("the most there is", of_size(largest)),
    ];
    let said = nodes.clone().map(|(name, node)| (name, node.size));
    let Some(liar) = Liar::mount(nodes) else { return };
    let dispatcher = dispatcher(2);
    let expected = support::contents(0..LEN as u64);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        for (name, said) in said {
            let streamed = only(gathered(&files, [liar.path(name)])).unwrap();
            // Past the page cache the kernel itself reads no farther than the size says.
            let len = streamed.value.len();
            assert!(len == LEN || said < LEN as u64 && policy != Policy::Buffered, "{name}: {len}");
            assert_same(&format!("{name}, {policy:?}"), &streamed.value, &expected[..len]);
            match only(copied(&files, [liar.path(name)])) {
                // One long read may get more of it than several short ones.
                Ok(whole) => {
                    let all = if whole.value.len() == LEN { LEN } else { len };
                    assert_same(name, &whole.value, &expected[..all]);
                }
                // No memory is taken for what is larger than allowed.
                Err(error) => {
                    assert!(name.starts_with("exa") || name.starts_with("the most"), "{name}");
                    assert_eq!(error.kind(), FileErrorKind::TooLarge, "{error}");
                }
            }
        }
    }
}

#[test]
fn a_size_that_no_file_can_have_is_refused_by_the_kernel() {
    let Some(liar) = Liar::mount([("impossible", of_size(1 << 63))]) else { return };
    let dispatcher = dispatcher(1);
    let files = modest(&dispatcher).build().unwrap();
    let error = only(copied(&files, [liar.path("impossible")])).unwrap_err();
    assert_eq!(error.source.raw_os_error(), Some(libc::EIO), "{error}");
}

#[test]
fn a_file_without_an_end_takes_bounded_memory_and_can_be_left() {
    let nodes = [0, 1000, i64::MAX as u64].map(|size| (size, endless(size)));
    for (size, node) in nodes {
        let Some(liar) = Liar::mount([("endless", node)]) else { return };
        let dispatcher = dispatcher(2);
        for policy in POLICIES {
            if size < 1 << 20 && policy != Policy::Buffered {
                // The kernel reads no farther than that.
                continue;
            }
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            let error = only(copied(&files, [liar.path("endless")])).unwrap_err();
            assert_eq!(error.kind(), FileErrorKind::TooLarge, "{size}, {policy:?}: {error}");
            let enough = |count: &mut usize, chunk: reapool::Chunk| {
                *count += chunk.len();
                if *count > 8 << 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            // Twice as much as all the memory that there is.
            let run = files.stream([liar.path("endless")], |_| 0, enough, |count, _| count);
            assert!(only(run).unwrap().value > 8 << 20);
            // And one that nobody breaks off ends when the run is stopped.
            let run = files.stream([liar.path("endless")], |_| (), |(), _| (), |(), _| ());
            let (stopper, progress) = (run.stopper(), run.progress());
            watched(move || {
                eventually("it is read", || progress.snapshot().bytes > 1 << 20);
                stopper.stop();
                let outcomes: Vec<_> = run.collect();
                assert_eq!(outcomes[0].as_ref().unwrap_err().kind(), FileErrorKind::Stopped);
            });
        }
    }
}

#[test]
fn more_bytes_than_were_asked_for_go_nowhere() {
    let contents = support::contents(0..1 << 20);
    let node = |surplus| Node { surplus, ..Node::honest(&contents) };
    let nodes = [("one", node(1)), ("a page", node(4096)), ("many", node(200_000))];
    let names = nodes.clone().map(|(name, _)| name);
    let Some(liar) = Liar::mount(nodes) else { return };
    let dispatcher = dispatcher(2);
    for name in names {
        for open in [FileHandle::open_direct, FileHandle::open_buffered] {
            let file = open(liar.path(name)).unwrap();
            let mut buffer = AlignedBuf::zeroed(64 << 10);
            buffer.fill(0xee);
            let job = Job::read(file, buffer, 0, |done| done).limit(4096);
            let done = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
            // The kernel finds out, and says so.
            assert_eq!(done.result.unwrap_err().raw_os_error(), Some(libc::EIO), "{name}");
            assert_eq!((done.transferred, done.buffer.len()), (0, 64 << 10));
            assert!(done.buffer[4096..].iter().all(|&byte| byte == 0xee), "{name}");
        }
    }
}

#[test]
fn no_answer_shows_what_was_in_a_pooled_buffer() {
    const ALL: usize = 2 << 20;
    let node = |most, errno| Node { most, errno, ..Node::honest(&[b'x'; 8192]) };
    let nodes = [
        ("short", node(100, None)),
        ("empty", node(0, None)),
        ("failed", node(0, Some(libc::EIO))),
        ("too much", Node { surplus: 9, ..node(usize::MAX, None) }),
    ];
    let names = nodes.clone().map(|(name, _)| name);
    let Some(liar) = Liar::mount(nodes) else { return };
    let dispatcher = dispatcher(1);
    let pool = BufferPool::builder().capacity(ALL).classes(vec![ALL]).build().unwrap();
    for name in names {
        for open in [FileHandle::open_direct, FileHandle::open_buffered] {
            let mut secret = pool.acquire(ALL).unwrap();
            secret.resize(ALL);
            secret.fill(0x5e);
            drop(secret);
            // There is no other.
            let buffer = pool.acquire(ALL).unwrap();
            let job = Job::read(open(liar.path(name)).unwrap(), buffer, 0, |done| done);
            let mut done = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
            assert_eq!(done.buffer.len(), done.transferred, "{name}");
            assert!(done.data().iter().all(|&byte| byte == b'x'), "{name}");
            done.buffer.resize(ALL);
            assert!(!done.buffer.contains(&0x5e), "{name}");
        }
    }
}

#[test]
fn files_without_a_size_take_no_memory_beside_the_runs() {
    const COUNT: usize = 16;
    const MEMORY: usize = 12 << 20;
    let name = |number: usize| format!("{number:02}");
    // Without a size, or grown since they were asked for it.
    for (len, size) in [(100_000, 0), (1_500_000, 0), (100_000, 5000), (1_500_000, 5000)] {
        let expected = support::contents(0..len as u64);
        let node = Node { size, ..Node::honest(&expected) };
        let names: Vec<_> = (0..COUNT).map(name).collect();
        let Some(liar) = Liar::mount(names.iter().map(|name| (&**name, node.clone()))) else {
            return;
        };
        let paths: Vec<_> = names.iter().map(|name| liar.path(name)).collect();
        watched(move || {
            let dispatcher = dispatcher(2);
            let files = modest(&dispatcher).policy(Policy::Buffered).memory(MEMORY);
            let files = files.whole_limit(2 << 20).build().unwrap();
            // The results have the contents, and are not taken yet.
            let run = files.read(paths, |file: WholeFile| file);
            let progress = run.progress();
            if len * COUNT > MEMORY {
                eventually("a file waits for memory", || {
                    files.stats().memory_waits > 0 && progress.snapshot().done > 0
                });
                let kept = progress.snapshot().done as usize * len;
                assert!(kept <= MEMORY, "{kept} bytes");
            }
            let count =
                run.map(|done| assert_same("all", done.unwrap().value.contents(), &expected));
            assert_eq!(count.count(), COUNT);
            assert_eq!(progress.snapshot().bytes, (COUNT * len) as u64);
        });
    }
}
