//! Where this process can make memory cgroups.

use std::fs;
use std::path::{Path, PathBuf};

use procfs_core::process::{MountInfo, MountInfos};
use procfs_core::{FromRead, ProcessCGroup, ProcessCGroups};

use crate::failure::{Failure, Result};

/// The kernel has two interfaces of cgroups. Where both are mounted, the memory controller belongs
/// to one of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Version {
    One,
    Two,
}

/// A cgroup in which this process can make others that limit memory, if it has the right to.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Parent {
    pub(crate) version: Version,
    pub(crate) directory: PathBuf,
}

impl Parent {
    pub(crate) fn find() -> Result<Self> {
        let own = ProcessCGroups::from_file("/proc/self/cgroup").map_err(Failure::failed)?;
        let mounts = MountInfos::from_file("/proc/self/mountinfo").map_err(Failure::failed)?;
        Self::among(&own, &mounts).ok_or_else(|| {
            Failure::failed("no mounted cgroup of this process hands on the memory controller")
        })
    }

    fn among(own: &ProcessCGroups, mounts: &MountInfos) -> Option<Self> {
        [Version::One, Version::Two].into_iter().find_map(|version| {
            let mount = mounts.iter().find(|mount| version.is_mounted_by(mount))?;
            let own = own.into_iter().find(|group| version.has(group))?;
            let directory = nearest(version, own, mount)?;
            Some(Self { version, directory })
        })
    }
}

/// The nearest cgroup that hands on the memory controller: the process's own, or one above it.
fn nearest(version: Version, own: &ProcessCGroup, mount: &MountInfo) -> Option<PathBuf> {
    let top = &mount.mount_point;
    // In a container, all that is outside may be left out of the mount, or of the process's path.
    let below = Path::new(&own.pathname).strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let own = top.join(below);
    let mut visible = own.ancestors().take_while(|directory| directory.starts_with(top));
    visible.find(|directory| version.hands_on_memory(directory)).map(Path::to_path_buf)
}

impl Version {
    pub(crate) fn limit_file(self) -> &'static str {
        match self {
            Self::One => "memory.limit_in_bytes",
            Self::Two => "memory.max",
        }
    }

    pub(crate) fn usage_file(self) -> &'static str {
        match self {
            Self::One => "memory.usage_in_bytes",
            Self::Two => "memory.current",
        }
    }

    fn is_mounted_by(self, mount: &MountInfo) -> bool {
        match self {
            Self::One => mount.fs_type == "cgroup" && mount.super_options.contains_key("memory"),
            Self::Two => mount.fs_type == "cgroup2",
        }
    }

    fn has(self, group: &ProcessCGroup) -> bool {
        match self {
            Self::One => group.controllers.iter().any(|name| name == "memory"),
            Self::Two => group.hierarchy == 0,
        }
    }

    fn hands_on_memory(self, directory: &Path) -> bool {
        match self {
            Self::One => true,
            Self::Two => fs::read_to_string(directory.join("cgroup.subtree_control"))
                .is_ok_and(|names| names.split_whitespace().any(|name| name == "memory")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use procfs_core::process::MountInfos;
    use procfs_core::{FromBufRead, ProcessCGroups};

    use super::{Parent, Version};

    fn parent(own: &str, mounts: &str) -> Option<Parent> {
        let own = ProcessCGroups::from_buf_read(own.as_bytes()).unwrap();
        let mounts = MountInfos::from_buf_read(mounts.as_bytes()).unwrap();
        Parent::among(&own, &mounts)
    }

    fn found(version: Version, directory: impl AsRef<Path>) -> Option<Parent> {
        Some(Parent { version, directory: directory.as_ref().into() })
    }

    #[test]
    fn of_version_1_it_is_the_process_s_own() {
        let own = "9:cpu,memory:/a/b\n4:pids:/\n0::/c\n";
        let mounts = "30 25 0:26 / /cg/pids rw - cgroup cgroup rw,pids\n\
                      31 25 0:27 / /cg/memory rw - cgroup cgroup rw,cpu,memory\n";
        assert_eq!(parent(own, mounts), found(Version::One, "/cg/memory/a/b"));
        let of_a_container = mounts.replace("0:27 / ", "0:27 /a/b ");
        assert_eq!(parent(own, &of_a_container), found(Version::One, "/cg/memory"));
        let elsewhere = mounts.replace("0:27 / ", "0:27 /x ");
        assert_eq!(parent(own, &elsewhere), found(Version::One, "/cg/memory"));
    }

    #[test]
    fn of_version_2_it_is_the_nearest_that_hands_on_memory() {
        let top = tempfile::tempdir().unwrap();
        let (user, session) = (top.path().join("user"), top.path().join("user/session"));
        fs::create_dir_all(&session).unwrap();
        let hand_on = |directory: &Path, names| {
            fs::write(directory.join("cgroup.subtree_control"), names).unwrap();
        };
        hand_on(&session, "\n");
        hand_on(&user, "cpu pids\n");
        hand_on(top.path(), "cpu memory pids\n");
        let mounts = format!("30 25 0:26 / {} rw - cgroup2 none rw\n", top.path().display());
        let own = "0::/user/session\n";
        assert_eq!(parent(own, &mounts), found(Version::Two, top.path()));
        hand_on(&user, "memory\n");
        assert_eq!(parent(own, &mounts), found(Version::Two, &user));
        fs::remove_file(user.join("cgroup.subtree_control")).unwrap();
        hand_on(top.path(), "memory_other\n");
        assert_eq!(parent(own, &mounts), None);
    }

    #[test]
    fn version_2_is_taken_where_version_1_has_no_memory() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("cgroup.subtree_control"), "memory").unwrap();
        let mounts = format!(
            "30 25 0:26 / /cg/pids rw - cgroup cgroup rw,pids\n\
             31 25 0:27 / {} rw shared:4 - cgroup2 none rw\n",
            top.path().display()
        );
        assert_eq!(parent("4:pids:/\n0::/\n", &mounts), found(Version::Two, top.path()));
        assert_eq!(parent("4:pids:/\n0::/\n", ""), None);
    }
}
