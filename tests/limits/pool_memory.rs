//! A pool's memory as the kernel sees it: which pages it is in, and when it is given back.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use reapool::{AcquireError, BufferPool, HugePages, PoolBuf};

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child, limit};
use crate::support::proc::mapped;
use crate::support::{HANG, eventually, skipped};

const MIB: usize = 1 << 20;
const SLAB: usize = 2 * MIB;

fn pool(slabs: usize, classes: &[usize], huge_pages: HugePages) -> BufferPool {
    let builder = BufferPool::builder().capacity(slabs * SLAB).huge_pages(huge_pages);
    builder.classes(classes.iter().copied()).build().unwrap()
}

fn address(buffer: &PoolBuf) -> usize {
    buffer.as_ptr().addr()
}

/// The lines about the mapping that has an address, of a file below `/proc/self`.
fn lines_of(file: &str, address: usize) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let range = |line: &str| {
        let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
        let parse = |digits| usize::from_str_radix(digits, 16).ok();
        Some(parse(start)?..parse(end)?)
    };
    let found =
        text.lines().skip_while(|line| range(line).is_none_or(|range| !range.contains(&address)));
    let found: Vec<_> = found.map(str::to_owned).collect();
    let end = found.iter().skip(1).position(|line| range(line).is_some());
    found[..end.map_or(found.len(), |end| end + 1)].to_vec()
}

fn is_mapped(address: usize) -> bool {
    !lines_of("maps", address).is_empty()
}

/// A figure of the mapping that has an address, in bytes.
fn figure(address: usize, name: &str) -> usize {
    let lines = lines_of("smaps", address);
    let figure = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let figure = figure.unwrap_or_else(|| panic!("no {name} in {lines:?}"));
    figure.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// Touches all of a buffer's memory.
fn touched(mut buffer: PoolBuf) -> PoolBuf {
    buffer.resize(buffer.capacity());
    buffer.fill(1);
    buffer
}

#[test]
fn trimming_gives_back_what_is_home() {
    let _alone = alone();
    let pool = pool(8, &[4096, MIB, 2 * SLAB], HugePages::Transparent);
    assert_eq!((pool.trim(), pool.stats().mapped), (0, 0), "nothing is mapped unasked");
    let small: Vec<_> = (0..513).map(|_| pool.acquire(4096).unwrap()).collect();
    let large = touched(pool.acquire(2 * SLAB).unwrap());
    let kept = touched(pool.acquire(MIB).unwrap());
    let (at_home, out) = ([&small[0], &small[512], &large].map(address), address(&kept));
    assert_eq!((pool.trim(), pool.stats().mapped), (0, 5 * SLAB), "all are in use");
    assert!(at_home.into_iter().chain([out]).all(is_mapped));
    drop((small, large));
    assert!(at_home.into_iter().all(is_mapped), "kept for the next");

    assert_eq!(pool.trim(), 4 * SLAB);
    assert!(!at_home.into_iter().any(is_mapped));
    assert!(is_mapped(out) && kept.iter().all(|&byte| byte == 1));
    let stats = pool.stats();
    assert_eq!((stats.mapped, stats.slabs, stats.unmaps), (SLAB, 1, 3));
    assert!(pool.acquire(2 * SLAB).is_ok(), "and mapped again when it is asked for");
}

#[test]
fn the_last_owner_gives_all_back() {
    let _alone = alone();
    let pool = pool(2, &[MIB], HugePages::Transparent);
    let buffers = [(); 3].map(|()| touched(pool.acquire(MIB).unwrap()));
    let addresses = buffers.each_ref().map(address);
    drop(pool);
    assert!(addresses.into_iter().all(is_mapped));
    let [first, second, third] = buffers;
    drop((first, second));
    assert!(is_mapped(addresses[2]) && third.iter().all(|&byte| byte == 1));
    drop(third);
    assert!(!addresses.into_iter().any(is_mapped));
}

#[test]
fn memory_comes_when_it_is_touched_and_stays_within_the_capacity() {
    let _alone = alone();
    let pool = pool(4, &[64 << 10, MIB], HugePages::Off);
    let first = pool.acquire(MIB).unwrap();
    // Neighbours that the kernel has joined with it would be the pool's own: these pages are
    // marked.
    assert_eq!(figure(address(&first), "Rss"), 0, "nothing has been touched");
    let mut buffers = vec![touched(first)];
    buffers.extend(std::iter::from_fn(|| pool.try_acquire(1).ok()).map(touched));
    buffers.extend(std::iter::from_fn(|| pool.try_acquire(MIB).ok()).map(touched));
    let mut resident = BTreeMap::new();
    for address in buffers.iter().map(address) {
        resident.insert(lines_of("maps", address), figure(address, "Rss"));
    }
    assert_eq!(resident.values().sum::<usize>(), 4 * SLAB);
}

/// Limits the addresses that this process may have mapped to those that it has, or lifts that.
fn limit_addresses(limited: bool) {
    assert!(limit(libc::RLIMIT_AS, if limited { mapped() } else { libc::RLIM_INFINITY }));
}

fn is_out_of_memory<T>(result: &Result<T, AcquireError>) -> bool {
    let Err(AcquireError::NoMemory(error)) = result else { return false };
    error.kind() == std::io::ErrorKind::OutOfMemory
}

#[test]
fn memory_that_the_system_does_not_have_is_an_error() {
    let _alone = alone();
    // In a child, as the limit is on the whole process.
    let code = in_child(&mut || {
        let pool = pool(3, &[4096, SLAB], HugePages::Transparent);
        let held = pool.acquire(4096).unwrap();
        limit_addresses(true);
        let refused = [pool.acquire(SLAB), pool.try_acquire(SLAB)];
        let at_hand = pool.acquire(4096).is_ok();
        let mapped = pool.stats().mapped;
        drop(held);
        let cut_anew = pool.acquire(SLAB).is_ok();
        limit_addresses(false);
        let checks = refused.each_ref().map(is_out_of_memory);
        let usable = [(); 3].map(|()| pool.acquire(SLAB)).iter().all(Result::is_ok);
        first_failure(&[checks[0], checks[1], at_hand, mapped == SLAB, cut_anew, usable])
    });
    assert_eq!(code, Some(0));
}

#[test]
fn who_waits_is_told_that_the_system_has_no_memory() {
    let _alone = alone();
    let code = in_child(&mut || {
        let pool = pool(2, &[4096, 2 * SLAB], HugePages::Transparent);
        let small: Vec<_> = (0..513).map(|_| pool.acquire(4096).unwrap()).collect();
        let own = pool.clone();
        let thread = thread::spawn(move || own.acquire_timeout(2 * SLAB, HANG));
        eventually("it waits", || pool.stats().waiting == 1);
        limit_addresses(true);
        // What is unmapped for the long slab is less than what has to be mapped to align that.
        drop(small);
        let answer = thread.join().unwrap();
        limit_addresses(false);
        let usable = pool.acquire(2 * SLAB).is_ok();
        first_failure(&[is_out_of_memory(&answer), pool.stats().waiting == 0, usable])
    });
    assert_eq!(code, Some(0));
}

/// Whether the kernel has transparent huge pages for those who ask; said loudly if not.
fn has_transparent() -> bool {
    let setting = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let granted = setting.as_ref().is_ok_and(|setting| !setting.contains("[never]"));
    if !granted {
        skipped(&format!("transparent huge pages: {setting:?}"));
    }
    granted
}

#[test]
fn transparent_huge_pages_are_used_where_there_are_any() {
    let _alone = alone();
    if !has_transparent() {
        return;
    }
    let pool = pool(8, &[4096, MIB], HugePages::Transparent);
    assert_eq!(pool.huge_page_bytes().unwrap(), 0);
    let buffers: Vec<_> = (0..16).map(|_| touched(pool.acquire(MIB).unwrap())).collect();
    // The system may have none free for some.
    let huge = pool.huge_page_bytes().unwrap();
    assert!((SLAB..=8 * SLAB).contains(&huge), "{huge} bytes");
    let seen = buffers.iter().map(|buffer| figure(address(buffer), "AnonHugePages")).max().unwrap();
    assert!(seen >= SLAB, "{seen} bytes");
}

#[test]
fn without_huge_pages_there_are_none() {
    let _alone = alone();
    let pool = pool(4, &[SLAB], HugePages::Off);
    let buffers = [(); 4].map(|()| touched(pool.acquire(SLAB).unwrap()));
    assert_eq!(pool.huge_page_bytes().unwrap(), 0);
    for buffer in &buffers {
        assert_eq!(figure(address(buffer), "AnonHugePages"), 0);
    }
}

#[test]
fn what_explicit_huge_pages_there_are_not_is_counted_and_replaced() {
    const NEVER_SO_MANY: usize = 1 << 20;
    let _alone = alone();
    let free = free_explicit();
    // More than are set aside, so that at least one slab is not in them.
    if free > 64 {
        return skipped(&format!("falling back from explicit huge pages: {free} are free"));
    }
    let pool = pool(NEVER_SO_MANY, &[MIB, SLAB], HugePages::Explicit);
    let buffers: Vec<_> = (0..=free).map(|_| touched(pool.acquire(SLAB).unwrap())).collect();
    let stats = pool.stats();
    assert!(stats.explicit_fallbacks >= 1, "{stats:?}");
    assert_eq!(stats.explicit_slabs + stats.explicit_fallbacks as usize, buffers.len());
    if has_transparent() {
        assert!(pool.huge_page_bytes().unwrap() > 0, "transparent ones instead");
    }
}

/// How many explicit huge pages of 2 MiB nobody has.
fn free_explicit() -> usize {
    let free = fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
    free.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Sets aside four explicit huge pages until dropped; `None`, said loudly, where that is forbidden.
struct SetAside(String);

const SETTING: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

impl SetAside {
    fn new() -> Option<Self> {
        let before = fs::read_to_string(SETTING).unwrap_or_default();
        let wanted = before.trim().parse::<usize>().unwrap_or(0) + 4;
        let written = fs::write(SETTING, wanted.to_string());
        let guard = written.as_ref().ok().map(|()| Self(before));
        if guard.is_none() || free_explicit() < 4 {
            skipped(&format!("setting aside explicit huge pages: {written:?}"));
            return None;
        }
        guard
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        fs::write(SETTING, self.0.trim()).unwrap();
    }
}

#[test]
fn explicit_huge_pages_are_used_where_there_are_any() {
    let _alone = alone();
    let Some(_set_aside) = SetAside::new() else { return };
    let pool = pool(8, &[MIB, 2 * SLAB], HugePages::Explicit);
    let mut buffers = vec![touched(pool.acquire(2 * SLAB).unwrap())];
    buffers.extend([(); 2].map(|()| touched(pool.acquire(MIB).unwrap())));
    let stats = pool.stats();
    assert_eq!((stats.explicit_slabs, stats.explicit_fallbacks), (2, 0));
    assert_eq!(pool.huge_page_bytes().unwrap(), 3 * SLAB);
    assert_eq!(figure(address(&buffers[0]), "Private_Hugetlb") % SLAB, 0);
    drop(buffers);
    assert_eq!((pool.trim(), pool.stats().explicit_slabs), (3 * SLAB, 0));
    assert!(free_explicit() >= 4, "given back");
}
