//! Why a part of the comparison doesn't come about, and the wish to stop all of it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
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
        // Relaxed: nothing else is read on the strength of it.
        self.0.load(Ordering::Relaxed)
    }
}

/// Why there are no figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trouble {
    /// It can't be done here, and why.
    Unavailable(String),
    /// It went wrong.
    Failed(String),
    /// The user wants no more.
    Stopped,
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
