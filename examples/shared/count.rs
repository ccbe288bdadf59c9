//! A thread that counts ahead how much there is to do, for the bar.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::screen::Screen;
use super::totals::Totals;

/// Stops the thread when dropped, and doesn't wait for it: it only looks at names and sizes, and
/// may be in the middle of many that are not counted.
pub(crate) struct Count {
    totals: Totals,
    is_over: Arc<AtomicBool>,
}

impl Count {
    /// Begins to add up the sizes of files, if the screen has a bar to show the sum.
    pub(crate) fn start(
        screen: &Screen,
        sizes: impl Iterator<Item = u64> + Send + 'static,
    ) -> io::Result<Option<Self>> {
        if !screen.has_bar() {
            return Ok(None);
        }
        let (totals, is_over) = (Totals::default(), Arc::new(AtomicBool::new(false)));
        let (counted, over) = (totals.clone(), Arc::clone(&is_over));
        let count = move || {
            for size in sizes {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                counted.add(size);
            }
            counted.complete();
        };
        thread::Builder::new().name("count".to_owned()).spawn(count)?;
        Ok(Some(Self { totals, is_over }))
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }
}

/// The sizes of files. Of those that can't be read it is said when they are processed.
pub(crate) fn sizes(paths: impl Iterator<Item = PathBuf>) -> impl Iterator<Item = u64> {
    paths.map(|path: PathBuf| size(&path))
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl Drop for Count {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
