//! Processes of this program that another one starts, and their ends.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::failure::{Failure, Result};

/// How long a process may take to start, or to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes this process end when its parent does, however that ends. It is killed: after SIGTERM, an
/// executor would finish its tasks, whose results nobody wants.
pub(crate) fn end_with(parent: Option<i32>) -> Result {
    let Some(parent) = parent else { return Ok(()) };
    set_pdeathsig(Signal::SIGKILL).map_err(Failure::failed)?;
    // It may have ended before.
    if getppid().as_raw() == parent { Ok(()) } else { Err(Failure::Interrupted) }
}

/// A process that was started here. It is killed when this is dropped.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts this program with a command. Its temporary files are below `temporary`.
    pub(crate) fn start(name: &'static str, options: &[&str], temporary: &Path) -> Result<Self> {
        let failed = |error| Failure::Failed(format!("{name} can't be started: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.arg(name).args(options);
        command.args(["--with-parent", &std::process::id().to_string()]);
        command.env("TMPDIR", temporary).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
        let Some(stdout) = child.stdout.take() else {
            return Err(Failure::Failed(format!("{name} has no output")));
        };
        Ok(Self { name, child, lines: BufReader::new(stdout).lines() })
    }

    /// What follows `start` in the line that begins with it, when it has come.
    pub(crate) async fn wait_for(&mut self, start: &str) -> Result<String> {
        let found = async {
            while let Some(line) = self.lines.next_line().await.map_err(Failure::failed)? {
                if let Some(rest) = line.strip_prefix(start) {
                    return Ok(rest.trim().to_owned());
                }
            }
            Err(Failure::Failed(format!("the {} ended too early", self.name)))
        };
        let too_late = |_| Failure::Failed(format!("the {} says nothing", self.name));
        timeout(PATIENCE, found).await.map_err(too_late)?
    }

    /// Asks the process to end; it still prints.
    pub(crate) fn ask_to_end(&self) -> Result {
        // Without an id it has ended, and the id may be another process's.
        let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) else { return Ok(()) };
        match kill(Pid::from_raw(id), Signal::SIGTERM) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(Failure::Failed(format!("the {}: {error}", self.name))),
        }
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> Result {
        let name = self.name;
        let too_late = |_| Failure::Failed(format!("the {name} did not end"));
        let status = timeout(PATIENCE, self.child.wait()).await.map_err(too_late)?;
        match status.map_err(Failure::failed)? {
            status if status.success() => Ok(()),
            status => Err(Failure::Failed(format!("the {name} ended with {status}"))),
        }
    }

    /// Ends it at once, and waits for that.
    pub(crate) async fn kill(mut self) {
        // It fails if the process has ended, which is what is wanted.
        let _ = self.child.kill().await;
    }
}
