//! The child: one contender, a warm-up, one measured run, one line of JSON.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use std::{panic, process};

use crate::answer;
use crate::contenders;
use crate::load::Load;
use crate::stop::Trouble;
use crate::tally;
use crate::task::{Measured, Task};
use crate::usage::Usage;

/// Performs the task that is given as JSON, and prints the answer.
pub(crate) fn run(task: &str) -> Result<(), String> {
    abort_on_panic();
    let task: Task = serde_json::from_str(task).map_err(|error| format!("the task: {error}"))?;
    let built = contenders::build(&Arc::new(Load { task: task.clone() }));
    let measured = built.map_err(Trouble::Unavailable).and_then(|mut contender| {
        let measured = measure(&task, &mut |range| contender.run(range));
        // The contender is not torn down: not all contenders can end all of their threads.
        std::mem::forget(contender);
        measured.map_err(Trouble::Failed)
    });
    answer::print(measured)
}

/// Makes every panic end the run at once. Some contenders catch a callback's panic, and others
/// would wait for ever for a thread that panicked. An abort also frees no buffer that the kernel is
/// still using.
pub(crate) fn abort_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        process::abort();
    }));
}

fn measure(
    task: &Task,
    run: &mut dyn FnMut(Range<u64>) -> Result<(), String>,
) -> Result<Measured, String> {
    let (operations, warm_up) = (task.operations, task.warm_up);
    // The warm-up has numbers of its own, so that the measured reads are at fresh offsets.
    run(operations..operations + warm_up)?;
    check_count(tally::collect().count, warm_up)?;
    let (before, start) = (Usage::now(), Instant::now());
    run(0..operations)?;
    let (elapsed, after) = (start.elapsed(), Usage::now());
    let total = tally::collect();
    check_count(total.count, operations)?;
    Ok(Measured {
        operations,
        seconds: elapsed.as_secs_f64(),
        user_us: after.user_us - before.user_us,
        system_us: after.system_us - before.system_us,
        voluntary_switches: after.voluntary - before.voluntary,
        involuntary_switches: after.involuntary - before.involuntary,
        checksum: total.checksum,
        latency: total.latency,
    })
}

fn check_count(count: u64, wanted: u64) -> Result<(), String> {
    if count == wanted { Ok(()) } else { Err(format!("{count} of {wanted} callbacks succeeded")) }
}
