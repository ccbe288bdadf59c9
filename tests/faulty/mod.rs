//! A file system that fails as told: FUSE, served by threads of the test's own process.
//!
//! A test mounts one, makes files in it, and adds [`Rule`]s: which requests, and what comes of them.
//! What no rule says anything of is done as a good file system does it. Nothing is timed: what is to be
//! late is [held](Rule::held) until the test releases it.
//!
//! ```text
//! let Some(disk) = Faulty::mount() else { return };
//! let path = disk.file("a", 1 << 20);                  // bytes of `util::byte_at`
//! let hold = disk.hold();
//! disk.rule(Rule::on(Op::Read).of("a").at(4096).held(&hold).errno(libc::EIO));
//! ... // submit
//! hold.wait_for(1);                                    // it is with the file system
//! hold.release();                                      // and ends now, with EIO
//! ```
//!
//! Whoever uses this has `mod util;` beside it. A test that forks must not: the server's threads would
//! be missing in the child.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]

mod contents;
mod hold;
mod mount;
mod script;
mod server;
mod tree;

pub(crate) use contents::bytes;
pub(crate) use hold::Hold;
pub(crate) use mount::{Faulty, Options};
pub(crate) use script::{Op, Request, Rule};
