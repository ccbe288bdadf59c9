//! A reader in a forked child: its locks and its threads are the parent's.

use std::io::{ErrorKind, Read};

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
    let mut reader = jobs.submitter().reader().open(&path).unwrap();
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
