//! Forked children: each is refused clearly whatever it asks of its parent's, and the parent goes
//! on.
//!
//! A process of its own, and one test at a time: each takes [`support::alone`]. A child has copies
//! of all descriptors, without the threads that use them, and gets the locks as they are: with
//! another test beside it, it would have that one's too.

mod completion_queue;
mod dispatcher;
mod event_loop;
mod killed;
mod pool;
mod scope;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
