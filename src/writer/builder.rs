//! The settings of a writer.

use std::fmt;
use std::io;
use std::path::Path;

use crate::file::FileHandle;
use crate::file::durability::Durability;
use crate::file::existing::Existing;
use crate::file::io_way::IoWay;
use crate::file::links::Links;
use crate::file::metadata::FileKind;
use crate::file::options::OpenOptions;
use crate::file::replacement::Replacement;
use crate::pipeline::Pipeline;
use crate::pool::BufferPool;
use crate::streams::sizes::{Sizes, invalid};
use crate::streams::user::{check_fork, is_shut_down, shut_down};
use crate::submit::Submitter;
use crate::sync::Arc;
use crate::writer::FileWriter;
use crate::writer::filling::{Filling, Manner};
use crate::writer::placement::Placement;

/// Settings of a [`FileWriter`].
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use reapool::{Dispatcher, Durability, FileWriter};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let path = directory.path().join("report");
/// let mut writer = FileWriter::builder(&dispatcher).durability(Durability::Synced).create(&path)?;
/// writeln!(writer, "{} files", 3)?;
/// assert_eq!(writer.finish()?, 8);
/// assert_eq!(std::fs::read(path)?, b"3 files\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until a file is opened"]
pub struct FileWriterBuilder {
    pipeline: Arc<Pipeline>,
    chunk: usize,
    behind: usize,
    way: IoWay,
    mode: u32,
    links: Links,
    durability: Durability,
    expected: u64,
    existing: Existing,
    /// Memory that it has together with others, whose buffers are chunks.
    shared: Option<BufferPool>,
}

impl FileWriterBuilder {
    pub(crate) fn new(pipeline: &Arc<Pipeline>) -> Self {
        Self {
            pipeline: Arc::clone(pipeline),
            chunk: 1 << 20,
            behind: 4 << 20,
            way: IoWay::Buffered,
            mode: 0o666,
            links: Links::default(),
            durability: Durability::default(),
            expected: 0,
            existing: Existing::default(),
            shared: None,
        }
    }

    /// The longest write, in bytes; 1 MiB by default. It is rounded up to a multiple of 4096, or of
    /// the file's alignment.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{self, Read};
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("zeros");
    /// // For a huge file on an array of disks.
    /// let builder = FileWriter::builder(&dispatcher).chunk(8 << 20).write_behind(64 << 20);
    /// let mut writer = builder.create(&path)?;
    /// io::copy(&mut io::repeat(0).take(100_000), &mut writer)?;
    /// assert_eq!(writer.finish()?, 100_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn chunk(mut self, bytes: usize) -> Self {
        self.chunk = bytes;
        self
    }

    /// How many bytes may be under way behind the user; 4 MiB by default, at least one chunk. With
    /// the chunk that the user fills, and what buffers of 2 MiB leave over, this is the writer's
    /// memory. It is mapped when it is first needed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// // For many writers at a time, with little memory each.
    /// let builder = FileWriter::builder(&dispatcher).chunk(64 << 10).write_behind(64 << 10);
    /// let create = |name| builder.clone().create(directory.path().join(name));
    /// let (mut odd, mut even) = (create("odd")?, create("even")?);
    /// for number in 1..=4 {
    ///     writeln!(if number % 2 == 0 { &mut even } else { &mut odd }, "{number}")?;
    /// }
    /// odd.finish()?;
    /// even.finish()?;
    /// assert_eq!(std::fs::read(directory.path().join("even"))?, b"2\n4\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_behind(mut self, bytes: usize) -> Self {
        self.behind = bytes;
        self
    }

    /// The way of the writes of a file that the writer creates; [`IoWay::Buffered`] by default,
    /// which is right for most files. A large file that is not read again soon is written with less
    /// CPU time by [`IoWay::DirectOrBuffered`]. [`IoWay::Automatic`] is for reads, and writes
    /// through the page cache.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{Dispatcher, FileWriter, IoWay};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("backup");
    /// let builder = FileWriter::builder(&dispatcher).way(IoWay::DirectOrBuffered);
    /// let mut writer = builder.create(&path)?;
    /// writer.write_all(b"not a whole block")?;
    /// assert_eq!(writer.finish()?, 17);
    /// assert_eq!(std::fs::read(path)?, b"not a whole block");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn way(mut self, way: IoWay) -> Self {
        self.way = way;
        self
    }

    /// The permissions of a file that is created; `0o666` by default. The process's umask is taken
    /// from them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::unix::fs::PermissionsExt;
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("secret");
    /// let mut writer = FileWriter::builder(&dispatcher).mode(0o600).create(&path)?;
    /// writer.write_all(b"for the owner alone")?;
    /// writer.finish()?;
    /// assert_eq!(std::fs::metadata(path)?.permissions().mode() & 0o777, 0o600);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Whether the path may end in a symbolic link; [`Links::Follow`] by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileWriter, Links};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let link = directory.path().join("link");
    /// std::os::unix::fs::symlink("elsewhere", &link)?;
    /// let builder = FileWriter::builder(&dispatcher).links(Links::Refuse);
    /// assert!(builder.create(&link).is_err());
    /// assert!(!directory.path().join("elsewhere").exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// Which guarantee [`finish`](FileWriter::finish) waits for; [`Durability::Cached`] by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{Dispatcher, Durability, FileHandle, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("journal");
    /// let journal = FileHandle::options().append(true).create(true).open(&path)?;
    /// let builder = FileWriter::builder(&dispatcher).durability(Durability::Synced);
    /// let mut writer = builder.over(journal)?;
    /// writer.write_all(b"order 1: three of them\n")?;
    /// writer.finish()?;
    /// // The device has it: now the order can be carried out.
    /// assert_eq!(std::fs::read(path)?, b"order 1: three of them\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long the file will be, as far as is known. A file that is written directly gets this
    /// length ahead of its writes, so that none has to make it longer, which would block.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{fs, io};
    /// use reapool::{Dispatcher, FileWriter, IoWay};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("copy");
    /// let mut source = fs::File::open("Cargo.toml")?;
    /// let len = source.metadata()?.len();
    /// let builder = FileWriter::builder(&dispatcher).way(IoWay::DirectOrBuffered);
    /// let mut writer = builder.expected_len(len).create(&path)?;
    /// io::copy(&mut source, &mut writer)?;
    /// assert_eq!(writer.finish()?, len);
    /// assert_eq!(fs::read(path)?, fs::read("Cargo.toml")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expected_len(mut self, bytes: u64) -> Self {
        self.expected = bytes;
        self
    }

    /// Whether [`replace`](Self::replace) replaces a file that is there; [`Existing::Replace`] by
    /// default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{ErrorKind, Write};
    /// use reapool::{Dispatcher, Existing, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("report");
    /// let builder = FileWriter::builder(&dispatcher).existing(Existing::Refuse);
    /// let mut writer = builder.replace(&path)?;
    /// writer.write_all(b"ours")?;
    /// // Meanwhile, somebody else makes a file of that name.
    /// std::fs::write(&path, "theirs")?;
    /// assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::AlreadyExists);
    /// assert_eq!(std::fs::read(&path)?, b"theirs");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// For one of many writers whose users keep all CPUs busy. Takes buffers from a pool that has
    /// one for each writer at least, besides one that is free: who waits for one holds at most one,
    /// and others get on.
    pub(crate) fn sharing(mut self, pool: BufferPool) -> Self {
        self.shared = Some(pool);
        self
    }

    /// Creates a file, or truncates one that is there, and writes it. Waits for open(2).
    ///
    /// While it is written directly, the file may be longer than what was written to it, until
    /// [`finish`](FileWriter::finish). A block device is not written directly.
    ///
    /// # Errors
    ///
    /// [`OpenError`](crate::OpenError), as an [`io::Error`]; the kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the settings make no sense, or the file has
    /// no offsets, as a pipe.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("report");
    /// std::fs::write(&path, "yesterday's numbers")?;
    /// let mut writer = FileWriter::builder(&dispatcher).create(&path)?;
    /// writer.write_all(b"today's")?;
    /// writer.finish()?;
    /// assert_eq!(std::fs::read(&path)?, b"today's");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(self, path: impl AsRef<Path>) -> io::Result<FileWriter> {
        self.check()?;
        let path = path.as_ref();
        let mut file = self.options().create(true).truncate(true).open(path)?;
        if self.way == IoWay::DirectOrBuffered && file.kind() == FileKind::BlockDevice {
            // What is written last may be a part of a block.
            file = self.options().way(IoWay::Buffered).open(path)?;
        }
        let placement = Placement::Open(self.durability);
        self.build(file, placement)
    }

    /// Writes a new file that takes the place of another, or of none, when it is
    /// [finished](FileWriter::finish). Until then the other is as it was, and no other program
    /// finds a part of the new one. Waits for open(2).
    ///
    /// Meanwhile the new file has no name (`O_TMPFILE`). If it is to be
    /// [synced](Durability::Synced), or the file system has no such files, it has a hidden name in
    /// the same directory, `.NAME.RANDOM.tmp`, and so it has for a moment before it takes the place
    /// of a file. It is removed if it is not finished; only a process that ends meanwhile can leave
    /// a file of such a name behind. It gets the permissions of the file that it replaces, if there
    /// is one, but no access control list, nor other extended attributes.
    ///
    /// A symbolic link is replaced itself, as by rename(2), and what it leads to stays as it is;
    /// [`Links::Refuse`] makes that an error. Directories, devices and pipes are not replaced.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs;
    /// use std::io::Write;
    /// use reapool::{Dispatcher, Durability, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("settings");
    /// fs::write(&path, "old")?;
    /// let builder = FileWriter::builder(&dispatcher).durability(Durability::Synced);
    /// let mut writer = builder.replace(&path)?;
    /// writer.write_all(b"new")?;
    /// assert_eq!(fs::read(&path)?, b"old");
    /// writer.finish()?;
    /// assert_eq!(fs::read(&path)?, b"new");
    /// assert_eq!(fs::read_dir(directory.path())?.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replace(self, path: impl AsRef<Path>) -> io::Result<FileWriter> {
        self.check()?;
        let (path, options) = (path.as_ref(), self.options());
        let (replacement, file) =
            Replacement::begin(path, &options, self.existing, self.durability)?;
        self.build(file, Placement::InPlaceOf(replacement))
    }

    fn options(&self) -> OpenOptions {
        let mut options = FileHandle::options();
        options.write(true).mode(self.mode).way(self.way).links(self.links);
        options.read(self.way == IoWay::Automatic);
        options
    }

    /// Writes a file that is open, from its beginning. Others may use the handle too.
    ///
    /// What is not written over stays as it was. If the file is open to
    /// [append](crate::OpenOptions::append), bytes go to its end.
    ///
    /// # Errors
    ///
    /// Of the kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the settings make no sense, if
    /// the file has no offsets, as a pipe, or if it is [direct](FileHandle::is_direct): then only a
    /// writer that creates the file knows what may be behind its last byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{Dispatcher, FileHandle, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("table");
    /// std::fs::write(&path, "rows: 9 | and all of them")?;
    /// let file = FileHandle::options().write(true).open(&path)?;
    /// let mut writer = FileWriter::builder(&dispatcher).over(file)?;
    /// writer.write_all(b"rows: 8")?;
    /// writer.finish()?;
    /// assert_eq!(std::fs::read(&path)?, b"rows: 8 | and all of them");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn over(self, file: FileHandle) -> io::Result<FileWriter> {
        if file.is_direct() {
            // Nobody knows what may be behind the last byte.
            return Err(invalid(
                "a writer of a handle goes through the page cache: open the file buffered, or have \
                 the writer create it",
            ));
        }
        let placement = Placement::Open(self.durability);
        self.build(file, placement)
    }

    /// Finds out what can be found out before a file is created or truncated.
    fn check(&self) -> io::Result<()> {
        check_fork(&self.pipeline)?;
        if is_shut_down(&self.pipeline) {
            return Err(shut_down());
        }
        let sizes = Sizes::before(self.chunk)?;
        match self.shared {
            Some(_) => Ok(()),
            None => pool(sizes, sizes.chunks_in(self.behind)).map(drop),
        }
    }

    fn build(self, file: FileHandle, placement: Placement) -> io::Result<FileWriter> {
        let sizes = Sizes::of(&file, self.chunk)?;
        // Each write at the end must find the one before it there.
        let appends = matches!(placement, Placement::Open(_)) && file.appends();
        let under_way = if appends { 1 } else { sizes.chunks_in(self.behind) };
        let (pool, manner) = match self.shared {
            Some(pool) => (pool, Manner::Through),
            None => (pool(sizes, under_way)?, Manner::Behind),
        };
        if file.is_direct() && file.kind() != FileKind::Regular {
            return Err(invalid(
                "a device is written directly by jobs, or by a writer through the page cache: set \
                 another way",
            ));
        }
        let filling = Filling::new(&self.pipeline, file, pool, sizes, under_way);
        Ok(FileWriter::new(filling.written(manner).expecting(self.expected), placement))
    }
}

/// Beside the writes under way there are the chunk that the user fills, and one for what a flush
/// has written in part.
fn pool(sizes: Sizes, under_way: usize) -> io::Result<BufferPool> {
    sizes.pool(1, under_way.saturating_add(2))
}

impl FileWriter {
    /// Settings of a writer whose writes this dispatcher performs: a [`Dispatcher`], a
    /// [`LoopDispatcher`], or a [`Submitter`] of one.
    ///
    /// [`Dispatcher`]: crate::Dispatcher
    /// [`LoopDispatcher`]: crate::LoopDispatcher
    /// [`Submitter`]: crate::Submitter
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("zeros");
    /// let mut writer = FileWriter::builder(&dispatcher).create(&path)?;
    /// for _ in 0..100 {
    ///     writer.write_all(&[0; 50_000])?;
    /// }
    /// writer.finish()?;
    /// assert_eq!(path.metadata()?.len(), 5_000_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(jobs: &impl AsRef<Submitter>) -> FileWriterBuilder {
        FileWriterBuilder::new(&jobs.as_ref().pipeline)
    }
}

impl fmt::Debug for FileWriterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileWriterBuilder")
            .field("chunk", &self.chunk)
            .field("write_behind", &self.behind)
            .field("way", &self.way)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}
