//! What is in the file: the bytes that were given, in whatever pieces and by whatever way.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use reapool::{Durability, FileHandle, FileWriter, IoWay};

use crate::support::{
    self, Tended, contents, known_file, make_fifo, open_direct, scratch, watched,
};

const WAYS: [IoWay; 3] = [IoWay::Buffered, IoWay::DirectOrBuffered, IoWay::Automatic];

/// What is done with a writer.
#[derive(Clone, Debug)]
enum Do {
    Write(usize),
    Flush,
}

fn some() -> impl Strategy<Value = Vec<Do>> {
    let one = prop_oneof![4 => (0..150_000_usize).prop_map(Do::Write), 1 => Just(Do::Flush)];
    proptest::collection::vec(one, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if support::is_memcheck() { 8 } else { 150 }))]

    #[test]
    fn a_file_has_what_was_given(
        all in some(), way in 0..WAYS.len(), chunk in 1..200_000_usize, behind in 0..400_000_usize,
        expected in 0..300_000_u64, synced: bool, before in 0..100_000_u64,
    ) {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(4).workers(1)));
        let path = known_file(directory.path(), "file", before);
        let durability = if synced { Durability::Synced } else { Durability::Cached };
        let builder = FileWriter::builder(&*jobs).way(WAYS[way]).chunk(chunk).write_behind(behind);
        let builder = builder.durability(durability).expected_len(expected);
        let mut writer = builder.create(&path).unwrap();
        let mut len = 0;
        for one in all {
            match one {
                Do::Write(count) => {
                    writer.write_all(&contents(len..len + count as u64)).unwrap();
                    len += count as u64;
                }
                Do::Flush => {
                    writer.flush().unwrap();
                    let found = fs::read(&path).unwrap();
                    prop_assert!(found.len() as u64 >= len);
                    prop_assert!(found[..len as usize] == contents(0..len));
                }
            }
            prop_assert_eq!(writer.position(), len);
        }
        for _ in 0..2 {
            prop_assert_eq!(writer.finish().unwrap(), len);
            prop_assert_eq!(writer.position(), len);
        }
        prop_assert!(fs::read(&path).unwrap() == contents(0..len));
        prop_assert_eq!(writer.write(&[0]).unwrap_err().kind(), ErrorKind::InvalidInput);
        prop_assert_eq!(writer.flush().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn large_files_are_written_by_each_way_with_several_writes_under_way() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder().depth(8)));
        let (path, len) = (directory.path().join("file"), 40_000_001 / support::scale() as u64);
        let bytes = contents(0..len);
        for way in WAYS {
            let mut writer = FileWriter::builder(&*jobs).way(way).create(&path).unwrap();
            for piece in bytes.chunks(77_777) {
                writer.write_all(piece).unwrap();
            }
            assert_eq!(writer.finish().unwrap(), len);
            assert!(fs::read(&path).unwrap() == bytes, "{way:?}");
        }
    });
}

#[test]
fn of_an_open_file_what_is_not_written_over_stays() {
    let (directory, jobs) = (scratch(), Tended::new(support::builder()));
    let path = known_file(directory.path(), "file", 300_000);
    let file = FileHandle::options().read(true).write(true).open(&path).unwrap();
    let mut writer = FileWriter::builder(&*jobs).chunk(4096).over(file.clone()).unwrap();
    writer.write_all(&[7; 100_001]).unwrap();
    writer.finish().unwrap();
    let found = fs::read(&path).unwrap();
    assert!(found[..100_001].iter().all(|&byte| byte == 7));
    assert!(found[100_001..] == contents(100_001..300_000));
}

#[test]
fn what_is_appended_is_in_order() {
    let (directory, jobs) = (scratch(), Tended::new(support::builder()));
    let path = known_file(directory.path(), "file", 1000);
    let file = FileHandle::options().append(true).open(&path).unwrap();
    let mut writer = FileWriter::builder(&*jobs).chunk(4096).over(file).unwrap();
    for start in (1000..301_000).step_by(1000) {
        writer.write_all(&contents(start..start + 1000)).unwrap();
    }
    writer.finish().unwrap();
    assert!(fs::read(&path).unwrap() == contents(0..301_000));
}

#[test]
fn what_cannot_be_written_so_is_refused_at_once() {
    let (directory, jobs) = (scratch(), Tended::new(support::builder()));
    let fifo = directory.path().join("fifo");
    make_fifo(&fifo);
    let fifo = File::options().read(true).write(true).open(&fifo).unwrap();
    let path = known_file(directory.path(), "file", 10);
    let writer = || FileWriter::builder(&*jobs);
    let refused = [
        (writer().over(FileHandle::from(fifo)), "pipe"),
        (writer().chunk(0).create(directory.path().join("new")), "`chunk`"),
        (writer().chunk((1 << 30) + 1).create(directory.path().join("new")), "`chunk`"),
    ];
    let direct = open_direct(&path).map(|file| (writer().over(file), "page cache"));
    for (outcome, word) in refused.into_iter().chain(direct) {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{error}");
    }
    for builder in [writer().chunk(0), writer().write_behind(usize::MAX)] {
        assert_eq!(builder.create(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(fs::read(&path).unwrap() == contents(0..10), "nothing was truncated");
    }
    let error = writer().create(directory.path().join("no/such")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no/such"), "{error}");
}

#[test]
fn a_new_file_has_its_permissions() {
    let (directory, jobs) = (scratch(), Tended::new(support::builder()));
    let path = directory.path().join("file");
    FileWriter::builder(&*jobs).mode(0o600).create(&path).unwrap().finish().unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(path.metadata().unwrap().len(), 0);
}

#[test]
fn the_first_error_is_told_once_and_the_file_is_lost() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "file", 10);
        let read_only = FileHandle::open_buffered(&path).unwrap();
        let mut writer = FileWriter::builder(&*jobs).chunk(4096).over(read_only).unwrap();
        let first = loop {
            if let Err(error) = writer.write(&[0; 4096]) {
                break error;
            }
        };
        assert!(first.to_string().contains("os error 9"), "{first}");
        let again = [
            writer.write_all(&[0; 100_000]).and_then(|()| writer.flush()),
            writer.flush(),
            writer.finish().map(drop),
            writer.finish().map(drop),
        ];
        for later in again.map(Result::unwrap_err) {
            assert!(later.to_string().contains("earlier"), "{later}");
            assert_eq!(later.kind(), first.kind());
        }
        assert!(fs::read(&path).unwrap() == contents(0..10));
    });
}
