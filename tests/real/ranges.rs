//! Ranges of block devices.

use std::fs::File;
use std::os::unix::fs::FileExt;

use reapool::FileHandle;

use crate::support::contents;
use crate::support::device::Loop;
use crate::support::ranges::check;

#[test]
fn ranges_of_devices() {
    for sector in [512, 4096] {
        let Some(device) = Loop::new(1 << 16, sector) else { return };
        let path = device.path();
        let writable = File::options().write(true).open(path).unwrap();
        writable.write_all_at(&contents(0..1 << 16), 0).unwrap();
        check(path, &FileHandle::open_direct(path).unwrap(), 1 << 16);
    }
}
