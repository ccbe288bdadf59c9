//! The command line: the command, then options and values.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::{Arg, Parser, ValueExt};

use crate::failure::{Failure, Result};
use crate::measure::turn;
use crate::output::print;

/// The first argument, if it is one of these. Everything else is SQL, or belongs to it.
const COMMANDS: [&str; 6] =
    ["cluster", "executor", "generate", "measure", "scheduler", turn::COMMAND];

pub(crate) struct Arguments {
    parser: Parser,
    command: Option<String>,
}

/// What the next argument is.
pub(crate) enum Argument {
    /// An option, by its long name.
    Option(String),
    Value(OsString),
}

impl Arguments {
    pub(crate) fn from_env() -> Self {
        let mut all = std::env::args_os().skip(1).peekable();
        let is_command = |text: &OsString| COMMANDS.iter().any(|command| text == command);
        let command = all.next_if(is_command).and_then(|text| text.into_string().ok());
        Self { parser: Parser::from_args(all), command }
    }

    pub(crate) fn command(&mut self) -> Option<String> {
        self.command.take()
    }

    /// Hands all arguments to `take`, which may ask for their values. Prints the help, and looks no
    /// further, if the user asks for it.
    pub(crate) fn read(
        &mut self,
        help: &str,
        mut take: impl FnMut(&mut Self, Argument) -> Result,
    ) -> Result<Wanted> {
        loop {
            let argument = match self.parser.next()? {
                None => return Ok(Wanted::Run),
                Some(Arg::Short('h')) => Argument::Option("help".into()),
                Some(Arg::Long(name)) => Argument::Option(name.into()),
                Some(Arg::Value(value)) => Argument::Value(value),
                Some(other) => return Err(other.unexpected().into()),
            };
            match argument {
                Argument::Option(name) if name == "help" => {
                    print(help.trim_end())?;
                    return Ok(Wanted::Help);
                }
                argument => take(self, argument)?,
            }
        }
    }

    pub(crate) fn path(&mut self) -> Result<PathBuf> {
        Ok(self.parser.value()?.into())
    }

    /// The value of the option that was read last.
    pub(crate) fn value<T>(&mut self) -> Result<T>
    where
        T: FromStr,
        T::Err: Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    {
        Ok(self.parser.value()?.parse()?)
    }
}

impl Argument {
    /// The failure for one that the command does not know.
    pub(crate) fn unexpected(&self) -> Failure {
        match self {
            Self::Option(name) => Failure::usage(format_args!("invalid option '--{name}'")),
            Self::Value(value) => {
                Failure::usage(format_args!("unexpected argument {}", value.display()))
            }
        }
    }
}

/// The SQL, which is the one value of a command line.
#[derive(Default)]
pub(crate) struct Sql(Option<String>);

impl Sql {
    pub(crate) fn read(&mut self, argument: &Argument) -> Result {
        match argument {
            Argument::Value(text) if self.0.is_none() => {
                let text = text.to_str().ok_or_else(|| Failure::usage("the SQL is not UTF-8"))?;
                self.0 = Some(text.to_owned());
                Ok(())
            }
            other => Err(other.unexpected()),
        }
    }

    pub(crate) fn given(self) -> Result<String> {
        self.0.ok_or_else(|| Failure::usage("no SQL is given"))
    }
}

/// What the command line asks for.
pub(crate) enum Wanted {
    Run,
    /// It has been printed.
    Help,
}
