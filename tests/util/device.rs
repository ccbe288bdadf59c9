//! Devices and file systems made for one test, where the machine lets us.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{scratch, skipped};

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

/// A block device over a file, gone when dropped.
pub(crate) struct Loop {
    device: PathBuf,
    directory: TempDir,
}

impl Loop {
    /// Of so many bytes, in sectors of so many.
    pub(crate) fn new(bytes: u64, sector: u32) -> Option<Self> {
        let directory = scratch();
        let image = directory.path().join("image");
        File::create(&image).unwrap().set_len(bytes).unwrap();
        let mut command = Command::new("losetup");
        command.args(["--find", "--show", "--sector-size", &sector.to_string()]).arg(&image);
        let device = PathBuf::from(run(&mut command)?);
        Some(Self { device, directory })
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
}

impl Drop for Loop {
    fn drop(&mut self) {
        // As for unmounting: done when the last user is gone.
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).output();
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
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}
