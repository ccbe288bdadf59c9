//! Serving a file system from within a test: mounting it, and what all files say of themselves.
//!
//! Whoever waits for an answer can't be killed until the connection ends, with its last descriptor;
//! and would keep that, if it had the same table of descriptors. So the server's threads have a
//! table of their own, in which nothing is but the connection: they can be killed, so it is closed,
//! all that is under way ends with `ECONNABORTED`, and the process ends. It follows that requests
//! can be answered by these threads only.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use fuser::{Config, FileAttr, FileType, Filesystem, INodeNo, Session, SessionACL};
use nix::mount::{MsFlags, mount};

/// Mounts a file system at a directory, with these options besides the necessary ones, and serves
/// it on another thread. The calling thread, which has just begun, gets a table of descriptors of
/// its own.
pub(crate) fn serve(
    name: &str,
    filesystem: impl Filesystem,
    directory: &Path,
    options: &str,
) -> io::Result<JoinHandle<io::Result<()>>> {
    leave_descriptors()?;
    let device = OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
    let fd = device.as_raw_fd();
    let data = format!("fd={fd},rootmode=40755,user_id=0,group_id=0{options}");
    let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
    mount(Some(name), directory, Some("fuse"), flags, Some(&*data))?;
    let device = OwnedFd::from(device);
    let session = Session::from_fd(filesystem, device, SessionACL::Owner, Config::default())?;
    thread::Builder::new().name(format!("{name}-session")).spawn(move || session.run())
}

/// Gives the calling thread a descriptor table of its own, with nothing in it but the standard
/// streams.
#[expect(unsafe_code, reason = "the system call is not in the libraries")]
fn leave_descriptors() -> io::Result<()> {
    // SAFETY: no pointers are passed. No descriptor is closed for anybody else, as the table is
    // copied first, and this thread, which has just begun, owns none.
    let left = unsafe { libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_UNSHARE as i32) };
    if left == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What a file says of itself, which was changed at this time.
pub(crate) fn attributes(
    number: u64,
    kind: FileType,
    perm: u16,
    size: u64,
    changed: SystemTime,
) -> FileAttr {
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: changed,
        mtime: changed,
        ctime: changed,
        crtime: changed,
        kind,
        perm,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}
