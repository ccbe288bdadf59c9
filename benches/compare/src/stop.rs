//! The reasons why a part of the comparison has no figures, and the user's request to stop.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Set by Ctrl-C and by SIGTERM.
#[derive(Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn on_signals() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// For tests.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    pub(crate) fn is_asked(&self) -> bool {
        // Relaxed: the flag tells nothing about other memory.
        self.0.load(Ordering::Relaxed)
    }
}

/// The reason why there are no figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trouble {
    /// It can't be done on this machine, for this reason.
    Unavailable(String),
    /// It failed, for this reason.
    Failed(String),
    /// The user stopped the comparison.
    Stopped,
}

/// Puts the name of the failed step or file before the error, for the report.
pub(crate) fn failed<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Trouble {
    move |error| Trouble::Failed(format!("{what}: {error}"))
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => write!(f, "not available: {reason}"),
            Self::Failed(reason) => write!(f, "FAILED: {reason}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
