//! Files for which direct I/O was refused.

use std::collections::BTreeMap;

use reapool::{Policy, Processed};

use super::screen::Screen;
use super::settings::Settings;

/// Counts these files by the system's reason.
#[derive(Default)]
pub(crate) struct Fallbacks {
    files: u64,
    reasons: BTreeMap<String, u64>,
}

impl Fallbacks {
    pub(crate) fn count<T>(&mut self, file: &Processed<T>) {
        self.files += 1;
        if let Some(error) = &file.fallback {
            *self.reasons.entry(error.to_string()).or_default() += 1;
        }
    }

    /// Reports the counts in one line, if there were any and the user wants to know.
    pub(crate) fn report(&self, settings: &Settings, screen: &Screen) {
        let is_asked = settings.policy == Policy::Direct || settings.verbose;
        if self.reasons.is_empty() || !is_asked {
            return;
        }
        let count: u64 = self.reasons.values().sum();
        let reasons: Vec<String> = match self.reasons.len() {
            1 => self.reasons.keys().cloned().collect(),
            _ => self.reasons.iter().map(|(reason, files)| format!("{reason} ({files})")).collect(),
        };
        screen.say(format_args!(
            "{count} of {} files were read through the page cache, as direct I/O was refused: {}",
            self.files,
            reasons.join(", ")
        ));
    }
}
