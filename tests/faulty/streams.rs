//! Readers and writers of files whose file system fails in the middle.

use std::io::{self, ErrorKind, Read, Write};
use std::task::{Context, Waker};

use reapool::{FileHandle, FileReader, FileWriter, IoWay};

use crate::disk::{Faulty, Op, Rule};
use crate::support::{Tended, builder, contents, watched};

const LEN: u64 = 1 << 20;
const CHUNK: usize = 64 << 10;
const WAYS: [IoWay; 2] = [IoWay::Buffered, IoWay::DirectOrBuffered];

/// What a writer says of writes that go wrong, by its end; `None` if it says nothing.
fn told_by_the_end(writer: &mut FileWriter) -> Option<io::Error> {
    writer.write_all(&contents(0..LEN)).err().or_else(|| writer.finish().err())
}

#[test]
fn an_error_of_any_write_is_told_by_the_end() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let jobs = Tended::new(builder());
        for way in WAYS {
            for (place, errno) in [(0, libc::EIO), (5, libc::ENOSPC), (15, libc::EDQUOT)] {
                let path = disk.file("file", 0);
                let offset = place * CHUNK as u64;
                let range = offset..offset + CHUNK as u64;
                disk.rule(Rule::on(Op::Write).of("file").within(range).times(1).errno(errno));
                let submitter = jobs.submitter();
                let mut writer =
                    FileWriter::builder(&submitter).way(way).chunk(CHUNK).create(&path).unwrap();
                let told = told_by_the_end(&mut writer).unwrap();
                let kind = io::Error::from_raw_os_error(errno).kind();
                assert_eq!(told.kind(), kind, "{way:?} at {offset}: {told}");
                assert!(writer.finish().is_err(), "it does not come right any more");
                drop(writer);
                jobs.quiesce();
                disk.clear();
            }
        }
    });
}

#[test]
fn writes_that_are_cut_short_go_on() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let jobs = Tended::new(builder());
        let path = disk.file("file", 0);
        disk.rule(Rule::on(Op::Write).of("file").every(3).short(5000));
        let mut writer = FileWriter::builder(&*jobs).chunk(CHUNK).create(&path).unwrap();
        writer.write_all(&contents(0..LEN + 1)).unwrap();
        assert_eq!(writer.finish().unwrap(), LEN + 1);
        disk.clear();
        assert!(std::fs::read(&path).unwrap() == contents(0..LEN + 1));
    });
}

#[test]
fn after_an_error_a_reader_tries_again_at_the_same_place() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let jobs = Tended::new(builder());
        for way in WAYS {
            for place in [0, 5, 15] {
                let path = disk.uncached("file", LEN);
                let offset = place * CHUNK as u64;
                let range = offset..offset + CHUNK as u64;
                disk.rule(Rule::on(Op::Read).of("file").within(range).errno(libc::EIO));
                let file = FileHandle::options().read(true).way(way).open(&path).unwrap();
                let mut reader = FileReader::builder(&*jobs).chunk(CHUNK).over(file).unwrap();
                let mut found = Vec::new();
                for _ in 0..2 {
                    let error = reader.read_to_end(&mut found).unwrap_err();
                    assert_ne!(error.kind(), ErrorKind::Deadlock, "{error}");
                    assert_eq!(error.kind(), io::Error::from_raw_os_error(libc::EIO).kind());
                }
                assert!(found.len() as u64 <= offset + CHUNK as u64);
                disk.clear();
                reader.read_to_end(&mut found).unwrap();
                assert!(found == contents(0..LEN), "{way:?} at {offset}");
            }
        }
    });
}

#[test]
fn a_block_that_a_flush_has_written_in_part_is_not_written_again_before_that_has_ended() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let (jobs, hold) = (Tended::new(builder()), disk.hold());
        disk.rule(Rule::on(Op::Write).of("file").times(1).held(&hold));
        let path = disk.file("file", 0);
        let submitter = jobs.submitter();
        let mut writer =
            FileWriter::builder(&submitter).way(IoWay::DirectOrBuffered).create(&path).unwrap();
        assert!(writer.file().is_direct());
        let mut context = Context::from_waker(Waker::noop());
        for at in 0..10 {
            assert!(writer.poll_write(&mut context, &contents(at..at + 1)).is_ready());
            assert!(writer.poll_flush(&mut context).is_pending());
        }
        hold.wait_for(1);
        assert_eq!(disk.requests(Op::Write, "file").len(), 1);
        hold.release();
        assert_eq!(writer.finish().unwrap(), 10);
        assert!(std::fs::read(&path).unwrap() == contents(0..10));
    });
}

#[test]
fn a_file_that_cannot_be_made_longer_is_lost_and_no_call_says_otherwise() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let jobs = Tended::new(builder());
        for (given, flush) in [(100, false), (10_000, true), (1 << 20, false)] {
            let path = disk.file("file", 0);
            let builder = FileWriter::builder(&*jobs).way(IoWay::DirectOrBuffered).chunk(CHUNK);
            let mut writer = builder.create(&path).unwrap();
            // Neither ample room, nor just as much as is needed.
            disk.rule(Rule::on(Op::SetLength).of("file").times(2).errno(libc::ENOSPC));
            let bytes = contents(0..given);
            let mut told = bytes.chunks(1000).find_map(|piece| writer.write_all(piece).err());
            if flush {
                told = told.or_else(|| writer.flush().err());
            }
            let told = told.or_else(|| writer.finish().err()).unwrap();
            assert_eq!(told.kind(), ErrorKind::StorageFull, "{told}");
            assert!(writer.write(&[1]).is_err() && writer.flush().is_err());
            assert!(writer.finish().is_err() && writer.finish().is_err());
            drop(writer);
            jobs.quiesce();
            disk.clear();
        }
    });
}

#[test]
fn an_interrupted_write_is_no_reason_to_try_for_ever() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let jobs = Tended::new(builder());
        let path = disk.file("file", 0);
        disk.rule(Rule::on(Op::Write).of("file").times(4).errno(libc::EINTR));
        let builder = FileWriter::builder(&*jobs).way(IoWay::DirectOrBuffered).chunk(4096);
        let mut writer = builder.create(&path).unwrap();
        // Threads do it again, and AIO tells.
        let told = told_by_the_end(&mut writer);
        assert!(told.is_none_or(|told| told.kind() != ErrorKind::Interrupted));
    });
}

/// As on file systems that open files with `O_DIRECT` and then refuse to write them.
#[test]
fn what_is_refused_as_a_direct_write_goes_through_the_page_cache() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let jobs = Tended::new(builder());
        for refused_for_good in [false, true] {
            let path = disk.file("file", 0);
            let builder = FileWriter::builder(&*jobs).way(IoWay::DirectOrBuffered).chunk(CHUNK);
            let mut writer = builder.create(&path).unwrap();
            assert!(writer.file().is_direct());
            let rule = Rule::on(Op::Write).of("file").errno(libc::EINVAL);
            disk.rule(if refused_for_good { rule } else { rule.times(1) });
            let told = told_by_the_end(&mut writer);
            disk.clear();
            if refused_for_good {
                assert_eq!(told.unwrap().raw_os_error(), Some(libc::EINVAL));
            } else {
                assert!(told.is_none(), "{told:?}");
                assert!(std::fs::read(&path).unwrap() == contents(0..LEN));
            }
            drop(writer);
            jobs.quiesce();
        }
    });
}

#[test]
fn where_a_length_can_not_be_set_ahead_the_page_cache_takes_all() {
    watched(|| {
        let Some(disk) = Faulty::mount() else { return };
        let jobs = Tended::new(builder());
        for errno in [libc::EPERM, libc::EINVAL, libc::ENOSYS, libc::EOPNOTSUPP] {
            let path = disk.file("file", 0);
            let builder = FileWriter::builder(&*jobs).way(IoWay::DirectOrBuffered).chunk(CHUNK);
            let mut writer = builder.create(&path).unwrap();
            assert!(writer.file().is_direct());
            disk.rule(Rule::on(Op::SetLength).of("file").errno(errno));
            writer.write_all(&contents(0..LEN + 1)).unwrap();
            assert!(!writer.file().is_direct());
            assert_eq!(writer.finish().unwrap(), LEN + 1, "{errno}");
            disk.clear();
            assert!(std::fs::read(&path).unwrap() == contents(0..LEN + 1));
        }
    });
}
