//! Two names change places in one step.

#![expect(unsafe_code, reason = "renameat2(2) is not in the standard library")]

use std::ffi::CString;
use std::io;

pub(crate) fn exchange(names: &[CString; 2]) -> io::Result<()> {
    let [one, other] = names.each_ref().map(|name| name.as_ptr());
    let here = libc::AT_FDCWD;
    // SAFETY: the pointers are to strings that end with a zero, and live on.
    let answer = unsafe {
        libc::syscall(libc::SYS_renameat2, here, one, here, other, libc::RENAME_EXCHANGE)
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
