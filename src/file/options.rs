//! The options by which a file is opened, and which of them go together.

use std::ffi::c_int;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use crate::file::history::ReadHistory;
use crate::file::io_way::IoWay;
use crate::file::links::Links;

/// Custom flags may not have these.
const FLAGS_WITH_METHODS: c_int =
    libc::O_ACCMODE | libc::O_APPEND | libc::O_CREAT | libc::O_TRUNC | libc::O_DIRECT;

/// How a [`FileHandle`](crate::FileHandle) is opened: for what, by which [way](Self::way) of I/O,
/// and whether the file is created.
///
/// The names that [`std::fs::OpenOptions`] has too mean the same, and the same of them go together.
/// Nothing is set at first, but that I/O is buffered. Descriptors are closed in programs that are
/// executed (`O_CLOEXEC`).
///
/// # Examples
///
/// A file that is written with direct I/O where its file system has that:
///
/// ```
/// use reapool::{AlignedBuf, Dispatcher, FileHandle, IoWay, Job};
///
/// let directory = tempfile::tempdir()?;
/// let file = FileHandle::options()
///     .write(true)
///     .create_new(true)
///     .mode(0o600)
///     .way(IoWay::DirectOrBuffered)
///     .open(directory.path().join("new"))?;
/// let dispatcher = Dispatcher::new()?;
/// let job = Job::write(&file, AlignedBuf::zeroed(4096), 0, |done| done.result);
/// assert_eq!(dispatcher.spawn(job)?.join()??, 4096);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
    mode: u32,
    way: IoWay,
    links: Links,
    history: Option<ReadHistory>,
    custom_flags: c_int,
}

impl OpenOptions {
    /// Options with nothing set: the same as [`FileHandle::options`](crate::FileHandle::options).
    #[must_use]
    pub fn new() -> Self {
        Self {
            read: false,
            write: false,
            append: false,
            truncate: false,
            create: false,
            create_new: false,
            mode: 0o666,
            way: IoWay::default(),
            links: Links::default(),
            history: None,
            custom_flags: 0,
        }
    }

    /// Whether the file can be read.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.read = read;
        self
    }

    /// Whether the file can be written. A file that is there keeps its contents, as far as nothing
    /// is written over them.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.write = write;
        self
    }

    /// Whether the file can be written at its end alone: each write goes there, whatever its
    /// offset. A direct write may fail with `EINVAL` if the length of the file does not have its
    /// [alignment](crate::FileHandle::alignment).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("log");
    /// let log = FileHandle::options().append(true).create(true).open(&path)?;
    /// for line in ["one\n", "two\n"] {
    ///     dispatcher.run(Job::write(&log, line, 0, |done| done.result))??;
    /// }
    /// assert_eq!(std::fs::read(path)?, b"one\ntwo\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.append = append;
        self
    }

    /// Whether a file that is there loses its contents. It takes [`write`](Self::write).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs;
    /// use reapool::FileHandle;
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("report");
    /// fs::write(&path, "yesterday's")?;
    /// FileHandle::options().write(true).truncate(true).open(&path)?;
    /// assert_eq!(fs::read(&path)?, b"");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.truncate = truncate;
        self
    }

    /// Whether a file that is not there is created. It takes [`write`](Self::write) or
    /// [`append`](Self::append).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("counter");
    /// let file = FileHandle::options().read(true).write(true).create(true).open(&path)?;
    /// dispatcher.run(Job::write(&file, "1", 0, |done| done.result))??;
    /// assert_eq!(std::fs::read(path)?, b"1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.create = create;
        self
    }

    /// Whether the file is created, and must not be there before: then opening fails with `EEXIST`,
    /// also if it is a symbolic link that leads nowhere. It takes [`write`](Self::write) or
    /// [`append`](Self::append); [`create`](Self::create) and [`truncate`](Self::truncate) have no
    /// meaning beside it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use reapool::FileHandle;
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("claimed");
    /// let claim = || FileHandle::options().write(true).create_new(true).open(&path);
    /// let _ours = claim()?;
    /// assert_eq!(claim().unwrap_err().kind(), ErrorKind::AlreadyExists);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.create_new = create_new;
        self
    }

    /// The permissions of a file that is created; `0o666` by default. The process's umask is taken
    /// from them.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::FileHandle;
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("secret");
    /// let file = FileHandle::options().write(true).create_new(true).mode(0o600).open(path)?;
    /// assert_eq!(file.metadata()?.mode, 0o600);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = mode;
        self
    }

    /// The way of reads and writes; [`IoWay::Buffered`] by default. [`IoWay::Automatic`] takes
    /// [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, IoWay, Job};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let file = FileHandle::options()
    ///     .read(true)
    ///     .write(true)
    ///     .create(true)
    ///     .way(IoWay::Automatic)
    ///     .open(directory.path().join("table"))?;
    /// dispatcher.run(Job::write(&file, "a row", 0, |done| done.result))??;
    /// let read = Job::read(&file, vec![0; 100], 0, |done| done.into_success());
    /// let (count, buffer) = dispatcher.run(read)??;
    /// assert_eq!(&buffer[..count], b"a row", "reads see what was written");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn way(&mut self, way: IoWay) -> &mut Self {
        self.way = way;
        self
    }

    /// Whether the path may end in a symbolic link; [`Links::Follow`] by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{FileHandle, Links};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let link = directory.path().join("link");
    /// std::os::unix::fs::symlink("/etc/hostname", &link)?;
    /// let error = FileHandle::options().read(true).links(Links::Refuse).open(link).unwrap_err();
    /// assert!(error.to_string().contains("symbolic link"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn links(&mut self, links: Links) -> &mut Self {
        self.links = links;
        self
    }

    /// Remembers what is read directly by [`IoWay::Automatic`], so that data which is read again is
    /// let into the page cache; by default nothing is remembered.
    pub fn history(&mut self, history: &ReadHistory) -> &mut Self {
        self.history = Some(history.clone());
        self
    }

    /// Further flags of open(2), such as `O_NONBLOCK`, `O_DSYNC` or `O_NOATIME`; they replace those
    /// that were set before. Flags that have a method here can't be set by them, nor can `O_PATH`,
    /// with which no job could use the file.
    ///
    /// # Examples
    ///
    /// ```
    /// use nix::{sys::stat::Mode, unistd::mkfifo};
    /// use reapool::{FileHandle, FileKind};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let fifo = directory.path().join("fifo");
    /// mkfifo(&fifo, Mode::S_IRWXU)?;
    /// // This doesn't wait until somebody writes to it.
    /// let file = FileHandle::options().read(true).custom_flags(libc::O_NONBLOCK).open(&fifo)?;
    /// assert_eq!(file.kind(), FileKind::Fifo);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.custom_flags = flags;
        self
    }

    pub(super) fn io_way(&self) -> IoWay {
        self.way
    }

    pub(super) fn read_history(&self) -> Option<&ReadHistory> {
        self.history.as_ref()
    }

    pub(super) fn link_rule(&self) -> Links {
        self.links
    }

    /// The permissions of a file that is created, before the umask.
    pub(super) fn mode_of_new(&self) -> u32 {
        self.mode
    }

    /// The same options for a file that takes another's place: it is created, for reading and
    /// writing.
    pub(super) fn for_replacement(&self) -> Self {
        let mut options = self.clone();
        options.read(true).write(true).create_new(true);
        options
    }

    /// The custom flags, as they are.
    pub(super) fn flags(&self) -> c_int {
        self.custom_flags
    }

    /// Whether the file is created if it is not there.
    pub(super) fn creates(&self) -> bool {
        self.create || self.create_new
    }

    /// What to change if the options don't go together.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let writes = self.write || self.append;
        let changes = self.truncate || self.creates();
        let contradictions = [
            (
                !self.read && !writes,
                "the file would be open for nothing: set `read`, `write` or `append`",
            ),
            (
                changes && !writes,
                "`create`, `create_new` and `truncate` are for files that are written: set `write` \
                 or `append` as well",
            ),
            (
                self.append && self.truncate && !self.create_new,
                "`append` keeps what `truncate` takes away: set `write` instead of `append`, or \
                 leave `truncate` out",
            ),
            (
                self.way == IoWay::Automatic && !self.read,
                "`IoWay::Automatic` is about reads: set `read` as well, or another way",
            ),
            (
                self.way != IoWay::Automatic && self.history.is_some(),
                "a `history` is of automatic reads: set `IoWay::Automatic` as well",
            ),
            (
                self.custom_flags & FLAGS_WITH_METHODS != 0,
                "custom flags can't say what `read`, `write`, `append`, `create`, `truncate` and \
                 `way` (for `O_DIRECT`) say: call these instead",
            ),
            (
                self.custom_flags & libc::O_PATH != 0,
                "a file that is open with `O_PATH` can't be read or written: leave that flag out",
            ),
        ];
        contradictions.iter().find(|(contradicts, _)| *contradicts).map(|&(_, advice)| advice)
    }

    /// The same options for open(2), with further flags.
    pub(super) fn to_std(&self, further: c_int) -> fs::OpenOptions {
        let links = match self.links {
            Links::Follow => 0,
            Links::Refuse => libc::O_NOFOLLOW,
        };
        let mut options = fs::OpenOptions::new();
        options.read(self.read).write(self.write).append(self.append);
        options.truncate(self.truncate).create(self.create).create_new(self.create_new);
        options.mode(self.mode).custom_flags(self.custom_flags | links | further);
        options
    }

    /// What an error of open(2) means with these options, if the system's words don't say it.
    pub(super) fn explanation(&self, error: &io::Error) -> Option<&'static str> {
        match (error.raw_os_error()?, self.links, self.way) {
            (libc::ELOOP, Links::Refuse, _) => {
                Some("with `Links::Refuse` the path may not end in a symbolic link")
            }
            (libc::EINVAL, _, IoWay::Direct) => Some(
                "the file system may have no direct I/O: `IoWay::DirectOrBuffered` does without",
            ),
            _ => None,
        }
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}
