//! A child's answer: one line of JSON.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::stop::Trouble;

/// The line that the child prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer<T> {
    Measured(T),
    /// The contender can't do this here, for this reason.
    Unavailable(String),
}

impl<T> Answer<T> {
    pub(crate) fn into_result(self) -> Result<T, Trouble> {
        match self {
            Self::Measured(measured) => Ok(measured),
            Self::Unavailable(reason) => Err(Trouble::Unavailable(reason)),
        }
    }
}

/// Prints the answer. A failure is none: the child ends with it.
pub(crate) fn print<T: Serialize>(measured: Result<T, Trouble>) -> Result<(), String> {
    let answer = match measured {
        Ok(measured) => Answer::Measured(measured),
        Err(Trouble::Unavailable(reason)) => Answer::Unavailable(reason),
        Err(Trouble::Failed(reason)) => return Err(reason),
        Err(Trouble::Stopped) => return Err("stopped".into()),
    };
    let line = serde_json::to_string(&answer).map_err(|error| format!("the answer: {error}"))?;
    writeln!(io::stdout(), "{line}").map_err(|error| format!("standard output: {error}"))
}
