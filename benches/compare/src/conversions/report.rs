//! The conversions' report in Markdown.

use std::fmt::Write;

use super::bars::{CPU, PEAK, best};
use super::contender::Contender;
use super::workload::{Results, Section, title};
use crate::file_runs::bars::{self, Bar};
use crate::file_runs::measured::{BYTES, FILES, Metric};
use crate::file_runs::named::Named;
use crate::file_runs::report;
use crate::file_runs::sections::Series;
use crate::report::{short, spread, thousands};

/// The machine, a table for each section, and the ratios.
pub(super) fn full(results: &Results, bars: &[Bar]) -> String {
    let mut text = String::new();
    report::heading(&mut text, "Conversions", results);
    let _ = writeln!(
        text,
        "\nFrom files to files, and the readers that they start with. No source is in the page \
         cache, and no target is there before."
    );
    for section in &results.sections {
        let _ = writeln!(text, "\n## {}\n", title(section));
        match &section.trouble {
            Some(trouble) => {
                let _ = writeln!(text, "**Skipped**: {trouble}");
            }
            None => table(&mut text, section),
        }
    }
    bars::table(&mut text, bars);
    text
}

/// The contenders that a section's figures are divided by.
struct Best {
    speed: Option<Contender>,
    cpu: Option<Contender>,
    peak: Option<Contender>,
}

fn table(text: &mut String, section: &Section) {
    let best = Best {
        speed: best(section, section.workload.speed()),
        cpu: best(section, CPU),
        peak: best(section, PEAK),
    };
    let beside = |best: Option<Contender>| best.map_or("best", Named::name);
    let _ = writeln!(text, "Medians, with lowest-highest round; peak is resident memory.\n");
    let _ = writeln!(
        text,
        "| contender | files/s | MB/s | / {} | CPU s | / {} | peak MiB | / {} |\n|---|{}",
        beside(best.speed),
        beside(best.cpu),
        beside(best.peak),
        "---:|".repeat(7)
    );
    for series in &section.series {
        let _ = writeln!(text, "{}", row(section, series, &best));
    }
}

fn row(section: &Section, series: &Series<Contender>, best: &Best) -> String {
    let name = series.contender.name();
    let figures = (series.of(FILES.of), series.of(BYTES.of), series.of(CPU.of), series.of(PEAK.of));
    let (Some(files), Some(bytes), Some(cpu), Some(peak)) = figures else {
        return report::without_figures(series);
    };
    let ratio = |best: Option<Contender>, metric: Metric| {
        let ratio = best.and_then(|best| section.ratio(series.contender, best, metric.of));
        ratio.map_or_else(String::new, |ratio| short(ratio.median))
    };
    format!(
        "| {name} | {} ({}-{}) | {} | {} | {} | {} | {} | {} |",
        thousands(files.median),
        thousands(files.min),
        thousands(files.max),
        spread(&bytes),
        ratio(best.speed, section.workload.speed()),
        spread(&cpu),
        ratio(best.cpu, CPU),
        spread(&peak),
        ratio(best.peak, PEAK),
    )
}

#[cfg(test)]
mod tests {
    use super::super::bars::bars;
    use super::super::workload::Workload;
    use super::{Contender, Results, full};
    use crate::file_runs::sections::tests::{section, series};
    use crate::machine::Machine;
    use crate::stop::Trouble;

    fn report() -> String {
        let mut rsync = series(Contender::Rsync, &[]);
        rsync.trouble = Some(Trouble::Unavailable("it is not installed".into()));
        let section = section(
            Workload::Large,
            vec![
                series(Contender::Reapool, &[0.5, 0.5, 0.5]),
                series(Contender::Rayon16, &[4.0, 4.0, 4.0]),
                series(Contender::Rayon16Again, &[0.1, 0.1, 0.1]),
                series(Contender::Cp, &[1.0, 1.0, 2.0]),
                rsync,
            ],
        );
        let (machine, programs) = (Machine::this(&[]), vec!["cp 9.1".into()]);
        let results = Results { machine, programs, rounds: 3, scale: 1.0, sections: vec![section] };
        full(&results, &bars(&results))
    }

    #[test]
    fn every_figure_is_beside_the_best_in_it() {
        let report = report();
        let row = |name: &str| {
            let row = report.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap();
            row.split('|').map(str::trim).collect::<Vec<_>>()
        };
        // The second run of a contender is nobody's reference.
        let header = row("contender");
        assert_eq!([header[4], header[6], header[8]], ["/ reapool", "/ reapool", "/ cp"]);
        let rayon = row("rayon-16");
        assert_eq!([rayon[4], rayon[6], rayon[8]], ["0.12", "8.00", "1.00"]);
        assert!(row("rsync")[2].contains("not available"), "{report}");
        assert!(report.contains("cp 9.1"), "{report}");
    }

    #[test]
    fn the_crate_is_compared_with_the_best_of_the_others() {
        let report = report();
        for line in [
            "| reapool / cp (large files, copied) | MB/s |  | 2.00 | 2.00 | 4.00 |",
            "| reapool / cp (large files, copied) | CPU s |  | 0.50 | 0.25 | 0.50 |",
        ] {
            assert!(report.contains(line), "{report}");
        }
    }
}
