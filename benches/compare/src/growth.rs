//! How the cost of a read grows: with the requests at a time, and with the workers.

use crate::contender::Contender::{
    self, IoEngine, Raw, ReapoolChained, ReapoolOutside, Tokio, UringPool,
};
use crate::drawing::{Body, Chart, Curve, Lines, Panel};
use crate::kind::Kind;
use crate::named::Named;
use crate::options::Options;
use crate::reads::{Section, Summary};
use crate::task::{CPU, Device, Memory, Work};
use crate::workload::Workload;

/// The contenders, and the words for them.
const CONTENDERS: [(Contender, &str); 6] = [
    (ReapoolChained, "reapool, chained"),
    (ReapoolOutside, "reapool, outside"),
    (Raw, "AIO, one thread"),
    (IoEngine, "io-engine"),
    (UringPool, "io_uring, a pool"),
    (Tokio, "tokio"),
];

const DEPTHS: [usize; 6] = [1, 4, 16, 64, 256, 1024];

/// The depth at which the workers grow.
const DEPTH: usize = 64;
const WORKERS: [usize; 5] = [1, 4, 8, 16, 32];

pub(crate) fn takes_part(contender: Contender) -> bool {
    CONTENDERS.iter().any(|(other, _)| *other == contender)
}

/// The workloads: reads of the null device with empty callbacks, so that nothing else takes time.
pub(crate) fn workloads(options: &Options) -> Vec<Workload> {
    let (kind, device) = (Kind::Growth, Device::Null);
    let (work, memory) = (Work::Compute(0), Memory::Plain);
    let workload = |depth, workers| Workload { kind, device, depth, work, memory, workers };
    let depths = DEPTHS.map(|depth| workload(depth, None));
    let others = WORKERS.into_iter().filter(|&workers| workers != options.workers);
    depths.into_iter().chain(others.map(|workers| workload(DEPTH, Some(workers)))).collect()
}

/// The drawing, or `None` if there is nothing to draw.
pub(crate) fn draw(summary: &Summary) -> Option<String> {
    let usual = summary.workers.unwrap_or_default();
    let by_depth = |section: &Section| {
        let Workload { depth, workers, .. } = section.workload;
        workers.is_none().then_some(depth as f64)
    };
    let by_workers = |section: &Section| {
        let Workload { depth, workers, .. } = section.workload;
        (depth == DEPTH).then_some(workers.unwrap_or(usual) as f64)
    };
    let panel = |title: String, along, place: &dyn Fn(&Section) -> Option<f64>| Panel {
        title,
        unit: "CPU us a read, user and system, less is better".into(),
        body: Body::Lines(Lines { along, curves: curves(summary, place) }),
    };
    let chart = Chart {
        title: "What a 4 KiB read of the null device costs, with an empty callback".into(),
        notes: vec![
            summary.origin(),
            "upright lines: lowest to highest round; equal distances are equal factors".into(),
        ],
        panels: vec![
            panel(format!("As depth grows, {usual} workers"), "reads at a time", &by_depth),
            panel(format!("As workers grow, depth {DEPTH}"), "workers", &by_workers),
        ],
    };
    chart.draw()
}

/// The lines of which at least two points are known.
fn curves(summary: &Summary, place: &dyn Fn(&Section) -> Option<f64>) -> Vec<Curve> {
    let curve = |(colour, &(contender, name)): (usize, &(Contender, &'static str))| {
        let point =
            |section: &Section| Some((place(section)?, section.row(contender)?.figure(CPU)?));
        let mut points: Vec<_> = summary.sections.iter().filter_map(point).collect();
        points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        (points.len() > 1).then_some(Curve { name, whose: contender.whose(), colour, points })
    };
    CONTENDERS.iter().enumerate().filter_map(curve).collect()
}

#[cfg(test)]
mod tests {
    use super::{Contender, Section, Summary, draw, workloads};
    use crate::machine::Machine;
    use crate::metric::Round;
    use crate::options;
    use crate::summary::{Row, names_of};
    use crate::task::{Latency, Measured};

    /// A round in which a read took this many microseconds of CPU time.
    fn round(cpu: usize) -> Measured {
        Measured {
            operations: 1,
            seconds: 1.0,
            user_us: cpu as f64,
            system_us: 0.0,
            voluntary_switches: 0,
            involuntary_switches: 0,
            checksum: 0,
            latency: Latency { samples: 1, p50: 1.0, p99: 1.0, p999: 1.0 },
        }
    }

    #[test]
    fn the_lines_have_all_depths_and_all_numbers_of_workers() {
        let options = options::parse(&[]).unwrap().unwrap();
        let section = |(index, workload): (usize, _)| Section {
            workload,
            trouble: None,
            references: Vec::new(),
            contenders: vec![Row::of_rounds(
                Contender::Raw,
                &[round(index + 1)],
                None,
                Measured::KEPT,
            )],
        };
        let summary = Summary {
            machine: Machine::this(&[]),
            programs: Vec::new(),
            rounds: 1,
            scale: 1.0,
            workers: Some(2),
            figures: names_of::<Measured>(),
            sections: workloads(&options).into_iter().enumerate().map(section).collect(),
            absent: Vec::new(),
            ratios: Vec::new(),
        };
        let text = draw(&summary).unwrap();
        let depths = "along reads at a time: AIO, one thread 1.00 at 1, 2.00 at 4, 3.00 at 16, \
                      4.00 at 64, 5.00 at 256, 6.00 at 1024.";
        assert!(text.contains(depths), "{text}");
        // The usual number of workers has been measured with the depths.
        let workers = "along workers: AIO, one thread 7.00 at 1, 4.00 at 2, 8.00 at 4, 9.00 at 8, \
                       10.0 at 16, 11.0 at 32.";
        assert!(text.contains(workers), "{text}");
    }
}
