//! Several runs at once, in any place: on one `Files`, on one dispatcher, in callbacks, over many
//! and over the same files.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use reapool::{FileErrorKind, Files, FilesRun, Order};

use crate::support::files::{
    CHUNK, POLICIES, all, assert_same, copied, dispatcher, files_of, gathered, modest, pattern,
    small_files, successes,
};
use crate::support::{self, HANG, null, null_read, scale, scratch, watched};

fn sizes() -> Vec<usize> {
    (0..60).map(|place| (place * 9001) % (3 * CHUNK)).collect()
}

fn assert_complete(run: FilesRun<Vec<u8>>, sizes: &[usize]) {
    let done = successes(run);
    assert_eq!(done.len(), sizes.len());
    for (place, done) in done.iter().enumerate() {
        assert_same(&format!("file {place}"), &done.value, &pattern(place, sizes[place]));
    }
}

#[test]
fn runs_side_by_side_on_one_and_on_several() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = files_of(directory.path(), &sizes());
    let files: Vec<_> = POLICIES
        .into_iter()
        .map(|policy| modest(&dispatcher).policy(policy).memory(2 << 20).build().unwrap())
        .collect();
    let takers: Vec<_> = (0..9)
        .map(|number| {
            let (files, paths) = (files[number % 3].clone(), paths.clone());
            let run = if number % 2 == 0 { copied(&files, paths) } else { gathered(&files, paths) };
            thread::spawn(move || assert_complete(run, &sizes()))
        })
        .collect();
    takers.into_iter().for_each(|taker| taker.join().unwrap());
}

#[test]
fn two_runs_taken_in_turns() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = files_of(directory.path(), &sizes());
    let files = modest(&dispatcher).memory(2 << 20).results(3).order(Order::Input).build().unwrap();
    let runs = [copied(&files, paths.clone()), gathered(&files, paths)];
    watched(move || {
        let [first, second] = runs;
        for (first, second) in first.zip(second) {
            let (first, second) = (first.unwrap(), second.unwrap());
            assert_eq!((first.index, first.value), (second.index, second.value));
        }
    });
}

#[test]
fn one_that_rests_does_not_hold_up_another() {
    // Its results hold no memory, and nobody takes them.
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = files_of(directory.path(), &sizes());
    let files = modest(&dispatcher).memory(2 << 20).results(2).build().unwrap();
    let resting = copied(&files, paths.clone().into_iter().cycle());
    assert_complete(gathered(&files, paths.clone()), &sizes());
    let other = modest(&dispatcher).build().unwrap();
    assert_complete(copied(&other, paths), &sizes());
    drop(resting);
}

#[test]
fn taken_in_a_callback_of_another_dispatcher_and_of_its_own() {
    let (directory, readers) = (scratch(), dispatcher(2));
    let others = dispatcher(1);
    let paths = files_of(directory.path(), &sizes());
    let files = modest(&readers).build().unwrap();
    for dispatcher in [&others, &readers] {
        let (files, paths) = (files.clone(), paths.clone());
        let job = null_read(&null(), move || copied(&files, paths).filter(Result::is_ok).count());
        assert_eq!(dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap(), 60);
    }
    // Begun in one, and taken elsewhere.
    let job = null_read(&null(), move || copied(&files, paths));
    let run = readers.spawn(job).unwrap().join_timeout(HANG).unwrap();
    assert_complete(run, &sizes());
}

/// The kinds of errors of what is left of a run, which ends after an error that is no file's.
fn refused<T>(run: &mut FilesRun<T>) -> Vec<FileErrorKind> {
    run.filter_map(|result| result.err().map(|error| error.kind())).collect()
}

#[test]
fn taken_in_a_callback_of_the_only_worker_it_is_refused_and_can_be_taken_elsewhere() {
    watched(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(1));
        let paths = files_of(directory.path(), &sizes());
        let files = modest(&dispatcher).build().unwrap();
        let job = null_read(&null(), move || {
            let mut run = copied(&files, paths);
            (refused(&mut run), refused(&mut run), run)
        });
        let (first, second, run) = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
        assert_eq!(
            (first, second),
            (vec![FileErrorKind::InCallback], vec![FileErrorKind::InCallback])
        );
        assert_complete(run, &sizes());
    });
}

#[test]
fn taken_in_the_functions_of_another_all_but_one_wait() {
    watched(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let paths = files_of(directory.path(), &sizes());
        let files = modest(&dispatcher).build().unwrap();
        let (inner, listed) = (files.clone(), paths.clone());
        let outer = files.read(paths[..10].to_vec(), move |_| {
            let (mut complete, mut refused) = (0, 0);
            for result in copied(&inner, listed.clone()) {
                match result {
                    Ok(_) => complete += 1,
                    Err(error) => refused += usize::from(error.kind() == FileErrorKind::InCallback),
                }
            }
            (complete, refused)
        });
        let done = successes(outer);
        assert_eq!(done.len(), 10);
        for done in done {
            let (complete, refused) = done.value;
            assert!(complete == sizes().len() && refused == 0 || refused == 1, "{:?}", done.value);
        }
    });
}

#[test]
fn taken_by_blocking_threads_all_but_one_wait() {
    watched(|| {
        let directory = scratch();
        let paths = files_of(directory.path(), &sizes());
        for threads in [2, 1] {
            let builder = support::builder().workers(2).blocking_threads(threads);
            let dispatcher = builder.build().unwrap();
            let files = modest(&dispatcher).build().unwrap();
            let first = copied(&files, paths.clone());
            let (tell, told) = mpsc::channel();
            // The second run reads the files that the first has read.
            let listed = first.filter_map(move |result| match result {
                Ok(done) => Some(done.path),
                Err(error) => tell.send(error.kind()).map(|()| None).unwrap(),
            });
            let second = copied(&files, listed).filter(Result::is_ok).count();
            let errors: Vec<_> = told.try_iter().collect();
            let all = second == sizes().len() && errors.is_empty();
            assert!(all || threads == 1 && errors == [FileErrorKind::InCallback], "{errors:?}");
        }
    });
}

#[test]
fn a_run_in_the_function_of_another() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = files_of(directory.path(), &sizes());
    let files = modest(&dispatcher).build().unwrap();
    let (inner, listed) = (files.clone(), paths.clone());
    let outer = files.read(paths[..3].to_vec(), move |file| {
        // Taking its results here would take this worker's time; another does.
        let run = copied(&inner, listed.clone());
        (file.info().index(), run)
    });
    for done in successes(outer) {
        assert_complete(done.value.1, &sizes());
    }
}

#[test]
fn ten_thousand_small_ones() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let count = 10_000 / scale();
    let paths = small_files(directory.path(), count);
    for policy in POLICIES {
        let files = Files::builder(&dispatcher).policy(policy).build().unwrap();
        let done = successes(copied(&files, paths.clone()));
        assert_eq!(done.len(), count);
        for (place, done) in done.iter().enumerate() {
            assert_same("small", &done.value, &pattern(place, 100 + place % 200));
        }
    }
}

#[test]
fn the_same_path_again_and_again() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = files_of(directory.path(), &[300, 5 * CHUNK + 1]);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let repeated = paths.clone().into_iter().cycle().take(200);
        for done in successes(gathered(&files, repeated)) {
            let place = (done.index % 2) as usize;
            assert_same("again", &done.value, &pattern(place, [300, 5 * CHUNK + 1][place]));
        }
    }
}

#[test]
fn paths_come_as_anything_that_is_one() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let files = modest(&dispatcher).build().unwrap();
    small_files(directory.path(), 3);
    let text = directory.path().join("small-00001").to_str().unwrap().to_owned();
    assert_eq!(successes(copied(&files, vec![text.clone()])).len(), 1);
    assert_eq!(successes(copied(&files, [PathBuf::from(&text)])).len(), 1);
    assert_eq!(successes(copied(&files, ["Cargo.toml", "src/lib.rs"])).len(), 2);
    let walked = walkdir::WalkDir::new(directory.path()).into_iter().filter_map(Result::ok);
    let walked =
        walked.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
    assert_eq!(successes(copied(&files, walked)).len(), 3);
    assert_eq!(all(copied(&files, None::<PathBuf>)).len(), 0);
}
