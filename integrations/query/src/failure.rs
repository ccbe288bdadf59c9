//! Why a command ends early, and with which exit status.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use ballista_core::error::BallistaError;
use datafusion::error::DataFusionError;

pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

pub(crate) enum Failure {
    /// A mistake in the command line.
    Usage(String),
    /// What was asked for could not be done.
    Failed(String),
    /// The reader of the standard output has closed it: it has read enough.
    OutputClosed,
    /// A signal asked the program to end.
    Interrupted,
}

impl Failure {
    pub(crate) fn failed(reason: impl Display) -> Self {
        Self::Failed(reason.to_string())
    }

    /// What went wrong with a file.
    pub(crate) fn at(path: &Path, reason: impl Display) -> Self {
        Self::Failed(format!("{}: {reason}", path.display()))
    }

    pub(crate) fn usage(reason: impl Display) -> Self {
        Self::Usage(reason.to_string())
    }

    /// The message to show, if there is one, and the exit status.
    pub(crate) fn report(self) -> (Option<String>, ExitCode) {
        match self {
            Self::Usage(reason) => (Some(format!("{reason} (see --help)")), ExitCode::from(2)),
            Self::Failed(reason) => (Some(reason), ExitCode::FAILURE),
            Self::OutputClosed => (None, ExitCode::SUCCESS),
            Self::Interrupted => (Some("interrupted".into()), ExitCode::from(130)),
        }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::usage(error)
    }
}

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        Self::Failed(error.strip_backtrace())
    }
}

impl From<BallistaError> for Failure {
    fn from(error: BallistaError) -> Self {
        Self::failed(error)
    }
}
