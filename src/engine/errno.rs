//! The meaning of each error of the AIO calls, and the action that it calls for.

use crate::sys::call::Errno;

/// The action after `io_submit` refused the first request of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubmitAction {
    /// Call again with the same batch.
    Retry,
    /// Keep the batch until something completes.
    Park,
    /// End the first job with this error and go on with the second.
    FailFirst,
}

/// The meanings are those of io_submit(2) and of `fs/aio.c`.
pub(crate) fn submit_action(Errno(errno): Errno) -> SubmitAction {
    match errno {
        // Not documented for this call. If it ever comes, nothing was accepted.
        libc::EINTR => SubmitAction::Retry,
        // No free request: the ring is full of events that have not been reaped, or the kernel had
        // no memory for a request. Either passes when something completes.
        libc::EAGAIN => SubmitAction::Park,
        // Any other error is about the first request, and its owner is told:
        //
        // - EBADF: the descriptor isn't open, or not in the mode that the operation needs.
        // - EINVAL: the file does not support the operation, or not with this address, length or
        //   offset (alignment with O_DIRECT). A dead context answers so too, but a context of ours
        //   dies only with the process that made it, and a fork is noticed before a submission.
        // - EFAULT: the buffer, or the array of buffers, is not in this process's memory.
        // - EOPNOTSUPP: the file doesn't know this operation or one of its flags.
        // - EFBIG: a limit on the file's size, RLIMIT_FSIZE or the file system's own.
        // - EPERM, EACCES, EROFS, ENOSYS: a security policy or a read-only state refuses it.
        _ => SubmitAction::FailFirst,
    }
}

/// Why `io_setup` made no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetupFailure {
    /// The system-wide limit `fs.aio-max-nr` would be exceeded.
    Limit,
    /// This kernel has no AIO, or a policy forbids it.
    Unavailable,
    /// More events than the kernel ever grants, or no memory for them.
    TooLarge,
    /// Another reason.
    Other,
}

/// The meanings are those of io_setup(2).
pub(crate) fn setup_failure(Errno(errno): Errno) -> SetupFailure {
    match errno {
        // `aio-nr` plus the number asked for is above `aio-max-nr`.
        libc::EAGAIN => SetupFailure::Limit,
        // CONFIG_AIO is off, or a seccomp filter answers so. Or a seccomp filter or security module
        // refuses the call.
        libc::ENOSYS | libc::EPERM | libc::EACCES => SetupFailure::Unavailable,
        // The kernel's internal limit on events was exceeded. Or there is no kernel memory, or no
        // address space for the ring.
        libc::EINVAL | libc::ENOMEM => SetupFailure::TooLarge,
        _ => SetupFailure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Errno, SetupFailure, SubmitAction, setup_failure, submit_action};

    #[test]
    fn eagain_is_backpressure_and_everything_else_belongs_to_a_job() {
        assert_eq!(submit_action(Errno(libc::EAGAIN)), SubmitAction::Park);
        assert_eq!(submit_action(Errno(libc::EINTR)), SubmitAction::Retry);
        for errno in 1..133 {
            if errno != libc::EAGAIN && errno != libc::EINTR {
                assert_eq!(submit_action(Errno(errno)), SubmitAction::FailFirst, "errno {errno}");
            }
        }
    }

    #[test]
    fn setup_names_the_limit_only_where_it_is_the_reason() {
        assert_eq!(setup_failure(Errno(libc::EAGAIN)), SetupFailure::Limit);
        assert_eq!(setup_failure(Errno(libc::ENOSYS)), SetupFailure::Unavailable);
        assert_eq!(setup_failure(Errno(libc::EPERM)), SetupFailure::Unavailable);
        assert_eq!(setup_failure(Errno(libc::ENOMEM)), SetupFailure::TooLarge);
        assert_eq!(setup_failure(Errno(libc::EFAULT)), SetupFailure::Other);
    }
}
