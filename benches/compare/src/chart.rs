//! The chart of the reads: a panel for each of a few workloads, a bar for each contender that one
//! would use instead.

use crate::drawing::{Chart, Panel, Unit, bars_of};
use crate::kind::Kind;
use crate::reads::{Section, Summary};
use crate::task::{Device, Metric, P99, RATE, Work};
use crate::workload::MANY_WORKERS;

const THOUSANDS: Unit = Unit { words: "thousand reads a second", one: 1e3 };
const MILLISECONDS: Unit = Unit { words: "99th percentile in ms", one: 1e3 };

/// A panel's workload and figure.
struct Plan {
    title: &'static str,
    device: Device,
    work: Work,
    metric: Metric,
    unit: Unit,
}

const fn rate(title: &'static str, device: Device, work: Work) -> Plan {
    Plan { title, device, work, metric: RATE, unit: THOUSANDS }
}

const PLANS: [Plan; 8] = [
    rate("Null device, empty callbacks", Device::Null, Work::Compute(0)),
    rate("Disk, empty callbacks", Device::Disk, Work::Compute(0)),
    rate("Loop device over memory, empty callbacks", Device::Loop, Work::Compute(0)),
    rate("Disk, callbacks of 20 us", Device::Disk, Work::Compute(20)),
    rate("Loop device, callbacks of 20 us", Device::Loop, Work::Compute(20)),
    rate("Disk, callbacks of 100 us", Device::Disk, Work::Compute(100)),
    rate("Mix on the loop device, 16 workers", Device::Loop, Work::Mix),
    Plan {
        title: "The same mix: how long quick callbacks wait",
        device: Device::Loop,
        work: Work::Mix,
        metric: P99,
        unit: MILLISECONDS,
    },
];

/// The drawing, or `None` if there is nothing to draw.
pub(crate) fn draw(summary: &Summary) -> Option<String> {
    let depth = depth(summary)?;
    let panel = |plan: &Plan| Some(panel(section(summary, plan, depth)?, plan));
    let workers = summary.workers.unwrap_or_default();
    let chart = Chart {
        title: format!("4 KiB random reads, {depth} at a time, {workers} workers"),
        notes: vec![
            summary.origin(),
            "chained: each callback submits the next read; outside: another thread submits".into(),
            "mix: 99 of 100 callbacks are quick and compute 5 us, one sleeps 5 ms".into(),
        ],
        panels: PLANS.iter().filter_map(panel).collect(),
    };
    chart.draw()
}

/// The depth of the reads: 64, or the nearest to it that was run.
fn depth(summary: &Summary) -> Option<usize> {
    let random = summary.sections.iter().filter(|section| section.workload.kind == Kind::Random);
    random.map(|section| section.workload.depth).min_by_key(|depth| depth.abs_diff(64))
}

/// The section that a panel is about, if it was run.
fn section<'a>(summary: &'a Summary, plan: &Plan, depth: usize) -> Option<&'a Section> {
    let (kind, workers) = match plan.work {
        Work::Mix => (Kind::Mix, Some(MANY_WORKERS)),
        Work::Compute(_) => (Kind::Random, None),
    };
    summary.of_device(plan.device).find(|Section { workload, .. }| {
        (workload.kind, workload.work, workload.depth, workload.workers)
            == (kind, plan.work, depth, workers)
    })
}

/// The sections that have a panel.
pub(crate) fn drawn(summary: &Summary) -> Vec<&Section> {
    let Some(depth) = depth(summary) else { return Vec::new() };
    let rates = PLANS.iter().filter(|plan| plan.metric.name == RATE.name);
    rates.filter_map(|plan| section(summary, plan, depth)).collect()
}

fn panel(section: &Section, plan: &Plan) -> Panel {
    bars_of(section, plan.title.into(), plan.metric, plan.unit)
}
