//! What came of the files that the files layer has copied.

use std::io;

use reapool::{Converted, FileErrorKind, FileOperation, FilesRun, Processed};

use crate::copy::{Copied, Way};
use crate::hard_links::HardLinks;
use crate::roots::Roots;
use crate::shared::fallbacks::Fallbacks;
use crate::shared::names::{innermost, reason};
use crate::shared::screen::Screen;
use crate::verify::Expected;

/// Waits for all files, and says what went wrong.
pub(crate) fn wait(
    run: FilesRun<Converted<Copied>>,
    roots: &Roots,
    hard_links: &HardLinks,
    screen: &Screen,
    fallbacks: &mut Fallbacks,
) -> Expected {
    let mut expected = Expected::default();
    for result in run {
        match result {
            Ok(file) => {
                fallbacks.count(&file);
                let Processed { path, value: Converted { value, target, .. }, .. } = file;
                if value.changed {
                    screen.fail(&roots.source_of(&path), "changed while it was being copied");
                }
                hard_links.made(value.id);
                value.not_kept.iter().for_each(|it| screen.fail(&target, it));
                if value.way == Way::Copied {
                    expected.bytes += value.len;
                    expected.paths.push(target);
                    expected.hashes.extend(value.hash);
                }
            }
            Err(error) if error.kind() == FileErrorKind::Stopped => {}
            // The function has seen the signal before the run was stopped.
            Err(error) if error.source.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let is_of_target = match error.operation {
                    FileOperation::Create | FileOperation::Write => true,
                    // The function itself has failed, and has not panicked.
                    FileOperation::Callback => error.kind() == FileErrorKind::Io,
                    _ => false,
                };
                match error.target.as_ref() {
                    Some(target) if is_of_target => screen.fail(target, innermost(&error.source)),
                    _ => screen.fail(&roots.source_of(&error.path), reason(&error)),
                }
            }
        }
    }
    expected
}
