//! The reads of one file, in numbers: issued, come back, and consumed.
//!
//! Reads are issued from the front of the file to its back, a window of them at a time. Replies
//! come in any order and are taken from the front. A read asks for more bytes than the file has
//! left, so the read that gets the last byte is short, which shows that nothing follows. If a read
//! is short elsewhere, the file has changed: everything behind it is read again, and from there on
//! one read is issued after the other.

use std::collections::BTreeMap;
use std::io;

/// A read that was issued. Replies to requests of an earlier epoch are of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
    pub(crate) len: usize,
}

/// A read that has come back.
#[derive(Debug)]
pub(crate) struct Reply<B> {
    pub(crate) request: Request,
    /// How many bytes were read, and the buffer with them.
    pub(crate) result: io::Result<(usize, B)>,
}

impl<B> Reply<B> {
    /// To a first read, of `len` bytes, that was to get all of the file.
    pub(crate) fn whole(len: usize, result: io::Result<(usize, B)>) -> Self {
        Self { request: Request { epoch: 0, offset: 0, len }, result }
    }
}

/// How the file goes on after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Other replies.
    More,
    /// Nothing: this is the end of the file.
    End,
    /// The file has changed; everything behind has to be read again.
    Restart,
}

#[derive(Debug)]
pub(crate) struct Window<B> {
    /// As it was when the file was opened.
    size: u64,
    /// How many bytes a read asks for.
    request_len: usize,
    /// The lengths of reads are multiples of this.
    block: usize,
    /// How many bytes may be issued and not consumed.
    ahead: u64,
    /// Nothing is issued from this offset on, which is a multiple of the block.
    limit: u64,
    /// Reads of the file are issued up to this offset.
    issued: u64,
    /// The file is consumed up to this offset.
    consumed: u64,
    /// Counts restarts. A file that answers each read with one byte, for days, would wrap 32 bits,
    /// and an old reply could be taken for a new one.
    epoch: u64,
    in_flight: usize,
    replies: BTreeMap<u64, Reply<B>>,
    /// The file is not what it was when it was opened.
    size_unknown: bool,
}

impl<B> Window<B> {
    /// For reads of a multiple of `block`, as `request_len` is one.
    pub(crate) fn new(size: u64, request_len: usize, block: usize, ahead: usize) -> Self {
        Self {
            size,
            request_len,
            block,
            ahead: ahead.max(request_len) as u64,
            limit: u64::MAX,
            issued: 0,
            consumed: 0,
            epoch: 0,
            in_flight: 0,
            replies: BTreeMap::new(),
            size_unknown: false,
        }
    }

    /// The same, but only up to a multiple of the block.
    pub(crate) fn up_to(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// From now on a read asks for this many bytes.
    pub(crate) fn set_request_len(&mut self, len: usize) {
        self.request_len = len;
        self.ahead = self.ahead.max(len as u64);
    }

    /// From now on a read asks for `len` bytes, and `ahead` bytes may be issued and not consumed.
    pub(crate) fn set_lengths(&mut self, len: usize, ahead: usize) {
        self.request_len = len;
        self.ahead = ahead.max(len) as u64;
    }

    /// The offset up to which the file is consumed.
    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The next read that may be issued.
    pub(crate) fn next(&self) -> Option<Request> {
        // If more was issued than there was, either that read shows the end or the file has grown.
        let beyond = self.size_unknown || self.issued > self.size;
        // If everything issued is consumed, a read is issued whatever the size says: it shows what
        // there is.
        let all_consumed = self.issued == self.consumed;
        if !all_consumed && (beyond || self.issued - self.consumed >= self.ahead) {
            return None;
        }
        let allowed = self.limit.saturating_sub(self.issued);
        if allowed == 0 {
            return None;
        }
        let rest = self.size.saturating_sub(self.issued);
        let enough = (rest / self.block as u64 + 1) * self.block as u64;
        let enough = usize::try_from(enough).unwrap_or(usize::MAX);
        let len = if beyond { self.request_len } else { self.request_len.min(enough) };
        let len = usize::try_from(allowed).map_or(len, |allowed| len.min(allowed));
        Some(Request { epoch: self.epoch, offset: self.issued, len })
    }

    /// The read that `next` named was issued.
    pub(crate) fn issue(&mut self, request: Request) {
        self.issued = request.offset + request.len as u64;
        self.in_flight += 1;
    }

    /// A read was done at once.
    pub(crate) fn done(&mut self, reply: Reply<B>) {
        self.issue(reply.request);
        let stale = self.arrived(reply);
        debug_assert!(stale.is_none(), "its epoch has just begun or goes on");
    }

    /// A read has come back. If the reply is of no use, it comes back to be dropped.
    #[must_use]
    pub(crate) fn arrived(&mut self, reply: Reply<B>) -> Option<Reply<B>> {
        self.in_flight -= 1;
        if reply.request.epoch == self.epoch {
            self.replies.insert(reply.request.offset, reply);
            return None;
        }
        Some(reply)
    }

    /// The reply that is to be consumed next, if it has come.
    pub(crate) fn take(&mut self) -> Option<Reply<B>> {
        self.replies.remove(&self.consumed)
    }

    pub(crate) fn has_next(&self) -> bool {
        self.replies.contains_key(&self.consumed)
    }

    /// How the file goes on after a reply of `count` bytes, as far as that is known.
    pub(crate) fn follows(&self, request: Request, count: usize) -> Next {
        let end = request.offset + count as u64;
        let is_short = count < request.len;
        // A short read behind the size is the end of a file that has grown. If the file doesn't
        // tell its size, a short read says nothing.
        let is_end = self.size > 0 && end >= self.size;
        match (count, is_short) {
            (0, _) => Next::End,
            (_, true) if is_end => Next::End,
            (_, true) => Next::Restart,
            (_, false) => Next::More,
        }
    }

    /// The file is consumed up to this offset, which is in the reply that was taken last.
    pub(crate) fn consume(&mut self, up_to: u64) {
        self.consumed = up_to;
    }

    /// Reads everything again that was not consumed: the file is as it was, and the reads take
    /// another way. Gives back the replies, to be dropped.
    #[must_use]
    pub(crate) fn rewind(&mut self) -> BTreeMap<u64, Reply<B>> {
        self.issued = self.consumed;
        self.close()
    }

    /// Goes on at another offset, a multiple of the block, of the file as it is now. Gives back the
    /// replies, to be dropped.
    #[must_use]
    pub(crate) fn seek(&mut self, offset: u64, size: u64) -> BTreeMap<u64, Reply<B>> {
        (self.consumed, self.size, self.size_unknown) = (offset, size, false);
        self.rewind()
    }

    /// Reads everything again that was not consumed, as the file has changed. Gives back the
    /// replies, to be dropped.
    #[must_use]
    pub(crate) fn restart(&mut self) -> BTreeMap<u64, Reply<B>> {
        self.size_unknown = true;
        self.rewind()
    }

    /// Reads the file again from its beginning. Gives back the replies, to be dropped.
    #[must_use]
    pub(crate) fn begin_again(&mut self) -> BTreeMap<u64, Reply<B>> {
        self.consumed = 0;
        self.restart()
    }

    /// Nothing more is wanted. Gives back the replies, to be dropped.
    #[must_use]
    pub(crate) fn close(&mut self) -> BTreeMap<u64, Reply<B>> {
        self.epoch += 1;
        std::mem::take(&mut self.replies)
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, Reply, Request, Window};
    const BLOCK: usize = 4096;
    const PIECE: usize = 4 * BLOCK;

    /// Issues all reads that may be issued.
    fn issue_all(window: &mut Window<()>) -> Vec<Request> {
        std::iter::from_fn(|| window.next().inspect(|&request| window.issue(request))).collect()
    }

    /// Consumes all of a reply.
    fn consume(window: &mut Window<()>, request: Request, count: usize) -> Next {
        let next = window.follows(request, count);
        window.consume(request.offset + count as u64);
        next
    }

    fn lens(requests: &[Request]) -> Vec<(u64, usize)> {
        requests.iter().map(|request| (request.offset, request.len)).collect()
    }

    /// Reads a file of `actual` bytes that said that it had `size`, by reads that come back last
    /// first. Returns how many bytes were consumed, and the number of reads.
    fn read_through(size: u64, actual: u64, ahead: usize) -> (u64, usize) {
        let mut window = Window::new(size, PIECE, BLOCK, ahead);
        let (mut pending, mut reads) = (Vec::new(), 0);
        loop {
            pending.extend(issue_all(&mut window));
            let request: Request = pending.pop().expect("something is under way");
            reads += 1;
            let count = actual.saturating_sub(request.offset).min(request.len as u64) as usize;
            assert!(window.arrived(Reply { request, result: Ok((count, ())) }).is_none());
            while let Some(Reply { request, result }) = window.take() {
                assert_eq!(request.offset, window.consumed(), "in order");
                match consume(&mut window, request, result.unwrap().0) {
                    Next::More => {}
                    Next::End => return (window.consumed(), reads),
                    Next::Restart => drop(window.restart()),
                }
            }
        }
    }

    #[test]
    fn a_read_sees_the_end_of_a_small_file() {
        for size in [0, 1, 4095, 4096, 4097, PIECE as u64 - 1] {
            assert_eq!(read_through(size, size, PIECE), (size, 1), "{size}");
        }
        let size = PIECE as u64;
        assert_eq!(
            read_through(size, size, PIECE),
            (size, 2),
            "a read that fills its length needs another"
        );
    }

    #[test]
    fn all_is_handed_on_whatever_the_size_said() {
        let piece = PIECE as u64;
        let sizes = [0, 1, 4096, piece - 1, piece, piece + 1, 3 * piece, 10 * piece + 77];
        for said in sizes {
            for actual in sizes {
                for ahead in [0, PIECE, 3 * PIECE, 100 * PIECE] {
                    let (consumed, _) = read_through(said, actual, ahead);
                    // A file that has grown to more than was asked for is read on to its new end.
                    assert_eq!(consumed, actual, "said {said}, ahead {ahead}");
                }
            }
        }
    }

    #[test]
    fn no_read_asks_for_more_than_shows_the_end() {
        let whole = PIECE as u64;
        let lens_of = |size| lens(&issue_all(&mut Window::new(size, PIECE, BLOCK, 4 * PIECE)));
        assert_eq!(lens_of(1), [(0, BLOCK)]);
        assert_eq!(lens_of(2 * BLOCK as u64), [(0, 3 * BLOCK)]);
        assert_eq!(lens_of(whole + 1), [(0, PIECE), (whole, BLOCK)]);
        // The second read shows that nothing follows, and is issued beside the first.
        assert_eq!(lens_of(whole), [(0, PIECE), (whole, BLOCK)]);
    }

    #[test]
    fn a_file_that_was_consumed_to_its_size_has_not_changed() {
        let mut window = Window::new(PIECE as u64, PIECE, BLOCK, PIECE);
        let [first] = issue_all(&mut window)[..] else { panic!("the window takes one read") };
        assert_eq!(consume(&mut window, first, PIECE), Next::More);
        assert_eq!(window.next().map(|request| request.len), Some(BLOCK));
        // It has grown: the size says nothing any more.
        let [second] = issue_all(&mut window)[..] else { panic!("the window takes one read") };
        assert_eq!(consume(&mut window, second, BLOCK), Next::More);
        assert_eq!(window.next().map(|request| request.len), Some(PIECE));
        let [third] = issue_all(&mut window)[..] else { panic!("one after the other") };
        assert_eq!(consume(&mut window, third, PIECE), Next::More);
        assert_eq!(window.next().map(|request| request.len), Some(PIECE), "for good");
    }

    #[test]
    fn a_short_read_is_an_end_where_the_size_lets_it_be_one() {
        let request = Request { epoch: 0, offset: BLOCK as u64, len: PIECE };
        let follows =
            |size, count| Window::<()>::new(size, PIECE, BLOCK, PIECE).follows(request, count);
        assert_eq!(follows(2 * BLOCK as u64, BLOCK), Next::End);
        assert_eq!(follows(2 * BLOCK as u64 - 1, BLOCK), Next::End, "it has grown");
        assert_eq!(follows(2 * BLOCK as u64 + 1, BLOCK), Next::Restart, "it has shrunk");
        assert_eq!(follows(0, BLOCK), Next::Restart, "it doesn't tell its size");
        assert_eq!(follows(0, 0), Next::End);
        assert_eq!(follows(2 * BLOCK as u64, PIECE), Next::More);
    }

    #[test]
    fn reads_under_way_are_counted() {
        let mut window = Window::new(10 * PIECE as u64, PIECE, BLOCK, 3 * PIECE);
        let issued = issue_all(&mut window);
        assert_eq!(window.in_flight(), 3);
        for (index, &request) in issued.iter().enumerate() {
            assert!(window.arrived(Reply { request, result: Ok((PIECE, ())) }).is_none());
            assert_eq!(window.in_flight(), 2 - index);
        }
        while window
            .take()
            .is_some_and(|taken| consume(&mut window, taken.request, PIECE) == Next::More)
        {}
        let request = window.next().unwrap();
        window.done(Reply { request, result: Ok((PIECE, ())) });
        assert_eq!(window.in_flight(), 0, "it has come back");
        assert_eq!(window.next().map(|request| request.offset), Some(4 * PIECE as u64));
    }

    #[test]
    fn no_more_is_asked_for_than_the_window_takes() {
        let mut window = Window::new(100 * PIECE as u64, PIECE, BLOCK, 3 * PIECE);
        let piece = PIECE as u64;
        assert_eq!(lens(&issue_all(&mut window)), [(0, PIECE), (piece, PIECE), (2 * piece, PIECE)]);
        let first = Request { epoch: 0, offset: 0, len: PIECE };
        assert!(window.arrived(Reply { request: first, result: Ok((PIECE, ())) }).is_none());
        assert!(window.next().is_none(), "it has come, and is not consumed yet");
        let taken = window.take().unwrap();
        assert!(window.next().is_none(), "being consumed");
        assert_eq!(consume(&mut window, taken.request, PIECE), Next::More);
        assert_eq!(lens(&issue_all(&mut window)), [(3 * piece, PIECE)]);
    }

    #[test]
    fn what_was_asked_before_a_restart_is_of_no_use() {
        let mut window = Window::new(10 * PIECE as u64, PIECE, BLOCK, 2 * PIECE);
        let issued = issue_all(&mut window);
        assert!(window.arrived(Reply { request: issued[0], result: Ok((BLOCK, ())) }).is_none());
        let taken = window.take().unwrap();
        assert_eq!(consume(&mut window, taken.request, BLOCK), Next::Restart);
        assert!(window.restart().is_empty());
        assert!(window.arrived(Reply { request: issued[1], result: Ok((PIECE, ())) }).is_some());
        let again = issue_all(&mut window);
        assert_eq!(lens(&again), [(BLOCK as u64, PIECE)], "one after the other");
        assert_eq!(consume(&mut window, again[0], PIECE), Next::More);
        let next = (BLOCK + PIECE) as u64;
        assert_eq!(lens(&issue_all(&mut window)), [(next, PIECE)], "to the end");
    }

    #[test]
    fn another_way_is_read_ahead_as_the_first_was() {
        let mut window = Window::new(10 * PIECE as u64, PIECE, BLOCK, 3 * PIECE);
        let issued = issue_all(&mut window);
        assert!(window.arrived(Reply { request: issued[0], result: Ok((PIECE, ())) }).is_none());
        let taken = window.take().unwrap();
        assert_eq!(consume(&mut window, taken.request, PIECE), Next::More);
        assert!(window.rewind().is_empty());
        let piece = PIECE as u64;
        let again = lens(&issue_all(&mut window));
        assert_eq!(again, [(piece, PIECE), (2 * piece, PIECE), (3 * piece, PIECE)]);
        assert!(window.arrived(Reply { request: issued[1], result: Ok((PIECE, ())) }).is_some());
    }

    #[test]
    fn lengths_are_multiples_of_the_files_block() {
        for size in [0, 1, 4096, 2 * PIECE as u64, 2 * PIECE as u64 + 1, 3 * PIECE as u64 - 4096] {
            let mut window = Window::new(size, 2 * PIECE, PIECE, 100 * PIECE);
            let requests = issue_all(&mut window);
            assert!(requests.iter().all(|request| request.len.is_multiple_of(PIECE)), "{size}");
            let end = requests.last().map(|last| last.offset + last.len as u64);
            assert!(end > Some(size), "a read sees the end");
        }
    }

    #[test]
    fn an_old_reply_is_of_no_use_however_many_restarts_there_were() {
        let mut window = Window::new(10 * PIECE as u64, PIECE, BLOCK, PIECE);
        window.epoch = u32::MAX.into();
        let issued = issue_all(&mut window);
        assert!(window.restart().is_empty());
        assert_ne!(window.next().unwrap().epoch, 0, "that is the epoch of the first reads");
        assert!(window.arrived(Reply { request: issued[0], result: Ok((PIECE, ())) }).is_some());
    }
}
