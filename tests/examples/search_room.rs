//! The example `search`: the room for what is kept of files from chunk to chunk.

use crate::carry::Room;
use crate::grep::Asked;
use crate::query::Wanted;
use crate::scan::{Outcome, Scan};
use crate::search_lines::{MAX, finish, query};

#[test]
fn a_line_without_room_is_searched_later_and_gives_back_what_it_had() {
    let query = query(&Asked::new("F", "b"), Wanted::Counts);
    let room = Room::new(50);
    let begin = || Scan::begin(&query, &room, None);
    let (mut first, mut second) = (begin(), begin());
    assert!(first.chunk(&[b'b'; 30]).is_continue());
    assert!(second.chunk(&[b'b'; 30]).is_break(), "there are 20 bytes left");
    assert!(matches!(second.finish().unwrap(), Outcome::Later));
    // At the end of the line its room is free again, and while it is printed it isn't.
    assert!(first.chunk(&[b'b'; 20]).is_continue());
    assert!(begin().chunk(b"b").is_break());
    assert!(first.chunk(b"\n").is_continue());
    let mut third = begin();
    assert!(third.chunk(&[b'b'; 50]).is_continue());
    assert_eq!((finish(first).count, finish(third).count), (1, 1));
    // A line that is too long is no matter of room.
    let mut fourth = begin();
    assert!(fourth.chunk(&[b'b'; MAX + 1]).is_break());
    assert!(fourth.finish().is_err());
}

#[test]
fn lines_before_a_match_count_as_what_is_kept() {
    let mut asked = Asked::new("F", "b");
    asked.before = Some(2);
    let query = query(&asked, Wanted::Lines);
    let room = Room::new(20);
    let begin = || Scan::begin(&query, &room, None);
    let (mut first, mut second) = (begin(), begin());
    assert!(first.chunk(b"1\n2345678\n9012345\n").is_continue());
    assert!(second.chunk(b"1234\n").is_break(), "the last two lines have all but 4 bytes");
    assert!(matches!(second.finish().unwrap(), Outcome::Later));
    // They are printed.
    assert!(first.chunk(b"b\n").is_continue());
    let mut third = begin();
    assert!(third.chunk(&[b'a'; 20]).is_continue());
    // More than is kept of any file.
    let mut fourth = begin();
    let lines = [&[b'a'; MAX - 10][..], b"\n", &[b'a'; 20]].concat();
    assert!(fourth.chunk(&lines).is_break());
    drop(third);
    let mut fifth = Scan::begin(&query, &Room::for_one(MAX), None);
    assert!(fifth.chunk(&lines).is_break());
    let error = fifth.finish().err().unwrap().to_string();
    assert!(error.starts_with("a line and those before it are longer than 200 bytes"), "{error}");
}
