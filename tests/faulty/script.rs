//! The faulty file system does as it is told, so that the other tests can rely on it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::thread;

use crate::disk::{Faulty, Op, Rule, bytes};
use crate::support::{contents, watched};

fn errno<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[test]
fn without_rules_it_is_a_good_file_system() {
    let Some(disk) = Faulty::mount() else { return };
    let path = disk.file("a", 1 << 20);
    assert_eq!(fs::read(&path).unwrap(), contents(0..1 << 20));
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    file.write_all_at(&[7; 5000], 1000).unwrap();
    file.sync_all().unwrap();
    let mut expected = contents(0..8000);
    expected[1000..6000].fill(7);
    assert_eq!(disk.contents("a")[..8000], expected);
    // What is cut off doesn't come back.
    file.set_len(3000).unwrap();
    file.set_len(8000).unwrap();
    expected[3000..].fill(0);
    assert!(disk.contents("a") == expected && fs::read(&path).unwrap() == expected);
    fs::write(disk.path("new"), b"new").unwrap();
    let names = fs::read_dir(disk.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.eq(["a", "new"]));
    fs::remove_file(&path).unwrap();
    assert_eq!(errno(File::open(&path)), Some(libc::ENOENT));
    assert_eq!([Op::Sync, Op::SetLength].map(|op| disk.count(op)), [1, 2]);
    // The servers of other tests that begin meanwhile have copies of descriptors, and close them.
    assert!(disk.count(Op::Close) >= 3);
}

#[test]
fn rules_choose_requests() {
    let Some(disk) = Faulty::mount() else { return };
    let (a, b) = (disk.uncached("a", 10_000), disk.uncached("b", 10_000));
    let (a, b) = (File::open(a).unwrap(), File::open(b).unwrap());
    let read = |file: &File, offset| {
        let mut bytes = [0; 100];
        file.read_at(&mut bytes, offset).map(|count| bytes[..count].to_vec())
    };
    disk.rule(Rule::on(Op::Read).of("a").at(100).errno(libc::EIO));
    disk.rule(Rule::on(Op::Read).of("a").after(1).times(1).short(10));
    assert_eq!(errno(read(&a, 100)), Some(libc::EIO));
    assert_eq!(read(&b, 100).unwrap(), contents(100..200));
    assert_eq!(read(&a, 0).unwrap(), contents(0..100));
    assert_eq!(read(&a, 0).unwrap(), contents(0..10));
    assert_eq!(read(&a, 0).unwrap(), contents(0..100));
    let offsets = disk.requests(Op::Read, "a").into_iter().map(|request| request.offset);
    assert!(offsets.eq([100, 0, 0, 0]));
    disk.clear();
    disk.rule(Rule::on(Op::Read).every(3).errno(libc::EIO));
    let failed = (0..7).map(|_| read(&b, 0).is_err());
    assert!(failed.eq([true, false, false, true, false, false, true]));
}

#[test]
fn files_change_in_between() {
    let Some(disk) = Faulty::mount() else { return };
    let path = disk.uncached("a", 1000);
    let file = File::open(&path).unwrap();
    disk.rule(Rule::on(Op::Read).of("a").times(1).truncating(600));
    assert_eq!(file.read_at(&mut [0; 900], 0).unwrap(), 600);
    disk.rule(Rule::on(Op::Open).of("a").after(1).times(1).replacing(3, 500));
    assert_eq!(fs::read(&path).unwrap(), contents(0..600));
    // Found before it was replaced, so it is the old one that is opened.
    assert_eq!(fs::read(&path).unwrap(), contents(0..600));
    assert_eq!(fs::read(&path).unwrap(), bytes(3, 0..500));
}

#[test]
fn what_is_held_waits_for_its_release_or_the_end() {
    let Some(disk) = Faulty::mount() else { return };
    let hold = disk.hold();
    disk.rule(Rule::on(Op::Read).held(&hold).short(5));
    let file = File::open(disk.uncached("a", 1000)).unwrap();
    let reads = [(); 3].map(|()| {
        let file = file.try_clone().unwrap();
        thread::spawn(move || file.read_at(&mut [0; 10], 0))
    });
    hold.wait_for(3);
    hold.release_one();
    watched(move || {
        while !reads.iter().any(|read| read.is_finished()) {
            thread::yield_now();
        }
        let (done, waiting): (Vec<_>, Vec<_>) =
            reads.into_iter().partition(|read| read.is_finished());
        assert_eq!(done.len(), 1);
        disk.abort();
        for read in done {
            assert_eq!(read.join().unwrap().unwrap(), 5);
        }
        for read in waiting {
            assert_eq!(errno(read.join().unwrap()), Some(libc::ECONNABORTED));
        }
        assert_eq!(errno(file.read_at(&mut [0; 10], 0)), Some(libc::ENOTCONN));
    });
}
