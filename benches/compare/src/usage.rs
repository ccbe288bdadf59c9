//! What this process has used so far: getrusage(2).

#![expect(unsafe_code, reason = "a system call that the standard library lacks")]

use std::mem::MaybeUninit;

/// All threads together, those that have ended included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    pub(crate) voluntary: u64,
    pub(crate) involuntary: u64,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: writes one `rusage` through the pointer to a live local of that type.
        let ret = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
        assert_eq!(ret, 0, "getrusage: {}", std::io::Error::last_os_error());
        // SAFETY: the call succeeded and so has written it; all zero bytes were valid before, too.
        let usage = unsafe { usage.assume_init() };
        let microseconds = |time: libc::timeval| time.tv_sec as f64 * 1e6 + time.tv_usec as f64;
        Self {
            user_us: microseconds(usage.ru_utime),
            system_us: microseconds(usage.ru_stime),
            voluntary: usage.ru_nvcsw as u64,
            involuntary: usage.ru_nivcsw as u64,
        }
    }
}
