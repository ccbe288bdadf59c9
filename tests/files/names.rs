//! Names that would do something to a terminal, or to who reads a log line by line.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use reapool::Job;

use crate::support::files::{copied, dispatcher, modest, only};
use crate::support::{HANG, scratch};

/// Sets a terminal's title, clears it, ends the line, begins another, and reverses the text.
const NAME: &[u8] = b"\x1b]0;owned\x07\x1b[2J\nall files verified\r\xc2\x9b1m\xe2\x80\xae\xff";

/// Nothing in it is a command, and it is one line.
fn assert_harmless(message: &str) {
    assert!(message.contains("all files verified"), "{message:?}");
    assert!(!message.chars().any(char::is_control), "{message:?}");
    assert!(!message.contains('\u{202e}'), "{message:?}");
}

#[test]
fn a_message_about_a_file_is_one_line_and_commands_nothing() {
    let (directory, dispatcher) = (scratch(), dispatcher(1));
    let missing = directory.path().join(OsStr::from_bytes(NAME));
    let files = modest(&dispatcher).build().unwrap();
    let error = only(copied(&files, [missing.clone()])).unwrap_err();
    assert_harmless(&error.to_string());
    assert_eq!(error.path, missing, "the path itself is as it was given");
}

#[test]
fn a_message_about_an_operation_is_one_line_and_commands_nothing() {
    let (directory, dispatcher) = (scratch(), dispatcher(1));
    let path = directory.path().join(OsStr::from_bytes(NAME));
    let file = File::create(&path).unwrap();
    // It is open for writing only.
    let job = Job::read(file, vec![0; 10], 0, |done| done.into_success().unwrap_err());
    let error = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
    assert_harmless(&error.to_string());
    assert_eq!(error.path.as_deref(), Some(&*path));
}
