//! Readers and writers in a forked child: their locks and threads are the parent's.

use std::io::{ErrorKind, Read, Write};

use reapool::{FileReader, FileWriter, IoWay};

use crate::support::alone::alone;
use crate::support::cache::forget;
use crate::support::child::{first_failure, in_child};
use crate::support::{self, Tended, contents, known_file, scratch};

const LEN: u64 = 3_000_000;

#[test]
fn a_reader_is_refused_in_a_child_and_goes_on_in_the_parent() {
    let _alone = alone();
    let (directory, jobs) = (scratch(), Tended::new(support::builder()));
    let path = known_file(directory.path(), "known", LEN);
    forget(&path);
    let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
    let mut found = vec![0; 100_000];
    reader.read_exact(&mut found).unwrap();
    let mut reader = Some(reader);
    let status = in_child(&mut || {
        let mut reader = reader.take().unwrap();
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        drop(reader);
        first_failure(&[error.kind() == ErrorKind::Unsupported])
    });
    assert_eq!(status, Some(0));
    reader.unwrap().read_to_end(&mut found).unwrap();
    assert!(found == contents(0..LEN));
}

#[test]
fn a_writer_is_refused_in_a_child_and_goes_on_in_the_parent() {
    let _alone = alone();
    for way in [IoWay::Buffered, IoWay::DirectOrBuffered] {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = directory.path().join("file");
        let writer = FileWriter::builder(&*jobs).way(way).chunk(4096).create(&path).unwrap();
        let mut writer = Some(writer);
        let half = LEN / 2;
        writer.as_mut().unwrap().write_all(&contents(0..half)).unwrap();
        let before = path.metadata().unwrap().len();
        let status = in_child(&mut || {
            let mut writer = writer.take().unwrap();
            let written = writer.write_all(&vec![0; 20 << 20]).unwrap_err();
            let finished = writer.finish().unwrap_err();
            drop(writer);
            let is_refused = |error: std::io::Error| error.kind() == ErrorKind::Unsupported;
            let is_as_it_was = path.metadata().unwrap().len() <= before.max(half);
            first_failure(&[is_refused(written), is_refused(finished), is_as_it_was])
        });
        assert_eq!(status, Some(0));
        let mut writer = writer.unwrap();
        writer.write_all(&contents(half..LEN)).unwrap();
        assert_eq!(writer.finish().unwrap(), LEN);
        assert!(std::fs::read(&path).unwrap() == contents(0..LEN), "{way:?}");
    }
}
