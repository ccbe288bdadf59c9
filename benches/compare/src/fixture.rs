//! The files and devices that contenders read. They are made before the comparison and removed
//! after it, however it ends.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::load::word_at;
use crate::options::Options;
use crate::stderr;
use crate::stop::{Stop, Trouble};
use crate::task::{Device, Place};

const LOOP_LEN: u64 = 512 << 20;
const DISK_LEN: u64 = 1 << 30;

/// A device that is ready to be read, until this is dropped.
pub(crate) struct Fixture {
    pub(crate) place: Place,
    /// Fields drop in this order: a loop device is detached before its image is removed.
    _attached: Option<Attached>,
    _directory: Option<TempDir>,
}

impl Fixture {
    pub(crate) fn make(device: Device, options: &Options, stop: &Stop) -> Result<Self, Trouble> {
        match device {
            Device::Null | Device::None => Ok(Self {
                place: Place { device, path: "/dev/null".into(), len: DISK_LEN },
                _attached: None,
                _directory: None,
            }),
            Device::Loop => {
                let (directory, image) = filled(Path::new("/dev/shm"), LOOP_LEN, stop)?;
                let attached = Attached::to(&image)?;
                let place = Place { device, path: attached.0.clone(), len: LOOP_LEN };
                Ok(Self { place, _attached: Some(attached), _directory: Some(directory) })
            }
            Device::Disk => {
                let (directory, path) = filled(&disk_directory(options)?, DISK_LEN, stop)?;
                let place = Place { device, path, len: DISK_LEN };
                Ok(Self { place, _attached: None, _directory: Some(directory) })
            }
        }
    }
}

fn absent(what: &str, error: &io::Error) -> Trouble {
    Trouble::Unavailable(format!("{what}: {error}"))
}

/// The directory for files on disk: beside the program, unless the options say otherwise.
pub(crate) fn disk_directory(options: &Options) -> Result<PathBuf, Trouble> {
    if let Some(directory) = &options.disk_dir {
        return Ok(directory.clone());
    }
    let program = env::current_exe().map_err(|error| absent("the program", &error))?;
    Ok(program.parent().unwrap_or(Path::new(".")).to_owned())
}

/// A new directory. It is removed with everything in it when this is dropped.
pub(crate) fn directory_in(parent: &Path) -> Result<TempDir, Trouble> {
    tempfile::Builder::new()
        .prefix("reapool-compare-")
        .tempdir_in(parent)
        .map_err(|error| absent("a directory for the files", &error))
}

/// A file without holes, on the device and not only in the page cache.
fn filled(parent: &Path, len: u64, stop: &Stop) -> Result<(TempDir, PathBuf), Trouble> {
    let directory = directory_in(parent)?;
    let path = directory.path().join("blocks");
    let write = |error: io::Error| absent("the file", &error);
    let file = File::create(&path).map_err(write)?;
    let mut writer = BufWriter::with_capacity(1 << 20, &file);
    for offset in (0..len).step_by(8) {
        if offset.is_multiple_of(1 << 20) && stop.is_asked() {
            return Err(Trouble::Stopped);
        }
        writer.write_all(&word_at(offset).to_le_bytes()).map_err(write)?;
    }
    writer.flush().map_err(write)?;
    drop(writer);
    file.sync_all().map_err(write)?;
    // A direct read takes longer if the page cache holds a part of the file.
    let dropped = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    dropped.map_err(|error| write(error.into()))?;
    Ok((directory, path))
}

/// A command that Ctrl-C does not reach: if it ended in the middle, it could leave a device behind
/// that nobody knows of.
fn losetup() -> Command {
    let mut command = Command::new("losetup");
    command.process_group(0);
    command
}

/// A loop device, detached when this is dropped.
struct Attached(PathBuf);

impl Attached {
    fn to(image: &Path) -> Result<Self, Trouble> {
        let output = losetup()
            .args(["--direct-io=off", "--find", "--show"])
            .arg(image)
            .output()
            .map_err(|error| absent("losetup", &error))?;
        let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(Self(printed(&output.stdout).into()))
        } else {
            Err(Trouble::Unavailable(printed(&output.stderr)))
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let status = losetup().arg("--detach").arg(&self.0).status();
        if !status.is_ok_and(|status| status.success()) {
            stderr::complain(format_args!("{} could not be detached", self.0.display()));
        }
    }
}
