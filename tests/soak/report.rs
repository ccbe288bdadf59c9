//! The report, in Markdown.

use std::fmt::{self, Write};
use std::fs;
use std::process::Command;

use crate::gauge::Sample;
use crate::growth::{Growth, LIMITS};
use crate::ledger::{Kind, Outcome as End, Tally};
use crate::options::Options;
use crate::soak::Outcome;
use crate::trouble::{Trouble, Troubles};

/// The rows of the table of samples: more are left out evenly.
const ROWS: usize = 32;

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) command: String,
    pub(crate) outcome: &'a Outcome,
    pub(crate) growth: Growth,
    pub(crate) troubles: &'a Troubles,
}

impl Report<'_> {
    /// In one line.
    pub(crate) fn summary(&self) -> String {
        let Self { outcome, troubles, .. } = self;
        let verdict = match troubles.total() {
            0 => "nothing lost, doubled, mixed up or grown".to_owned(),
            count => format!("{count} TROUBLES"),
        };
        format!(
            "soak: {} jobs on the null device, {} mixed ones in {:.0?}: {verdict} (seed {})",
            grouped(outcome.nulls.marked),
            grouped(outcome.ran()),
            outcome.mixed,
            self.options.seed,
        )
    }

    fn verdict(&self, out: &mut String) -> fmt::Result {
        let Self { outcome, troubles, .. } = self;
        writeln!(out, "| | |\n|---|---|")?;
        for sort in Trouble::ALL {
            writeln!(out, "| {} | {} |", sort.name(), troubles.count(sort))?;
        }
        let panics: u64 = outcome.tallies().map(|(_, tally)| Tally::get(&tally.panics)).sum();
        let stalls: u64 = outcome.tallies().map(|(_, tally)| Tally::get(&tally.stalls)).sum();
        let chained: u64 = outcome.tallies().map(|(_, tally)| Tally::get(&tally.chained)).sum();
        let compared: u64 = outcome.tallies().map(|(_, tally)| Tally::get(&tally.compared)).sum();
        writeln!(out, "| bytes read and compared | {} |", grouped(compared))?;
        writeln!(out, "| jobs submitted by callbacks | {} |", grouped(chained))?;
        writeln!(out, "| callbacks that panicked on purpose | {} |", grouped(panics))?;
        writeln!(out, "| callbacks that slept some ms | {} |", grouped(stalls))?;
        let lives = &outcome.lives;
        let (ended, unmade) = (Tally::get(&lives.ended), Tally::get(&lives.unmade));
        writeln!(out, "| dispatchers made and ended | {} |", grouped(ended))?;
        writeln!(out, "| dispatchers refused by fs.aio-max-nr | {} |", grouped(unmade))?;
        for told in troubles.told() {
            writeln!(out, "\n    {}", told.replace('\n', "\n    "))?;
        }
        writeln!(out)
    }

    fn jobs(&self, out: &mut String) -> fmt::Result {
        write!(out, "| job |")?;
        for end in End::ALL {
            write!(out, " {} |", end.name())?;
        }
        writeln!(out, "\n|---|{}", "---:|".repeat(End::ALL.len()))?;
        for kind in Kind::ALL {
            write!(out, "| {} |", kind.name())?;
            for end in End::ALL {
                let count = self.outcome.tallies().map(|(_, tally)| tally.ended(kind, end)).sum();
                write!(out, " {} |", grouped(count))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "\n| dispatcher | callbacks | handed back | panics |\n|---|---:|---:|---:|")?;
        for (name, tally) in self.outcome.tallies() {
            let (ran, returned) = (grouped(tally.ran()), grouped(Tally::get(&tally.returned)));
            let panics = grouped(Tally::get(&tally.panics));
            writeln!(out, "| {name} | {ran} | {returned} | {panics} |")?;
        }
        writeln!(out, "\n| `Files` | runs | good | failed | panicked | stopped |")?;
        writeln!(out, "|---|---:|---:|---:|---:|---:|")?;
        for tree in &self.outcome.trees {
            let counts = &tree.counts;
            write!(out, "| {} |", tree.name)?;
            let all =
                [&counts.runs, &counts.good, &counts.failed, &counts.panicked, &counts.stopped];
            for count in all {
                write!(out, " {} |", grouped(Tally::get(count)))?;
            }
            writeln!(out)?;
        }
        writeln!(out)
    }

    fn growth(&self, out: &mut String) -> fmt::Result {
        let Self { outcome, growth, .. } = self;
        let (heap, rss) = LIMITS;
        writeln!(
            out,
            "At rest, when nothing is outstanding and blocking threads have ended, from the \
             first round to the last: {} KiB more allocated (limit {heap}), and from the first third \
             on {} KiB more resident (limit {rss}) without what the allocator has kept of freed memory: \
             the columns have what it keeps, and what is resident when it has given that back. \
             Descriptors, threads and contexts may not be more than before the first round.\n",
            growth.heap, growth.rss
        )?;
        let head = "| time | jobs | RSS MiB | kept MiB | without MiB | heap KiB | pool KiB | fds \
                    | threads | contexts | aio-nr |";
        writeln!(out, "{head}\n|---|{}", "---:|".repeat(10))?;
        let samples = &outcome.samples;
        let step = samples.len().div_ceil(ROWS).max(1);
        let last = samples.len().saturating_sub(1);
        for (index, sample) in samples.iter().enumerate() {
            // With an odd step both the busy and the quiet ones are there.
            if index == last || index % (step | 1) == 0 {
                let state = if sample.is_quiet { ", at rest" } else { "" };
                row(out, &format!("{:.0?}{state}", sample.at), sample)?;
            }
        }
        row(out, "highest", &Sample { jobs: outcome.ran(), ..outcome.peak })?;
        row(out, "before any dispatcher", &outcome.ends[0])?;
        row(out, "after all", &outcome.ends[1])
    }
}

fn row(out: &mut String, name: &str, sample: &Sample) -> fmt::Result {
    let Sample { jobs, rss, heap, pool, descriptors, threads, contexts, aio_nr, .. } = sample;
    let (jobs, rss) = (grouped(*jobs), rss / 1024);
    let [kept, without] = sample.allocator.map_or([String::new(), String::new()], |allocator| {
        [allocator.kept, allocator.rss_without].map(|kib| (kib / 1024).to_string())
    });
    write!(out, "| {name} | {jobs} | {rss} | {kept} | {without} | {heap} | {pool} |")?;
    writeln!(out, " {descriptors} | {threads} | {contexts} | {aio_nr} |")
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, outcome, .. } = self;
        let mut out = String::new();
        let verdict = if self.troubles.total() == 0 { "all well" } else { "TROUBLE" };
        writeln!(out, "# Soak: {verdict}\n")?;
        writeln!(out, "- {}\n- {}", machine(), printed("uname", &["-srm"]))?;
        writeln!(out, "- {}", printed("date", &["-u", "+ended %Y-%m-%d %H:%M UTC"]))?;
        writeln!(out, "- `{}`, seed {}", self.command, options.seed)?;
        let mode = if cfg!(debug_assertions) { "debug" } else { "release" };
        writeln!(out, "- {mode} build; on {}", outcome.places.join(", "))?;
        if outcome.was_interrupted {
            writeln!(out, "- ended early, by a signal")?;
        }
        let nulls = &outcome.nulls;
        let rate = nulls.marked as f64 / nulls.duration.as_secs_f64().max(1e-9) / 1e6;
        writeln!(
            out,
            "- null device: {} jobs submitted, {} callbacks, each once, in {:.1?}: {rate:.2} million/s",
            grouped(nulls.submitted),
            grouped(nulls.marked),
            nulls.duration,
        )?;
        writeln!(out, "- mixed: {} callbacks in {:.0?}\n", grouped(outcome.ran()), outcome.mixed)?;
        self.verdict(&mut out)?;
        self.jobs(&mut out)?;
        self.growth(&mut out)?;
        f.write_str(&out)
    }
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
    format!("{model}, {cores} cores, {} GiB", kib >> 20)
}

fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| "unknown".into(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
