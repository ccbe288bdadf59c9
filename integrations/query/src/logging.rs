//! Warnings and errors of DataFusion and Ballista, on the standard error.

use log::{LevelFilter, Log, Metadata, Record};

use crate::output::say;

struct OnStandardError;

impl Log for OnStandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level();
            say(format_args!("{level} {}: {}", record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

pub(crate) fn start(level: LevelFilter) {
    // It fails if there is a logger already, which is as good.
    if log::set_logger(&OnStandardError).is_ok() {
        log::set_max_level(level);
    }
}
