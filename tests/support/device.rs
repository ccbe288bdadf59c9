//! Devices and file systems made for one test, where the machine lets us.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::{NamedTempFile, TempDir};

use super::files::in_memory;
use super::{eventually, scratch, skipped};

/// Runs a command, and returns what it printed; `None`, said loudly, if it can't be done here.
fn run(command: &mut Command) -> Option<String> {
    match command.output() {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
        }
        Ok(output) => {
            skipped(&format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()));
            None
        }
        Err(error) => {
            skipped(&format!("{command:?}: {error}"));
            None
        }
    }
}

/// A kind of file system, as mkfs(8) and mount(8) know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Ext4,
    Xfs,
    Btrfs,
}

impl FileSystem {
    pub(crate) const ALL: [Self; 3] = [Self::Ext4, Self::Xfs, Self::Btrfs];

    /// The least that its mkfs takes, and more.
    fn least(self) -> u64 {
        match self {
            Self::Ext4 => 32 << 20,
            Self::Xfs => 304 << 20,
            Self::Btrfs => 128 << 20,
        }
    }

    fn make(self) -> Command {
        let (name, options): (_, &[&str]) = match self {
            // All blocks are for everybody, and its tables are written at once.
            Self::Ext4 => {
                ("mkfs.ext4", &["-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"])
            }
            Self::Xfs => ("mkfs.xfs", &["-q"]),
            Self::Btrfs => ("mkfs.btrfs", &["-q"]),
        };
        let mut command = Command::new(name);
        command.args(options);
        command
    }
}

/// A block device over a file, gone when dropped.
pub(crate) struct Loop {
    device: PathBuf,
    directory: TempDir,
    /// Its name may be another's by now.
    let_go: AtomicBool,
}

impl Loop {
    /// Of so many bytes, in sectors of so many.
    pub(crate) fn new(bytes: u64, sector: u32) -> Option<Self> {
        Self::over(scratch(), bytes, sector)
    }

    /// In memory, where the image takes no more than what is written to it.
    pub(crate) fn in_memory(bytes: u64, sector: u32) -> Option<Self> {
        Self::over(in_memory()?, bytes, sector)
    }

    /// On a file system of its own that has less room than the device says that it has.
    pub(crate) fn promising(bytes: u64, room: &Mount) -> Option<Self> {
        Self::over(TempDir::new_in(room.path()).unwrap(), bytes, 512)
    }

    fn over(directory: TempDir, bytes: u64, sector: u32) -> Option<Self> {
        let image = directory.path().join("image");
        File::create(&image).unwrap().set_len(bytes).unwrap();
        let mut command = Command::new("losetup");
        command.args(["--find", "--show", "--sector-size", &sector.to_string()]).arg(&image);
        let device = PathBuf::from(run(&mut command)?);
        Some(Self { device, directory, let_go: AtomicBool::new(false) })
    }

    /// Makes what is behind so many bytes unreadable: the file ends there.
    pub(crate) fn cut(&self, bytes: u64) {
        let options = File::options().write(true).clone();
        options.open(self.directory.path().join("image")).unwrap().set_len(bytes).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        &self.device
    }

    /// Makes an ext4 file system on it, and mounts that with these options.
    pub(crate) fn format(&self, options: &str) -> Option<Mount> {
        run(Command::new("mkfs.ext4").arg("-q").arg(&self.device))?;
        Mount::new(Command::new("mount").args(["-o", options]).arg(&self.device))
    }

    /// Lets go of the file behind it. The kernel does so when nobody has it open any more.
    pub(crate) fn detach(&self) {
        if !self.let_go.swap(true, Ordering::SeqCst) {
            let _ = Command::new("losetup").arg("--detach").arg(&self.device).output();
        }
    }

    /// Takes the file away from behind it at once, which the only owner of an open descriptor can
    /// do.
    pub(crate) fn take_away(&self, file: &impl AsFd) {
        /// Of `linux/loop.h`.
        const LOOP_CLR_FD: u32 = 0x4c01;
        let gone = || {
            // SAFETY: a system call without pointers, on a descriptor that is borrowed.
            let answer = unsafe { libc::ioctl(file.as_fd().as_raw_fd(), LOOP_CLR_FD as _, 0) };
            answer != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ENXIO)
        };
        // It stays for now if somebody else has it open: who looks for a free one looks at all.
        eventually("the device is taken away", gone);
        self.let_go.store(true, Ordering::SeqCst);
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // As for unmounting: done when the last user is gone.
        self.detach();
    }
}

/// A mounted file system, unmounted when dropped.
pub(crate) struct Mount(TempDir);

impl Mount {
    /// In memory, of so many bytes.
    pub(crate) fn tmpfs(bytes: u64) -> Option<Self> {
        let size = format!("size={bytes}");
        Self::new(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]))
    }

    /// In memory, without direct I/O.
    pub(crate) fn ramfs() -> Option<Self> {
        Self::new(Command::new("mount").args(["-t", "ramfs", "none"]))
    }

    /// A new file system of this kind in memory.
    pub(crate) fn of(kind: FileSystem) -> Option<Self> {
        Self::on(&Loop::in_memory(kind.least(), 512)?, kind)
    }

    /// A new file system of this kind on a device, which stays as long as it is mounted.
    pub(crate) fn on(device: &Loop, kind: FileSystem) -> Option<Self> {
        run(kind.make().arg(device.path()))?;
        Self::new(Command::new("mount").arg(device.path()))
    }

    /// One directory seen through another, where all that is written goes.
    pub(crate) fn overlay(lower: &Path, upper: &Path) -> Option<Self> {
        let [upper, work] = ["upper", "work"].map(|name| upper.join(name));
        [&upper, &work].into_iter().for_each(|directory| fs::create_dir(directory).unwrap());
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.display(),
            work.display()
        );
        Self::new(Command::new("mount").args(["-t", "overlay", "-o", &options, "none"]))
    }

    /// Takes it out of the tree, while files of it are open.
    pub(crate) fn unmount(&self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }

    fn new(command: &mut Command) -> Option<Self> {
        let directory = scratch();
        run(command.arg(directory.path()))?;
        Some(Self(directory))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The kernel lets go of a job's file a moment after its completion.
        self.unmount();
    }
}

/// A file that takes room until it is dropped.
pub(crate) struct Filler(NamedTempFile);

impl Drop for Filler {
    fn drop(&mut self) {
        give_back(self.0.as_file());
    }
}

/// Takes all the room of the file system that a directory is on, but for so many bytes.
pub(crate) fn fill(directory: &Path, left: u64) -> Filler {
    let filler = Filler(NamedTempFile::new_in(directory).unwrap());
    let (file, mut taken) = (filler.0.as_file(), 0);
    // Blocks that nothing else is reserved for, larger ones first.
    for step in [8 << 20, 1 << 20, 64 << 10, 4 << 10] {
        while allocate(file, taken, step) {
            taken += step;
        }
    }
    file.sync_all().unwrap();
    file.set_len(taken.checked_sub(left).expect("there is as much as is to be left")).unwrap();
    file.sync_all().unwrap();
    filler
}

/// Gives back the room that a file takes. To remove it is not enough while somebody has it open, as
/// a program has that another test starts: it has copies of all descriptors for a moment.
pub(crate) fn give_back(file: &File) {
    file.set_len(0).unwrap();
    file.sync_all().unwrap();
}

fn allocate(file: &File, offset: u64, bytes: u64) -> bool {
    let (offset, bytes) = (offset.cast_signed(), bytes.cast_signed());
    // SAFETY: a system call without pointers.
    let answer = unsafe { libc::fallocate(file.as_raw_fd(), 0, offset, bytes) };
    answer == 0
}
