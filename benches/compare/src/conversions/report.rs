//! The conversions' report in Markdown.

use std::fmt::Write;

use super::contender::Contender;
use super::output::{Section, Summary};
use super::workload::title;
use crate::file_runs::measured::{BYTES, CPU_SECONDS, FILES, PEAK};
use crate::markdown::{self, short, spread, spread_of_thousands};
use crate::named::Named;
use crate::summary::Row;

/// The machine, a table for each section, and the ratios.
pub(super) fn full(summary: &Summary, name: &str, about: &str) -> String {
    let mut text = String::new();
    markdown::heading(&mut text, name, summary);
    let _ = writeln!(text, "\n{about}");
    for section in &summary.sections {
        let _ = writeln!(text, "\n## {}\n", title(&section.workload));
        match &section.trouble {
            Some(trouble) => {
                let _ = writeln!(text, "**Skipped**: {trouble}");
            }
            None => table(&mut text, section),
        }
    }
    markdown::ratios(&mut text, &summary.ratios);
    text
}

fn table(text: &mut String, section: &Section) {
    let best = |index: usize| section.references.get(index).map_or("best", String::as_str);
    let _ = writeln!(text, "Medians, with lowest-highest round; peak is resident memory.\n");
    let _ = writeln!(
        text,
        "| contender | files/s | MB/s | / {} | CPU s | / {} | peak MiB | / {} |\n|---|{}",
        best(0),
        best(1),
        best(2),
        "---:|".repeat(7)
    );
    for row in &section.contenders {
        let _ = writeln!(text, "{}", line(row));
    }
}

fn line(row: &Row<Contender>) -> String {
    let name = row.contender.name();
    let figures = (row.figure(FILES), row.figure(BYTES), row.figure(CPU_SECONDS), row.figure(PEAK));
    let (Some(files), Some(bytes), Some(cpu), Some(peak)) = figures else {
        return row.without_figures();
    };
    let ratio =
        |index: usize| row.ratios.get(index).copied().flatten().map_or_else(String::new, short);
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} |",
        spread_of_thousands(&files),
        spread(&bytes),
        ratio(0),
        spread(&cpu),
        ratio(1),
        spread(&peak),
        ratio(2),
    )
}

#[cfg(test)]
mod tests {
    use super::super::output::Conversions;
    use super::super::workload::Results;
    use super::super::workload::Workload;
    use super::Contender;
    use crate::file_runs::sections::tests::{section, series};
    use crate::machine::Machine;
    use crate::output::Comparison;
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
        Conversions::report(&Conversions::sum_up(&results))
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
