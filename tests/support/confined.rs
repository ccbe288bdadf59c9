//! Programs that the system lets do less than usual.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The child's system calls of these numbers fail with this error, as on a file system that can't
/// do what they ask for, or by a container's policy.
pub(crate) fn refuse(command: &mut Command, calls: &[libc::c_long], errno: i32) {
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    // The number of the system call: the first field of `seccomp_data`.
    let mut filter = vec![instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for &call in calls {
        let number = u32::try_from(call).unwrap();
        filter.push(instruction(libc::BPF_JMP | libc::BPF_JEQ, 0, 1, number));
        let error = libc::SECCOMP_RET_ERRNO | errno.cast_unsigned();
        filter.push(instruction(libc::BPF_RET, 0, 0, error));
    }
    filter.push(instruction(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW));
    let confine = move || {
        let len = filter.len() as u16;
        let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
        // SAFETY: a system call without pointers.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        let mode = libc::SECCOMP_MODE_FILTER;
        // SAFETY: the kernel reads the program behind the pointer, and its instructions, all live.
        check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) })
    };
    // SAFETY: it makes system calls and nothing else.
    unsafe { command.pre_exec(confine) };
}

/// The child may have so many files open at a time.
pub(crate) fn limit_files(command: &mut Command, most: u64) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    let confine = move || {
        // SAFETY: the kernel reads the limit behind the pointer, which is live.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
    };
    // SAFETY: it makes a system call and nothing else.
    unsafe { command.pre_exec(confine) };
}

/// The child begins with a signal ignored, as `nohup` has it, or not, whatever the tests are run
/// by.
pub(crate) fn ignore(command: &mut Command, signal: i32, is_ignored: bool) {
    let handler = if is_ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    let set = move || {
        // SAFETY: no function of the program is to be called.
        let before = unsafe { libc::signal(signal, handler) };
        if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: it makes a system call and nothing else.
    unsafe { command.pre_exec(set) };
}

fn check(answer: i32) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
