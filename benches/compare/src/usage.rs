//! The resources that this process has used so far: time and switches by getrusage(2), memory by
//! proc_pid_status(5).

#![expect(unsafe_code, reason = "a system call that the standard library lacks")]

use std::fs;
use std::io;
use std::mem::MaybeUninit;

/// The time and the switches of all threads, including those that have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    pub(crate) voluntary: u64,
    pub(crate) involuntary: u64,
}

fn usage_of(whose: libc::c_int) -> libc::rusage {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes one `rusage` through the pointer, which is to a live local of that
    // type.
    let ret = unsafe { libc::getrusage(whose, usage.as_mut_ptr()) };
    assert_eq!(ret, 0, "getrusage: {}", io::Error::last_os_error());
    // SAFETY: the call succeeded, so it has written the value. All zero bytes are a valid value
    // too.
    unsafe { usage.assume_init() }
}

impl Usage {
    pub(crate) fn now() -> Self {
        Self::of(&usage_of(libc::RUSAGE_SELF))
    }

    /// Includes the processes that this one has started and waited for.
    pub(crate) fn with_children() -> Self {
        let (own, children) = (Self::now(), Self::of(&usage_of(libc::RUSAGE_CHILDREN)));
        Self {
            user_us: own.user_us + children.user_us,
            system_us: own.system_us + children.system_us,
            voluntary: own.voluntary + children.voluntary,
            involuntary: own.involuntary + children.involuntary,
        }
    }

    fn of(usage: &libc::rusage) -> Self {
        let microseconds = |time: libc::timeval| time.tv_sec as f64 * 1e6 + time.tv_usec as f64;
        Self {
            user_us: microseconds(usage.ru_utime),
            system_us: microseconds(usage.ru_stime),
            voluntary: usage.ru_nvcsw as u64,
            involuntary: usage.ru_nivcsw as u64,
        }
    }
}

/// The most bytes that this process had resident, or any process that it has started and waited
/// for.
pub(crate) fn peak_memory() -> io::Result<u64> {
    // `ru_maxrss` is no help here: a process keeps it when it turns into another program, so it
    // includes the memory of the program that started this one.
    let own = resident("VmHWM:")?;
    Ok(own.max(usage_of(libc::RUSAGE_CHILDREN).ru_maxrss as u64 * 1024))
}

/// A line of `/proc/self/status`, in bytes: `VmRSS:` for what is resident now, `VmHWM:` for the
/// peak.
pub(crate) fn resident(line: &str) -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let rest = status.lines().find_map(|other| other.strip_prefix(line));
    let number = rest.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kibibytes = number.and_then(|number| number.trim().parse::<u64>().ok());
    kibibytes.map(|count| count * 1024).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::process::Command;

    use super::{Usage, peak_memory, resident};

    #[test]
    fn the_peak_stays_when_memory_has_been_given_back() {
        const LEN: usize = 256 << 20;
        drop(black_box(vec![1_u8; LEN]));
        let peak = peak_memory().unwrap();
        assert!(peak >= LEN as u64, "{peak}");
        assert!(resident("VmRSS:").unwrap() <= peak);
        assert!(resident("Nonsense:").is_err());
    }

    #[test]
    fn what_a_child_used_is_counted() {
        let count = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", count]).status().unwrap().success());
        // `own` is taken later, so without the child it could only be more.
        let (all, own) = (Usage::with_children(), Usage::now());
        assert!(all.user_us + all.system_us > own.user_us + own.system_us, "{all:?}, {own:?}");
    }
}
