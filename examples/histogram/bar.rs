//! A thread that says on the terminal how much has been counted.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::shared::readable;
use crate::shared::screen::Screen;
use crate::shared::totals::{Amount, Progress};

/// How often it looks: often enough for a person.
const INTERVAL: Duration = Duration::from_millis(50);

/// What has been counted.
#[derive(Default)]
pub(crate) struct Meter {
    pub(crate) files: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

/// Ends the thread, and takes the bar off the terminal, when dropped.
pub(crate) struct Bar {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// `None` if the screen shows no bar.
    pub(crate) fn start(
        screen: &Screen,
        meter: &Arc<Meter>,
        paths: &[PathBuf],
    ) -> io::Result<Option<Self>> {
        if !screen.has_bar() {
            return Ok(None);
        }
        let bytes = paths.iter().map(|path| readable::size(path)).sum();
        let total = Amount { files: paths.len() as u64, bytes };
        let (screen, meter, begin) = (screen.clone(), Arc::clone(meter), Instant::now());
        let (end, ended) = mpsc::channel();
        let draw = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                screen.show("counting", &progress(&meter, total, begin.elapsed()));
            }
            screen.clear();
        };
        let thread = thread::Builder::new().name("bar".to_owned()).spawn(draw)?;
        Ok(Some(Self { end: Some(end), thread: Some(thread) }))
    }
}

fn progress(meter: &Meter, total: Amount, elapsed: Duration) -> Progress {
    let files = meter.files.load(Ordering::Relaxed);
    let bytes = meter.bytes.load(Ordering::Relaxed);
    Progress {
        done: Amount { files, bytes },
        bytes_per_second: bytes as f64 / elapsed.as_secs_f64(),
        elapsed,
        total: Some(total),
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has no reason to panic; if it did, its message has been printed.
            let _ = thread.join();
        }
    }
}
