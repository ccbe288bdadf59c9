//! The files that contenders work on. They are made before the comparison and removed after it,
//! however it ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};
use crc32fast::Hasher as Checksum;
use tempfile::TempDir;

use crate::fixture;
use crate::load::scramble;
use crate::options::Options;
use crate::stderr;
use crate::stop::{Stop, Trouble};

const DIRECTORIES: u64 = 100;
/// The bytes that are written at once.
const PIECE: usize = 1 << 20;

/// The sizes of many files, most of them small. There is one in each directory at least.
pub(crate) fn mixed_sizes(count: f64) -> Vec<u64> {
    (0..(count as u64).max(DIRECTORIES)).map(mixed_size).collect()
}

/// Of 100 files, 60 have up to 4 KiB, 25 up to 64 KiB, 10 up to 1 MiB and 5 up to 8 MiB. Among the
/// first 60, each size is equally likely. Among the others, a size between 2 and 4 KiB is as likely
/// as one between 4 and 8 KiB. If each size were equally likely there too, twenty thousand files
/// would be six gigabytes instead of one.
fn mixed_size(number: u64) -> u64 {
    let (class, part) = (scramble(number) % 100, scramble(!number));
    let most: u64 = match class {
        0..60 => return part % 4097,
        60..85 => 64 << 10,
        85..95 => 1 << 20,
        _ => 8 << 20,
    };
    const LEAST: f64 = 64.0;
    let place = (part >> 11) as f64 / (1_u64 << 53) as f64;
    (LEAST * (most as f64 / LEAST).powf(place)) as u64
}

/// What the files hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Contents {
    /// Bytes that no compression makes shorter.
    Random,
    /// Words of eight bytes, of which some are frequent.
    Words,
}

impl Contents {
    /// The eight bytes of this number.
    const fn word(self, number: u64) -> u64 {
        let random = scramble(number);
        match self {
            Self::Random => random,
            // There are 4096 words. The longer the shift, which is as random, the fewer.
            Self::Words => scramble((random & 0xfff) >> ((random >> 12) % 12)),
        }
    }
}

/// The files to make.
pub(crate) struct Recipe<'a> {
    pub(crate) name: &'a str,
    /// The sizes, if the disk has room for this part of all.
    pub(crate) sizes: &'a dyn Fn(f64) -> Vec<u64>,
    pub(crate) contents: Contents,
    /// How often the files have to fit on the disk: once, and for each copy that is made of them.
    pub(crate) copies: u64,
}

/// Files on disk, until this is dropped.
pub(crate) struct Tree {
    /// A file for the children that lists the paths, in the same order as `paths`.
    pub(crate) list: PathBuf,
    /// The directory that has the files, and nothing else.
    pub(crate) root: PathBuf,
    pub(crate) paths: Vec<PathBuf>,
    /// Computed from the bytes that were written, not read back; in the order of the paths.
    pub(crate) digests: Vec<Hash>,
    /// CRC-32, as the digests.
    pub(crate) checksums: Vec<u32>,
    pub(crate) bytes: u64,
    directory: TempDir,
}

impl Tree {
    pub(crate) fn make(
        recipe: &Recipe<'_>,
        options: &Options,
        stop: &Stop,
    ) -> Result<Self, Trouble> {
        let parent = fixture::disk_directory(options)?;
        let wanted = (recipe.sizes)(1.0);
        let needed = recipe.copies * wanted.iter().sum::<u64>();
        // A fifth of the disk stays free for other programs.
        let room = free(&parent).map_err(absent)? / 5 * 4;
        let sizes = if needed > room {
            let part = room as f64 / needed as f64;
            let name = recipe.name;
            stderr::complain(format_args!("{name}: the disk has room for {part:.3} of it"));
            (recipe.sizes)(part)
        } else {
            wanted
        };
        Self::of(&sizes, recipe.contents, &parent, stop)
    }

    pub(crate) fn of(
        sizes: &[u64],
        contents: Contents,
        parent: &Path,
        stop: &Stop,
    ) -> Result<Self, Trouble> {
        let directory = fixture::directory_in(parent)?;
        let root = directory.path().join("files");
        make_directories(&root).map_err(absent)?;
        let (mut files, mut buffer) = (Vec::with_capacity(sizes.len()), vec![0; PIECE]);
        for (number, &size) in (0..).zip(sizes) {
            let path = root.join(format!("d{:02}/f{number:06}", number % DIRECTORIES));
            let sums = write(&path, number, size, contents, &mut buffer, stop)?;
            files.push((path, sums));
        }
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (paths, sums): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let (digests, checksums) = sums.into_iter().unzip();
        let list = directory.path().join("list");
        let lines: Vec<_> = paths.iter().map(|path| path.as_os_str().as_bytes()).collect();
        fs::write(&list, lines.join(&b'\n')).map_err(absent)?;
        // Otherwise direct reads would have to write dirty pages back first.
        let opened = File::open(&root).map_err(absent)?;
        rustix::fs::syncfs(&opened).map_err(|error| absent(error.into()))?;
        let bytes = sizes.iter().sum();
        Ok(Self { list, root, paths, digests, checksums, bytes, directory })
    }

    /// The digest of all digests.
    pub(crate) fn digest(&self) -> Hash {
        digest_of(&self.digests)
    }

    /// A place beside the files, on the same file system.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Makes a directory, and in it those that the files are in.
pub(crate) fn make_directories(root: &Path) -> io::Result<()> {
    fs::create_dir(root)?;
    (0..DIRECTORIES).try_for_each(|number| fs::create_dir(root.join(format!("d{number:02}"))))
}

/// The digest of digests.
pub(crate) fn digest_of(digests: &[Hash]) -> Hash {
    let mut all = Hasher::new();
    digests.iter().for_each(|digest| {
        all.update(digest.as_bytes());
    });
    all.finalize()
}

fn absent(error: io::Error) -> Trouble {
    Trouble::Unavailable(format!("the files: {error}"))
}

/// The free bytes that users without privileges may use.
pub(crate) fn free(directory: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(directory)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Writes one file, and returns its digest and its checksum.
fn write(
    path: &Path,
    number: u64,
    size: u64,
    contents: Contents,
    buffer: &mut [u8],
    stop: &Stop,
) -> Result<(Hash, u32), Trouble> {
    let mut file = File::create(path).map_err(absent)?;
    let (mut hasher, mut checksum) = (Hasher::new(), Checksum::new());
    let (mut rest, mut word) = (size, number << 32);
    while rest > 0 {
        if stop.is_asked() {
            return Err(Trouble::Stopped);
        }
        let piece = &mut buffer[..rest.min(PIECE as u64) as usize];
        for bytes in piece.chunks_mut(8) {
            bytes.copy_from_slice(&contents.word(word).to_le_bytes()[..bytes.len()]);
            word += 1;
        }
        hasher.update(piece);
        checksum.update(piece);
        file.write_all(piece).map_err(absent)?;
        rest -= piece.len() as u64;
    }
    Ok((hasher.finalize(), checksum.finalize()))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Contents, Tree, digest_of, mixed_sizes};
    use crate::stop::Stop;

    /// Files of these sizes beside the program.
    pub(crate) fn tree(sizes: &[u64], contents: Contents) -> Tree {
        let program = std::env::current_exe().unwrap();
        let parent = program.parent().unwrap_or(Path::new("."));
        Tree::of(sizes, contents, parent, &Stop::never()).unwrap()
    }

    #[test]
    fn mixed_files_are_small_and_large_and_odd() {
        let sizes = mixed_sizes(20_000.0);
        assert!(sizes.iter().all(|&size| size <= 8 << 20));
        let above = |size| sizes.iter().filter(|&&other| other > size).count();
        assert!(above(4 << 20) > 50 && above(1 << 20) < 1_000, "{}", above(1 << 20));
        assert!(sizes.contains(&0), "an empty file");
        let odd = sizes.iter().filter(|size| !size.is_multiple_of(512)).count();
        assert!(odd > 19_000, "{odd}");
    }

    #[test]
    fn what_is_on_the_disk_is_what_was_asked_for() {
        let sizes = [3_000_001, 0, 70_000, 1 << 20, 70_000];
        let tree = tree(&sizes, Contents::Random);
        assert!(tree.paths.is_sorted());
        let contents: Vec<_> = tree.paths.iter().map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(contents.iter().map(|bytes| bytes.len() as u64).collect::<Vec<_>>(), sizes);
        assert_ne!(contents[2], contents[4], "the same contents twice");
        let digests: Vec<_> = contents.iter().map(|bytes| blake3::hash(bytes)).collect();
        assert_eq!(digests, tree.digests);
        assert_eq!(digest_of(&digests), tree.digest());
        let checksums = contents.iter().map(|bytes| crc32fast::hash(bytes));
        assert_eq!(checksums.collect::<Vec<_>>(), tree.checksums);
        let list = fs::read_to_string(&tree.list).unwrap();
        assert!(list.lines().map(Path::new).eq(tree.paths.iter().map(|path| path.as_path())));
        let list = tree.list.clone();
        drop(tree);
        assert!(!list.exists());
    }
}
