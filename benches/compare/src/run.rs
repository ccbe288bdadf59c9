//! One run: a child that measures one contender.

use std::env;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::stop::{Stop, Trouble};
use crate::task::{Measured, Task};

/// The longest time until this program reacts to a signal.
const TICK: Duration = Duration::from_millis(50);

/// A child process. When this is dropped, the child ends with all processes that it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // A child that has been waited for needs no signal, and its number may belong to another
        // process by now.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// Lets a child perform the task, and checks the checksum of its reads.
pub(crate) fn run(
    task: &Task,
    expected: u64,
    limit: Duration,
    stop: &Stop,
) -> Result<Measured, Trouble> {
    let measured: Measured = answer("run", task, limit, stop)?;
    if measured.checksum == expected {
        return Ok(measured);
    }
    Err(Trouble::Failed(format!(
        "it read something else: checksum {:016x} instead of {expected:016x}",
        measured.checksum
    )))
}

/// Starts a child with this command and task, and returns what it has measured.
pub(crate) fn answer<T: DeserializeOwned>(
    command: &str,
    task: &impl Serialize,
    limit: Duration,
    stop: &Stop,
) -> Result<T, Trouble> {
    let line = line(command, task, limit, stop)?;
    let answer: Answer<T> = serde_json::from_str(&line)
        .map_err(|error| Trouble::Failed(format!("its answer {line:?}: {error}")))?;
    answer.into_result()
}

fn line(
    command: &str,
    task: &impl Serialize,
    limit: Duration,
    stop: &Stop,
) -> Result<String, Trouble> {
    let failed = |what: String| Trouble::Failed(what);
    let task = serde_json::to_string(task).map_err(|error| failed(error.to_string()))?;
    let program = env::current_exe().map_err(|error| failed(error.to_string()))?;
    let child = Command::new(program)
        .args([command, &task])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // In a group of its own, the child gets no Ctrl-C: this process handles it.
        .process_group(0)
        .spawn()
        .map_err(|error| failed(format!("its process: {error}")))?;
    let mut running = Running(child);
    let output = read_all(running.0.stdout.take());
    let errors = read_all(running.0.stderr.take());
    let output = wait(&output, limit, stop)?;
    let status = running.0.wait().map_err(|error| failed(format!("its process: {error}")))?;
    if status.success() {
        return Ok(output);
    }
    let errors = wait(&errors, limit, stop)?;
    Err(failed(format!("{status}: {}", errors.trim())))
}

/// Reads in a thread of its own, so that this one can stop waiting.
fn read_all(source: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, text) = bounded(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            let _ = source.read_to_end(&mut bytes);
        }
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    text
}

fn wait(text: &Receiver<String>, limit: Duration, stop: &Stop) -> Result<String, Trouble> {
    let deadline = Instant::now() + limit;
    loop {
        match text.recv_timeout(TICK) {
            _ if stop.is_asked() => return Err(Trouble::Stopped),
            Ok(text) => return Ok(text),
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(_) => return Err(Trouble::Failed(format!("no answer in {limit:?}"))),
        }
    }
}
