//! The files that contenders read. They are made before the comparison and removed after it,
//! however it ends.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};
use serde::Serialize;
use tempfile::TempDir;

use crate::fixture;
use crate::load::scramble;
use crate::options::Options;
use crate::stderr;
use crate::stop::{Stop, Trouble};

const DIRECTORIES: u64 = 100;
/// The bytes that are written at once.
const PIECE: usize = 1 << 20;

/// The sizes of the files, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    /// Many files, most of them small, in 100 directories.
    Mixed,
    /// A few files of 64 MiB.
    Large,
}

impl Shape {
    pub(super) const ALL: [Self; 2] = [Self::Mixed, Self::Large];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Large => "large",
        }
    }

    /// The files' sizes, in bytes.
    pub(super) fn sizes(self, scale: f64) -> Vec<u64> {
        match self {
            Self::Mixed => {
                let count = ((20_000.0 * scale) as u64).max(DIRECTORIES);
                (0..count).map(mixed_size).collect()
            }
            Self::Large => vec![((f64::from(64 << 20) * scale) as u64).max(2 << 20); 16],
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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

/// Files on disk, until this is dropped.
pub(super) struct Tree {
    /// A file for the children that lists the paths, in the same order as `paths`.
    pub(super) list: PathBuf,
    pub(super) paths: Vec<PathBuf>,
    pub(super) bytes: u64,
    /// The digest of all digests, computed from the bytes that were written, not read back.
    pub(super) expected: Hash,
    _directory: TempDir,
}

impl Tree {
    pub(super) fn make(shape: Shape, options: &Options, stop: &Stop) -> Result<Self, Trouble> {
        let parent = fixture::disk_directory(options)?;
        let wanted = shape.sizes(options.scale);
        let (needed, free) = (wanted.iter().sum::<u64>(), free(&parent).map_err(absent)?);
        // A fifth of the disk stays free for other programs.
        let sizes = if needed > free / 5 * 4 {
            let scale = options.scale * (free / 5 * 4) as f64 / needed as f64;
            stderr::complain(format_args!(
                "{shape}: not enough room on the disk, scale {scale:.3}"
            ));
            shape.sizes(scale)
        } else {
            wanted
        };
        Self::of(&sizes, &parent, stop)
    }

    pub(super) fn of(sizes: &[u64], parent: &Path, stop: &Stop) -> Result<Self, Trouble> {
        let directory = fixture::directory_in(parent)?;
        let root = directory.path();
        for number in 0..DIRECTORIES {
            fs::create_dir(root.join(format!("d{number:02}"))).map_err(absent)?;
        }
        let (mut files, mut buffer) = (Vec::with_capacity(sizes.len()), vec![0; PIECE]);
        for (number, &size) in (0..).zip(sizes) {
            let path = root.join(format!("d{:02}/f{number:06}", number % DIRECTORIES));
            let digest = write(&path, number, size, &mut buffer, stop)?;
            files.push((path, digest));
        }
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut all = Hasher::new();
        files.iter().for_each(|(_, digest)| {
            all.update(digest.as_bytes());
        });
        let paths: Vec<_> = files.into_iter().map(|(path, _)| path).collect();
        let list = root.join("list");
        let lines: Vec<_> = paths.iter().map(|path| path.as_os_str().as_bytes()).collect();
        fs::write(&list, lines.join(&b'\n')).map_err(absent)?;
        // Otherwise direct reads would have to write dirty pages back first.
        let opened = File::open(root).map_err(absent)?;
        rustix::fs::syncfs(&opened).map_err(|error| absent(error.into()))?;
        let (bytes, expected) = (sizes.iter().sum(), all.finalize());
        Ok(Self { list, paths, bytes, expected, _directory: directory })
    }
}

fn absent(error: io::Error) -> Trouble {
    Trouble::Unavailable(format!("the files: {error}"))
}

/// The free bytes that users without privileges may use.
fn free(directory: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(directory)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Writes one file, and returns its digest.
fn write(
    path: &Path,
    number: u64,
    size: u64,
    buffer: &mut [u8],
    stop: &Stop,
) -> Result<Hash, Trouble> {
    let mut file = File::create(path).map_err(absent)?;
    let (mut hasher, mut rest, mut word) = (Hasher::new(), size, number << 32);
    while rest > 0 {
        if stop.is_asked() {
            return Err(Trouble::Stopped);
        }
        let piece = &mut buffer[..rest.min(PIECE as u64) as usize];
        for bytes in piece.chunks_mut(8) {
            bytes.copy_from_slice(&scramble(word).to_le_bytes()[..bytes.len()]);
            word += 1;
        }
        hasher.update(piece);
        file.write_all(piece).map_err(absent)?;
        rest -= piece.len() as u64;
    }
    Ok(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use blake3::Hasher;

    use super::{Shape, Tree};
    use crate::stop::Stop;

    #[test]
    fn the_sizes_are_as_described() {
        let sizes = Shape::Mixed.sizes(1.0);
        assert_eq!(sizes.len(), 20_000);
        let total: u64 = sizes.iter().sum();
        assert!((900_000_000..1_200_000_000).contains(&total), "{total}");
        assert!(sizes.iter().all(|&size| size <= 8 << 20));
        let above = |size| sizes.iter().filter(|&&other| other > size).count();
        assert!(above(4 << 20) > 50 && above(1 << 20) < 1_000, "{}", above(1 << 20));
        assert!(sizes.contains(&0), "an empty file");
        let odd = sizes.iter().filter(|size| !size.is_multiple_of(512)).count();
        assert!(odd > 19_000, "{odd}");
        assert_eq!(Shape::Large.sizes(1.0), [64 << 20; 16]);
    }

    #[test]
    fn what_is_on_the_disk_is_what_was_asked_for() {
        let program = std::env::current_exe().unwrap();
        let parent = program.parent().unwrap_or(Path::new("."));
        let sizes = [3_000_001, 0, 70_000, 1 << 20, 70_000];
        let tree = Tree::of(&sizes, parent, &Stop::never()).unwrap();
        assert!(tree.paths.is_sorted());
        let contents: Vec<_> = tree.paths.iter().map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(contents.iter().map(|bytes| bytes.len() as u64).collect::<Vec<_>>(), sizes);
        assert_ne!(contents[2], contents[4], "the same contents twice");
        let digests = contents.iter().map(|bytes| blake3::hash(bytes));
        let all = digests.fold(Hasher::new(), |mut all, one| {
            all.update(one.as_bytes());
            all
        });
        assert_eq!(all.finalize(), tree.expected);
        let list = fs::read_to_string(&tree.list).unwrap();
        assert!(list.lines().map(Path::new).eq(tree.paths.iter().map(|path| path.as_path())));
        let list = tree.list.clone();
        drop(tree);
        assert!(!list.exists());
    }
}
