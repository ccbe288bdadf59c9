//! How much memory this process may use: the machine's, or less if a cgroup limits it.

use std::fs;
use std::path::Path;

use nix::sys::sysinfo::sysinfo;
use procfs_core::process::MountInfo;
use procfs_core::{FromBufRead, ProcessCGroup, ProcessCGroups};

/// The files of a cgroup that limit its memory: of version 1, then of version 2. Beyond the last
/// one, the kernel takes pages out of the page cache, too.
const LIMITS: [&str; 3] = ["memory.limit_in_bytes", "memory.max", "memory.high"];

/// In bytes; 0 if the system does not tell.
pub(crate) fn usable() -> u64 {
    let machine = sysinfo().map_or(0, |information| information.ram_total());
    limit_of_cgroups().map_or(machine, |limit| machine.min(limit))
}

fn limit_of_cgroups() -> Option<u64> {
    let own = fs::read("/proc/self/cgroup").ok()?;
    let own = ProcessCGroups::from_buf_read(&own[..]).ok()?;
    least_limit(&own, &fs::read("/proc/self/mountinfo").ok()?)
}

/// The least limit of the cgroups that a process is in. Those above them limit it, too.
fn least_limit(own: &ProcessCGroups, mountinfo: &[u8]) -> Option<u64> {
    // Others' mounts may have any names. A line that can't be read is none of a cgroup.
    let mounts = String::from_utf8_lossy(mountinfo);
    let mounts = mounts.lines().filter_map(|line| MountInfo::from_line(line).ok());
    let limits = mounts.filter_map(|mount| {
        let own = own.into_iter().find(|group| is_mounted_by(group, &mount))?;
        least_above(own, &mount)
    });
    limits.min()
}

/// Whether it is a cgroup that can have a limit of memory, and this mount has it.
fn is_mounted_by(group: &ProcessCGroup, mount: &MountInfo) -> bool {
    match mount.fs_type.as_str() {
        "cgroup" => {
            mount.super_options.contains_key("memory")
                && group.controllers.iter().any(|name| name == "memory")
        }
        "cgroup2" => group.hierarchy == 0,
        _ => false,
    }
}

fn least_above(own: &ProcessCGroup, mount: &MountInfo) -> Option<u64> {
    let top = &mount.mount_point;
    // In a container, all that is outside may be left out of the mount, or of the process's path.
    let below = Path::new(&own.pathname).strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let own = top.join(below);
    let visible = own.ancestors().take_while(|directory| directory.starts_with(top));
    let files = visible.flat_map(|directory| LIMITS.map(|name| directory.join(name)));
    // Without a limit there is a word, or no file.
    files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use procfs_core::{FromBufRead, ProcessCGroups};
    use tempfile::TempDir;

    use super::{least_limit, usable};

    fn least(own: &str, mounts: &str) -> Option<u64> {
        least_limit(&ProcessCGroups::from_buf_read(own.as_bytes()).unwrap(), mounts.as_bytes())
    }

    /// A directory in the place of a mounted one, with these files.
    fn mounted(files: &[(&str, &str)]) -> TempDir {
        let top = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = top.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("{text}\n")).unwrap();
        }
        top
    }

    fn version_1(root: &str, top: &Path) -> String {
        let top = top.display();
        format!("31 25 0:27 {root} {top} rw,nosuid shared:9 - cgroup cgroup rw,memory\n")
    }

    fn version_2(root: &str, top: &Path) -> String {
        format!("30 25 0:26 {root} {} rw - cgroup2 none rw\n", top.display())
    }

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let top = mounted(&[
            ("memory.limit_in_bytes", "9223372036854771712"),
            ("a/memory.limit_in_bytes", "5000"),
            ("a/b/memory.limit_in_bytes", "7000"),
            ("a/b/c/memory.limit_in_bytes", "3000"),
            ("x/memory.limit_in_bytes", "2000"),
        ]);
        let mounts = version_1("/", top.path());
        assert_eq!(least("4:cpu,memory:/a/b\n", &mounts), Some(5000));
        assert_eq!(least("4:cpu,memory:/a/b/c\n", &mounts), Some(3000));
        assert_eq!(least("4:memory:/\n", &mounts), Some(9_223_372_036_854_771_712));
        assert_eq!(least("4:cpu:/a/b\n0::/a/b\n", &mounts), None);
        assert_eq!(least("4:memory:/a/b\n", ""), None);
    }

    #[test]
    fn version_2_has_two_limits_or_none() {
        let top = mounted(&[
            ("a/memory.max", "max"),
            ("a/memory.high", "max"),
            ("a/b/memory.max", "8000"),
            ("a/b/memory.high", "6000"),
        ]);
        let mounts = version_2("/", top.path());
        assert_eq!(least("0::/a\n", &mounts), None);
        assert_eq!(least("0::/a/b\n", &mounts), Some(6000));
        assert_eq!(least("4:memory:/a/b\n", &mounts), None);
    }

    #[test]
    fn the_memory_controller_may_be_in_either_version_of_two() {
        let one = mounted(&[("a/memory.limit_in_bytes", "4000")]);
        let two = mounted(&[("a/memory.max", "3000")]);
        let mounts = version_1("/", one.path()) + &version_2("/", two.path());
        assert_eq!(least("4:memory:/a\n0::/\n", &mounts), Some(4000));
        assert_eq!(least("4:memory:/\n0::/a\n", &mounts), Some(3000));
    }

    #[test]
    fn a_container_sees_its_own_part() {
        let top = mounted(&[("memory.max", "6000"), ("a/memory.max", "4000")]);
        // The mount is that of the container's cgroup, and paths begin above it, or not.
        assert_eq!(least("0::/docker/1\n", &version_2("/docker/1", top.path())), Some(6000));
        assert_eq!(least("0::/docker/1/a\n", &version_2("/docker/1", top.path())), Some(4000));
        assert_eq!(least("0::/a\n", &version_2("/docker/1", top.path())), Some(6000));
        assert_eq!(least("0::/../2\n", &version_2("/", top.path())), Some(6000));
    }

    #[test]
    fn other_mounts_are_passed_over() {
        let top = mounted(&[("memory.max", "6000")]);
        let mut mounts = b"28 25 0:9 / /m\xff rw - ext4 /dev/x rw\nnot a mount\n".to_vec();
        mounts.extend(version_2("/", top.path()).bytes());
        let own = ProcessCGroups::from_buf_read(&b"0::/\n"[..]).unwrap();
        assert_eq!(least_limit(&own, &mounts), Some(6000));
        let elsewhere = version_2("/", top.path()).replace("cgroup2", "tmpfs");
        assert_eq!(least("0::/\n", &elsewhere), None);
    }

    #[test]
    fn this_process_may_use_some() {
        assert!(usable() > 1 << 20);
    }
}
