//! A thread that counts ahead how much there is to be converted, for the bar.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::roots::Roots;
use crate::rule::Rule;
use crate::shared::totals::Totals;
use crate::walk::{Found, walk};

/// Ends the thread when dropped.
pub(crate) struct Count {
    totals: Totals,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Count {
    pub(crate) fn start(roots: &Roots, rule: Rule) -> io::Result<Self> {
        let (totals, is_over) = (Totals::default(), Arc::new(AtomicBool::new(false)));
        let (counted, over) = (totals.clone(), Arc::clone(&is_over));
        let found = walk(roots, rule);
        let count = move || {
            for found in found {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                // What is wrong with a file is said when it is converted.
                if let Found::File { entry, .. } = found {
                    counted.add(entry.metadata().map_or(0, |metadata| metadata.len()));
                }
            }
            counted.complete();
        };
        let thread = thread::Builder::new().name("count".to_owned()).spawn(count)?;
        Ok(Self { totals, is_over, thread: Some(thread) })
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has no reason to panic; if it did, its message has been printed.
            let _ = thread.join();
        }
    }
}
