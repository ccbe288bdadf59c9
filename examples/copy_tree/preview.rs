//! Says what would be copied, and makes nothing.

use std::fs::{self, Metadata};
use std::io::{self, BufWriter, Stdout, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use indicatif::HumanBytes;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use crate::hard_links::{HardLinks, Name};
use crate::own_file::check_replaceable;
use crate::roots::Roots;
use crate::shared::names::escaped;
use crate::shared::nesting::parent;
use crate::shared::screen::Screen;
use crate::tree::{Next, Problem, Tree, Visitor};

/// Lists on the standard output what a run would make, and reports the problems that can be seen
/// before.
pub(crate) fn preview(
    roots: &Roots,
    overwrite: bool,
    verbose: bool,
    screen: &Screen,
) -> io::Result<()> {
    let preview = Preview {
        roots: roots.clone(),
        overwrite,
        hard_links: HardLinks::default(),
        output: Ok(BufWriter::new(io::stdout())),
        files: 0,
        bytes: 0,
    };
    let mut preview = Tree::new(roots.clone(), screen.clone(), preview).finish();
    let hard_links = preview.hard_links.clone();
    hard_links.finish(screen, |copy, path| {
        preview.check(path)?;
        preview.list("hard link", path, Some(("=", copy)));
        Ok(())
    });
    let Preview { output, files, bytes, .. } = preview;
    output.and_then(|mut output| output.flush())?;
    if verbose {
        screen.say(format_args!("{files} files of {} would be copied", HumanBytes(bytes)));
    }
    Ok(())
}

struct Preview {
    roots: Roots,
    overwrite: bool,
    hard_links: HardLinks,
    /// Or why nothing more is written.
    output: io::Result<BufWriter<Stdout>>,
    files: u64,
    bytes: u64,
}

impl Visitor for Preview {
    fn has_ended(&self) -> bool {
        self.output.is_err()
    }

    fn visit_directory(&mut self, _source: &Path, target: &Path) -> Result<(), Problem> {
        // The root itself may be named by a link.
        let found = match target == self.roots.target() {
            true => fs::metadata(target),
            false => fs::symlink_metadata(target),
        };
        match found {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err((target.to_owned(), error(libc::EEXIST))),
            Err(_) => {
                self.check(target).map_err(|error| (target.to_owned(), error))?;
                self.list("directory", target, None);
            }
        }
        Ok(())
    }

    fn visit_file(
        &mut self,
        source: &Path,
        target: &Path,
        found: &Metadata,
    ) -> Result<Next, Problem> {
        let id = (found.dev(), found.ino());
        if self.hard_links.add(found, target) == Name::LinkLater {
            return Ok(Next::Nothing);
        }
        let (of_source, of_target) =
            (|error| (source.to_owned(), error), |error| (target.to_owned(), error));
        if found.is_file() {
            self.roots.open(&self.roots.name_of(source), id).map_err(of_source)?;
            self.check(target).and_then(|()| check_replaceable(target)).map_err(of_target)?;
            self.list("file", target, None);
            (self.files, self.bytes) = (self.files + 1, self.bytes + found.len());
        } else {
            let leads_to = fs::read_link(source).map_err(of_source)?;
            self.check(target).map_err(of_target)?;
            self.list("link", target, Some(("->", &leads_to)));
        }
        self.hard_links.made(id);
        Ok(Next::Nothing)
    }
}

impl Preview {
    /// Whether something could be made here that is no directory.
    fn check(&self, target: &Path) -> io::Result<()> {
        match fs::symlink_metadata(target) {
            Ok(_) if !self.overwrite => return Err(error(libc::EEXIST)),
            Ok(found) if found.is_dir() => return Err(error(libc::EISDIR)),
            _ => {}
        }
        let directory = parent(target);
        match accessat(CWD, &directory, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
            // It is going to be made.
            Err(Errno::NOENT) => Ok(()),
            checked => Ok(checked?),
        }
    }

    fn list(&mut self, kind: &str, path: &Path, of: Option<(&str, &Path)>) {
        let Ok(output) = &mut self.output else { return };
        let path = escaped(path).0;
        let written = match of {
            None => writeln!(output, "{kind} {path}"),
            Some((sign, other)) => writeln!(output, "{kind} {path} {sign} {}", escaped(other).0),
        };
        if let Err(error) = written {
            self.output = Err(error);
        }
    }
}

/// As the system would say it.
fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}
