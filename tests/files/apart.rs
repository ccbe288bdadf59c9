//! What is done with one file is no other's concern: slow functions, breaking off, kept chunks.

use std::fs;
use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;

use reapool::{Chunk, FileInfo, Order};

use crate::support::cache::forget;
use crate::support::files::{
    CHUNK, POLICIES, assert_same, dispatcher, files_of, modest, only, pattern, patterned,
    small_files, sparse, successes,
};
use crate::support::{Gate, HANG, scratch, watched};

#[test]
fn small_files_are_in_their_function_at_once_too() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 2);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let gate = Gate::default();
        let held = gate.clone();
        let run = files.read(paths.clone(), move |_| held.pass());
        gate.wait_for(2);
        gate.open();
        assert_eq!(successes(run).len(), 2);
    }
}

#[test]
fn small_files_do_not_wait_for_a_huge_one() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let mut paths = vec![sparse(directory.path(), "huge", 1 << 40)];
    paths.extend(small_files(directory.path(), 100));
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).order(Order::Completion).build().unwrap();
        let gate = Gate::default();
        let held = gate.clone();
        let chunk = move |bytes: &mut usize, chunk: Chunk| {
            *bytes += chunk.len();
            if chunk.len() > 1000 {
                held.pass();
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let mut run = files.stream(paths.clone(), |_| 0, chunk, |bytes, _| bytes);
        watched(move || {
            gate.wait_for(1);
            let small: Vec<_> = run.by_ref().take(100).map(Result::unwrap).collect();
            assert!(small.iter().all(|done| done.index > 0 && done.bytes == done.size));
            gate.open();
            let huge = run.next().unwrap().unwrap();
            assert_eq!((huge.index, huge.value, huge.bytes), (0, CHUNK, CHUNK as u64));
            assert_eq!(huge.size, 1 << 40);
            assert!(run.next().is_none());
        });
    }
}

#[test]
fn breaking_off_ends_that_file_alone() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let sizes = [1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 20 * CHUNK].repeat(4);
    let paths = files_of(directory.path(), &sizes);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        paths.iter().for_each(|path| forget(path));
        // Files with an odd place have enough after two chunks.
        let chunk = |(bytes, odd): &mut (Vec<u8>, bool), chunk: Chunk| {
            bytes.extend_from_slice(&chunk);
            let enough = *odd && bytes.len() > CHUNK;
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let begin = |file: &FileInfo| (Vec::new(), file.index() % 2 == 1);
        for done in successes(files.stream(paths.clone(), begin, chunk, |(bytes, _), _| bytes)) {
            let place = done.index as usize;
            let size = sizes[place];
            let len = if place % 2 == 1 { size.min(2 * CHUNK) } else { size };
            let what = format!("{policy:?}, file {place}");
            assert_same(&what, &done.value, &pattern(place, size)[..len]);
            assert_eq!((done.bytes, done.size), (len as u64, size as u64), "{what}");
        }
    }
}

#[test]
fn a_chunk_outlives_its_file_and_its_run() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let path = patterned(directory.path(), "kept", 9, 3 * CHUNK + 5);
    let (sender, chunks) = mpsc::channel();
    let files = modest(&dispatcher).build().unwrap();
    let keep = move |_: &mut (), chunk: Chunk| sender.send(chunk).unwrap();
    drop(only(files.stream([path.clone()], |_| (), keep, |(), _| ())).unwrap());
    drop(files);
    let chunks: Vec<_> = (0..4).map(|_| chunks.recv_timeout(HANG).unwrap()).collect();
    fs::remove_file(path).unwrap();
    drop(dispatcher);
    let concat = move || chunks.iter().flat_map(|chunk| chunk.to_vec()).collect::<Vec<_>>();
    let bytes = thread::spawn(concat).join().unwrap();
    assert_same("kept", &bytes, &pattern(9, 3 * CHUNK + 5));
}
