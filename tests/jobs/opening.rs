//! Opening files by options: which go together, what they do to a file, and what the handle knows.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use reapool::{
    Access, AlignedBuf, Completion, FileHandle, FileKind, IoWay, Job, Links, OpenOptions,
    ReadHistory,
};

use crate::support::{
    self, aligned, contents, known_file, make_fifo, open_direct, scratch, watched,
};

const WAYS: [IoWay; 4] =
    [IoWay::Buffered, IoWay::Direct, IoWay::DirectOrBuffered, IoWay::Automatic];

/// The flags of the open file.
fn flags(file: &impl AsFd) -> OFlag {
    OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL).unwrap())
}

/// The descriptors of this process that lead to this path or below it.
fn descriptors(path: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    // Other tests close theirs meanwhile.
    all.filter(|fd| fs::read_link(fd).is_ok_and(|target| target.starts_with(path))).collect()
}

/// Whether the descriptor, named by its path in `/proc/self/fd`, was opened with this flag.
fn has_flag(fd: &Path, flag: i32) -> bool {
    let info = fs::read_to_string(fd.to_str().unwrap().replace("/fd/", "/fdinfo/")).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    i32::from_str_radix(flags.trim(), 8).unwrap() & flag != 0
}

/// Opens with the same six options as `bits` says, by the standard library and by this crate.
fn both(bits: u32, own: &Path, other: &Path) -> (io::Result<FileHandle>, io::Result<File>) {
    let [read, write, append, truncate, create, create_new] =
        [0, 1, 2, 3, 4, 5].map(|bit| bits >> bit & 1 == 1);
    let mut options = FileHandle::options();
    options.read(read).write(write).append(append);
    options.truncate(truncate).create(create).create_new(create_new).mode(0o640);
    let mut std = File::options();
    std.read(read).write(write).append(append);
    std.truncate(truncate).create(create).create_new(create_new).mode(0o640);
    (options.open(own).map_err(io::Error::from), std.open(other))
}

#[test]
fn they_mean_the_same_as_those_of_the_standard_library() {
    let directory = scratch();
    let [own, other] = ["own", "other"].map(|name| directory.path().join(name));
    let state = |path: &Path| {
        let mode = fs::metadata(path).map(|metadata| metadata.permissions().mode()).ok();
        (mode, fs::read(path).ok())
    };
    for (bits, is_there) in (0..64).flat_map(|bits| [(bits, false), (bits, true)]) {
        for path in [&own, &other] {
            let _ = fs::remove_file(path);
            if is_there {
                fs::write(path, "before").unwrap();
            }
        }
        match both(bits, &own, &other) {
            (Ok(file), Ok(std)) => assert_eq!(flags(&file), flags(&std), "{bits:#b}"),
            (Err(error), Err(std)) => assert_eq!(error.kind(), std.kind(), "{bits:#b}"),
            outcomes => panic!("{bits:#b}, {is_there}: {outcomes:?}"),
        }
        assert_eq!(state(&own), state(&other), "{bits:#b}, {is_there}");
    }
}

#[test]
fn permissions_are_those_that_were_asked_for_less_the_umask() {
    let directory = scratch();
    let created = |name: &str, mode: Option<u32>| {
        let path = directory.path().join(name);
        let (mut options, mut std) = (FileHandle::options(), File::options());
        options.write(true).create(true);
        std.write(true).create(true).truncate(true);
        if let Some(mode) = mode {
            options.mode(mode);
            std.mode(mode);
        }
        let mode_of = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        options.open(&path).unwrap();
        let own = mode_of(&path);
        options.mode(0o777).open(&path).unwrap();
        assert_eq!(mode_of(&path), own, "a file that is there keeps its permissions");
        std.open(path.with_extension("std")).unwrap();
        (own, mode_of(&path.with_extension("std")))
    };
    for (name, mode) in [("a", Some(0o600)), ("b", Some(0o777)), ("c", Some(0o400)), ("d", None)] {
        let (own, std) = created(name, mode);
        assert_eq!(own, std, "{mode:?}");
        assert_eq!(own & !mode.unwrap_or(0o666), 0);
    }
    assert_eq!(created("e", Some(0o600)).0, 0o600, "no umask takes the owner's");
}

#[test]
fn what_contradicts_itself_is_refused_with_advice_and_does_nothing() {
    type Set = fn(&mut OpenOptions) -> &mut OpenOptions;
    let cases: [(Set, &str); 12] = [
        (|it| it, "set `read`, `write` or `append`"),
        (|it| it.create(true), "set `read`, `write` or `append`"),
        (|it| it.read(true).create(true), "set `write` or `append` as well"),
        (|it| it.read(true).create_new(true), "set `write` or `append` as well"),
        (|it| it.read(true).truncate(true), "set `write` or `append` as well"),
        (|it| it.append(true).truncate(true).create(true), "set `write` instead of `append`"),
        (|it| it.write(true).create(true).way(IoWay::Automatic), "set `read` as well"),
        (
            |it| it.read(true).write(true).create(true).history(&ReadHistory::new(1)),
            "set `IoWay::Automatic` as well",
        ),
        (|it| it.write(true).create(true).custom_flags(libc::O_DIRECT), "`way` (for `O_DIRECT`)"),
        (|it| it.write(true).create(true).custom_flags(libc::O_TRUNC), "call these instead"),
        (|it| it.write(true).custom_flags(libc::O_CREAT), "call these instead"),
        (|it| it.write(true).create(true).custom_flags(libc::O_PATH), "leave that flag out"),
    ];
    let directory = scratch();
    let (there, missing) = (known_file(directory.path(), "there", 10), "missing");
    for (set, advice) in cases {
        for path in [&there, &directory.path().join(missing)] {
            let error = set(&mut FileHandle::options()).open(path).unwrap_err();
            assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::InvalidInput, None));
            let text = error.to_string();
            assert!(text.contains(advice) && text.contains(path.to_str().unwrap()), "{text}");
        }
        assert_eq!(fs::read(&there).unwrap(), contents(0..10));
        assert!(!directory.path().join(missing).exists());
        assert!(descriptors(directory.path()).is_empty());
    }
}

#[test]
fn a_link_is_followed_or_refused() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    known_file(directory.path(), "known", 10);
    symlink("known", path("link")).unwrap();
    symlink(".", path("here")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    let open = |links, way, name: &str| {
        FileHandle::options().read(true).way(way).links(links).open(path(name))
    };
    for way in [IoWay::Buffered, IoWay::DirectOrBuffered, IoWay::Automatic] {
        assert_eq!(open(Links::Follow, way, "link").unwrap().size().unwrap(), 10);
        assert_eq!(open(Links::Refuse, way, "known").unwrap().size().unwrap(), 10);
        assert_eq!(open(Links::Refuse, way, "here/known").unwrap().size().unwrap(), 10);
        let error = open(Links::Refuse, way, "link").unwrap_err();
        assert_eq!((error.raw_os_error(), &error.path), (Some(libc::ELOOP), &path("link")));
        let text = error.to_string();
        assert!(text.ends_with("(with `Links::Refuse` the path may not end in a symbolic link)"));
    }
    let mut creating = FileHandle::options();
    creating.write(true).create_new(true).way(IoWay::DirectOrBuffered);
    let error = creating.open(path("dangling")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    creating.create_new(false).create(true).links(Links::Refuse);
    assert_eq!(creating.open(path("dangling")).unwrap_err().raw_os_error(), Some(libc::ELOOP));
    assert!(!path("nowhere").exists());
    creating.links(Links::Follow).open(path("dangling")).unwrap();
    assert!(path("nowhere").exists());
}

#[test]
fn an_error_names_the_path_and_what_the_system_does_not_say() {
    let directory = scratch();
    let missing = directory.path().join("no such\nfile");
    for way in WAYS {
        let error = FileHandle::options().read(true).way(way).open(&missing).unwrap_err();
        assert_eq!((error.raw_os_error(), &error.path), (Some(libc::ENOENT), &missing));
        let text = io::Error::from(error).to_string();
        assert!(text.contains("no such\\nfile failed: No such file"), "{text}");
        assert!(text.ends_with("(os error 2)"), "{text}");
        let mut writing = FileHandle::options();
        writing.read(true).write(true).way(way);
        let error = writing.open(directory.path()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EISDIR));
    }
    let error = FileHandle::open_direct("/proc/version").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    assert!(error.to_string().ends_with("`IoWay::DirectOrBuffered` does without)"), "{error}");
    assert!(descriptors(directory.path()).is_empty());
}

fn done(file: &FileHandle, job: impl FnOnce(&FileHandle) -> Job<Done>) -> Done {
    let jobs = support::builder().depth(4).workers(1).build().unwrap();
    jobs.spawn(job(file)).unwrap().join().unwrap()
}

type Done = Completion<AlignedBuf>;

fn write(bytes: &[u8], offset: u64) -> impl FnOnce(&FileHandle) -> Job<Done> {
    let buffer = aligned(bytes);
    move |file| Job::write(file, buffer, offset, |done| done)
}

fn read(offset: u64) -> impl FnOnce(&FileHandle) -> Job<Done> {
    move |file| Job::read(file, AlignedBuf::zeroed(8192), offset, |done| done)
}

#[test]
fn each_way_writes_a_new_file_and_reads_it() {
    let directory = scratch();
    let has_direct_io = open_direct(&directory.path().join("probe")).is_some();
    for way in WAYS {
        if way == IoWay::Direct && !has_direct_io {
            continue;
        }
        let path = directory.path().join(format!("{way:?}"));
        let mut options = FileHandle::options();
        options.read(true).write(true).create_new(true).way(way);
        let file = options.open(&path).unwrap();
        assert_eq!(options.open(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        let is_direct = has_direct_io && [IoWay::Direct, IoWay::DirectOrBuffered].contains(&way);
        assert_eq!((file.is_direct(), file.kind()), (is_direct, FileKind::Regular));
        assert_eq!(flags(&file).contains(OFlag::O_DIRECT), is_direct);
        assert!(!file.is_automatic() || way == IoWay::Automatic);
        let fds = descriptors(&path);
        assert_eq!(fds.len(), if file.is_automatic() { 2 } else { 1 });
        for fd in fds {
            assert!(has_flag(&fd, libc::O_CLOEXEC), "{way:?}");
        }
        let expected = if is_direct { Access::Direct } else { Access::Buffered };
        let written = done(&file, write(&contents(0..8192), 0));
        assert_eq!((written.result.unwrap(), written.access), (8192, Some(expected)), "{way:?}");
        let back = done(&file, read(4096));
        assert_eq!(back.data(), contents(4096..8192), "{way:?}");
        assert_eq!(back.access == Some(Access::Direct), is_direct && !file.is_automatic());
        assert_eq!(fs::read(&path).unwrap(), contents(0..8192));
    }
}

#[test]
fn the_descriptor_for_direct_reads_leaves_times_alone_as_the_other_does() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 10);
    let mut options = FileHandle::options();
    options.read(true).way(IoWay::Automatic).custom_flags(libc::O_NOATIME | libc::O_EXCL);
    let _file = options.open(&path).unwrap();
    for fd in descriptors(&path) {
        assert!(has_flag(&fd, libc::O_NOATIME));
    }
}

#[test]
fn what_is_there_is_kept_or_truncated_by_each_way() {
    let directory = scratch();
    let has_direct_io = open_direct(&directory.path().join("probe")).is_some();
    for way in WAYS.into_iter().filter(|&way| way != IoWay::Direct || has_direct_io) {
        for create in [false, true] {
            let path = known_file(directory.path(), "known", 10);
            let mut options = FileHandle::options();
            options.read(true).write(true).create(create).way(way);
            options.open(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), contents(0..10), "{way:?}");
            options.truncate(true).open(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), [0; 0], "{way:?}");
        }
    }
}

#[test]
fn appended_bytes_go_to_the_end_by_each_way() {
    let directory = scratch();
    let has_direct_io = open_direct(&directory.path().join("probe")).is_some();
    for way in WAYS.into_iter().filter(|&way| way != IoWay::Direct || has_direct_io) {
        let path = known_file(directory.path(), "known", 4096);
        let file = FileHandle::options().read(true).append(true).way(way).open(&path).unwrap();
        assert!(flags(&file).contains(OFlag::O_APPEND));
        for end in [4096, 8192] {
            let done = done(&file, write(&contents(end..end + 4096), 0));
            assert_eq!(done.result.unwrap(), 4096, "{way:?}");
        }
        assert_eq!(fs::read(&path).unwrap(), contents(0..12_288), "{way:?}");
    }
}

#[test]
fn a_pipe_is_opened_without_its_other_end_if_the_flags_say_so() {
    watched(open_pipes);
}

fn open_pipes() {
    let directory = scratch();
    let path = directory.path().join("pipe");
    make_fifo(&path);
    let mut writing = FileHandle::options();
    writing.write(true).custom_flags(libc::O_NONBLOCK);
    let error = writing.open(&path).unwrap_err();
    assert_eq!((error.raw_os_error(), error.path), (Some(libc::ENXIO), path.clone()));
    for way in [IoWay::Buffered, IoWay::Automatic] {
        let mut reading = FileHandle::options();
        reading.read(true).way(way).custom_flags(libc::O_NONBLOCK);
        let reader = reading.open(&path).unwrap();
        assert_eq!((reader.kind(), reader.is_automatic()), (FileKind::Fifo, false));
        assert!(flags(&reader).contains(OFlag::O_NONBLOCK));
        let writer = writing.open(&path).unwrap();
        assert_eq!(done(&writer, write(b"data", 0)).result.unwrap(), 4);
        assert_eq!(done(&reader, read(0)).data(), b"data");
    }
}

#[test]
fn a_pipe_stays_one_of_bytes_where_direct_io_would_be_switched_on() {
    let directory = scratch();
    let path = directory.path().join("pipe");
    make_fifo(&path);
    let mut options = FileHandle::options();
    // For both, so that opening waits for nobody.
    options.read(true).write(true).create(true).way(IoWay::DirectOrBuffered);
    let pipe = options.open(&path).unwrap();
    assert!(!pipe.is_direct() && !flags(&pipe).contains(OFlag::O_DIRECT));
}

#[test]
fn devices_directories_and_files_without_names_are_opened() {
    let directory = scratch();
    let mut options = FileHandle::options();
    options.read(true).write(true).create(true);
    for way in [IoWay::Buffered, IoWay::DirectOrBuffered, IoWay::Automatic] {
        let null = options.way(way).open("/dev/null").unwrap();
        assert_eq!((null.kind(), null.is_direct()), (FileKind::CharDevice, false));
        assert_eq!(done(&null, write(b"gone", 0)).result.unwrap(), 4);
        let folder = FileHandle::options().read(true).way(way).open(directory.path()).unwrap();
        assert_eq!((folder.kind(), folder.is_direct()), (FileKind::Directory, false));

        let mut nameless = FileHandle::options();
        nameless.read(true).write(true).way(way).custom_flags(libc::O_TMPFILE);
        match nameless.open(directory.path()) {
            Ok(file) => {
                assert_eq!(done(&file, write(&contents(0..4096), 0)).result.unwrap(), 4096);
                assert_eq!(done(&file, read(0)).data(), contents(0..4096));
            }
            // Some file systems have none.
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP)),
        }
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
