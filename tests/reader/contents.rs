//! What a reader gives: the bytes of the file, or of its range, whatever is asked of it.

use std::fs::{self, File};
use std::io::{self, BufRead, Cursor, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use proptest::prelude::*;
use reapool::{FileHandle, FileReader, Submitter};

use crate::support::cache::forget;
use crate::support::{self, Tended, contents, known_file, make_fifo, scratch, skipped, watched};

/// The ways that a handle can have, each for a file that is cached and one that is not.
const OPEN: [fn(&Path) -> io::Result<FileHandle>; 3] = [
    |path| Ok(FileHandle::open_automatic(path)?),
    |path| Ok(FileHandle::open_buffered(path)?),
    |path| Ok(FileHandle::open_direct_or_buffered(path)?),
];

/// Does the same with a reader of each kind, and a small one.
fn with_all_ways(path: &Path, jobs: &Submitter, check: impl Fn(FileReader)) {
    for open in OPEN {
        for is_cached in [true, false] {
            for (chunk, ahead) in [(1 << 20, 4 << 20), (4096, 0), (20_000, 100_000)] {
                if is_cached {
                    fs::read(path).unwrap();
                } else {
                    forget(path);
                }
                let file = open(path).unwrap();
                check(
                    FileReader::builder(&jobs).chunk(chunk).read_ahead(ahead).over(file).unwrap(),
                );
            }
        }
    }
}

#[test]
fn all_of_a_file_is_read_by_each_way() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(8).workers(2)));
        for len in [0, 1, 4095, 4096, 4097, 65_536, 65_537, 1 << 20, 3_000_000] {
            let path = known_file(directory.path(), "known", len);
            with_all_ways(&path, &jobs.submitter(), |mut reader| {
                let mut found = Vec::new();
                assert_eq!(reader.read_to_end(&mut found).unwrap() as u64, len);
                assert!(found == contents(0..len), "{reader:?}");
                assert_eq!(reader.read(&mut [0; 10]).unwrap(), 0, "it stays at the end");
                assert_eq!(reader.stream_position().unwrap(), len);
            });
        }
    });
}

#[test]
fn a_range_is_a_file_of_its_own() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(8)));
        let path = known_file(directory.path(), "known", 300_000);
        for range in
            [0..300_000, 1..2, 4096..8192, 5000..299_999, 7..7, 299_990..400_000, 400_000..400_010]
        {
            let expected = contents(range.start.min(300_000)..range.end.min(300_000));
            let mut reader = FileReader::builder(&*jobs).range(range.clone()).open(&path).unwrap();
            let mut found = Vec::new();
            reader.read_to_end(&mut found).unwrap();
            assert!(found == expected, "{range:?}");
            reader.seek(SeekFrom::Start(0)).unwrap();
            found.clear();
            reader.read_to_end(&mut found).unwrap();
            assert!(found == expected, "{range:?} once more");
        }
        let read = |reader: reapool::FileReaderBuilder| {
            let mut found = Vec::new();
            reader.open(&path).unwrap().read_to_end(&mut found).unwrap();
            found
        };
        assert!(read(FileReader::builder(&*jobs).range(299_000..)) == contents(299_000..300_000));
        assert!(read(FileReader::builder(&*jobs).range(..=10)) == contents(0..11));
        assert!(read(FileReader::builder(&*jobs).range(..)) == contents(0..300_000));
    });
}

/// What is asked of a reader.
#[derive(Clone, Debug)]
enum Ask {
    Read(usize),
    Fill(usize),
    Seek(SeekFrom),
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let near = -5000..5000_i64;
    let seek = prop_oneof![
        (0..250_000_u64).prop_map(SeekFrom::Start),
        near.clone().prop_map(SeekFrom::Current),
        (-200_000..1000_i64).prop_map(SeekFrom::End),
    ];
    let ask = prop_oneof![
        3 => (0..100_000_usize).prop_map(Ask::Read),
        3 => (0..100_000_usize).prop_map(Ask::Fill),
        2 => seek.prop_map(Ask::Seek),
    ];
    proptest::collection::vec(ask, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if support::is_memcheck() { 8 } else { 200 }))]

    #[test]
    fn it_is_as_a_cursor_over_the_bytes(
        asks in asks(), len in 0..200_000_u64, (start, end) in (0..9000_u64, 0..300_000_u64),
        way in 0..OPEN.len(), chunk in 1..100_000_usize, ahead in 0..300_000_usize, cached: bool,
    ) {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(4).workers(1)));
        let path = known_file(directory.path(), "known", len);
        if !cached {
            forget(&path);
        }
        let builder = FileReader::builder(&*jobs).chunk(chunk).read_ahead(ahead).range(start..end);
        let mut reader = builder.over(OPEN[way](&path).unwrap()).unwrap();
        let mut cursor = Cursor::new(contents(start.min(len)..end.max(start).min(len)));
        for ask in asks {
            match ask {
                Ask::Read(len) => {
                    let (mut found, mut expected) = (Vec::new(), Vec::new());
                    let found_len = (&mut reader).take(len as u64).read_to_end(&mut found);
                    (&mut cursor).take(len as u64).read_to_end(&mut expected).unwrap();
                    prop_assert_eq!(found_len.unwrap(), expected.len());
                    prop_assert!(found == expected);
                }
                Ask::Fill(most) => {
                    let found = reader.fill_buf().unwrap();
                    let expected = cursor.fill_buf().unwrap();
                    prop_assert_eq!(found.is_empty(), expected.is_empty());
                    let count = found.len().min(most);
                    prop_assert!(found[..] == expected[..found.len()]);
                    reader.consume(count);
                    cursor.consume(count);
                }
                Ask::Seek(to) => {
                    let (found, expected) = (reader.seek(to), cursor.seek(to));
                    match expected {
                        // A range that begins behind the file's end is empty, as the cursor is.
                        Ok(position) => prop_assert_eq!(found.unwrap(), position),
                        Err(error) => prop_assert_eq!(found.unwrap_err().kind(), error.kind()),
                    }
                }
            }
        }
    }
}

#[test]
fn a_file_that_changes_is_read_as_it_is_when_the_reader_gets_there() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(4)));
        for open in [OPEN[0], OPEN[1]] {
            // It has shrunk, and what was read ahead of the new end is of no use.
            let path = known_file(directory.path(), "known", 1_000_000);
            let file = open(&path).unwrap();
            let mut reader =
                FileReader::builder(&*jobs).chunk(8192).read_ahead(0).over(file).unwrap();
            reader.read_exact(&mut [0; 100]).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(500_001).unwrap();
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).unwrap();
            assert!(rest == contents(100..500_001), "{} bytes", rest.len());
            // It has grown since: the reader is at its end, until it seeks.
            let more = contents(500_001..600_000);
            File::options().append(true).open(&path).unwrap().write_all(&more).unwrap();
            assert_eq!(reader.read(&mut [0]).unwrap(), 0);
            reader.seek(SeekFrom::Current(-1)).unwrap();
            rest.clear();
            reader.read_to_end(&mut rest).unwrap();
            assert!(rest == contents(500_000..600_000), "{} bytes", rest.len());
        }
    });
}

#[test]
fn a_file_that_does_not_tell_its_size_is_read_to_its_end() {
    watched(|| {
        let jobs = Tended::new(support::builder());
        let mut found = String::new();
        FileReader::builder(&*jobs)
            .open("/proc/self/maps")
            .unwrap()
            .read_to_string(&mut found)
            .unwrap();
        assert!(found.ends_with('\n') && found.contains("[stack]"), "{found}");
    });
}

#[test]
fn what_cannot_be_read_so_is_refused_at_once() {
    let (directory, jobs) = (scratch(), Tended::new(support::builder()));
    let fifo = directory.path().join("fifo");
    make_fifo(&fifo);
    let fifo = File::options().read(true).write(true).open(&fifo).unwrap();
    let error = FileReader::builder(&*jobs).over(FileHandle::from(fifo)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("pipe"), "{error}");

    let path = known_file(directory.path(), "known", 10);
    for chunk in [0, (1 << 30) + 1] {
        let error = FileReader::builder(&*jobs).chunk(chunk).open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("`chunk`"), "{error}");
    }
    let error = FileReader::builder(&*jobs).open(directory.path().join("gone")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("gone"), "{error}");

    let write_only = FileHandle::from(File::options().write(true).open(&path).unwrap());
    let mut reader = FileReader::builder(&*jobs).over(write_only).unwrap();
    for _ in 0..2 {
        let error = reader.read(&mut [0]).unwrap_err();
        assert_eq!(error.raw_os_error().or(Some(libc::EBADF)), Some(libc::EBADF), "{error}");
    }
}

#[test]
fn a_direct_handle_that_others_use_stays_direct() {
    let (directory, jobs) = (scratch(), Tended::new(support::builder()));
    let path = known_file(directory.path(), "known", 100_000);
    let Some(file) = support::open_direct(&path) else { return };
    let mut reader = FileReader::builder(&*jobs).over(file.clone()).unwrap();
    reader.read_exact(&mut [0; 10]).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(70_001).unwrap();
    let end = reader.read_to_end(&mut Vec::new());
    let flags = nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_GETFL).unwrap();
    assert!(flags & libc::O_DIRECT != 0);
    match end {
        // The read was under way before the file was cut short.
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}"),
    }
    if !support::cache::is_on_device(directory.path()) {
        skipped("a device");
    }
}
