//! A file system that fails as told: FUSE, served by threads of the test's own process.
//!
//! A test mounts one, makes files in it, and adds [`Rule`]s: which requests, and what comes of
//! them. What no rule says anything of is done as a good file system does it. Nothing is timed:
//! what is to be late is [held](Rule::held) until the test releases it.
//!
//! ```text
//! let Some(disk) = Faulty::mount() else { return };
//! let path = disk.file("a", 1 << 20);                  // bytes of `support::byte_at`
//! let hold = disk.hold();
//! disk.rule(Rule::on(Op::Read).of("a").at(4096).held(&hold).errno(libc::EIO));
//! ... // submit
//! hold.wait_for(1);                                    // it is with the file system
//! hold.release();                                      // and ends now, with EIO
//! ```
//!
//! # What the kernel makes of it
//!
//! As seen on Linux 6.18, and in its fs/fuse/file.c where a function is named.
//!
//! - **io_submit(2) returns before the answer** for `O_DIRECT` on a mount with `FUSE_ASYNC_DIO`,
//!   which is the default here. It waits for the answer without that ([`Options::asynchronous`]);
//!   of a write that extends the file (`fuse_direct_IO`: "we cannot asynchronously extend the
//!   size"); and, as any reader does, for the file's length, if the kernel doesn't believe the one
//!   that it has (`fuse_update_attributes`). A write waits for the inode's lock, too, which who
//!   extends the file keeps, and a sync, until each is answered. Syncs of AIO are always another
//!   thread's.
//! - **A job is several requests** if it is larger than [`Options::transfer`]. With AIO all of them
//!   are under way together. One error is the result of all, and the count is lost. A short read
//!   ends the job where the first gap is, whatever came behind it (`fuse_aio_complete`); a short
//!   write is `EIO` (`fuse_get_res_by_io`). Otherwise they come one by one, and the first that is
//!   not all ends it.
//! - **A short answer to a read is the end of the file** as far as the page cache is concerned:
//!   what is missing of it reads as zeros. Directly it is a short read; read(2) with `O_DIRECT`,
//!   not AIO, then tries to get the rest through the page cache (`generic_file_read_iter`).
//! - **`RWF_NOWAIT` is refused** with `EOPNOTSUPP`, so that nobody can tell what is cached.
//! - **A broken connection** ends what is with the server with `ECONNABORTED`, and all else with
//!   `ENOTCONN`.
//!
//! A program that includes this has the helpers as `crate::support`. A test that forks must not use
//! this: the server's threads would be missing in the child.

#![allow(dead_code, unused_imports, reason = "the soak, which includes it too, uses a part")]

mod contents;
pub(crate) mod fuse;
mod hold;
mod mount;
mod script;
mod server;
mod tree;

pub(crate) use contents::bytes;
pub(crate) use hold::Hold;
pub(crate) use mount::{Faulty, Options};
pub(crate) use script::{Op, Request, Rule};
