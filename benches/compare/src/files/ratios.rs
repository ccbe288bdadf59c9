//! The ratios that sum up the files workload, beside the goals that were set for them.

use super::contender::Contender::{
    self, Rayon16, Rayon16Again, ReapoolAutomatic, ReapoolBuffered, ReapoolDirect,
};
use super::workload::{Cache, Results, Section, Shape, Workload};
use crate::file_runs::measured::{BYTES, CPU, FILES};
use crate::file_runs::summing::push;
use crate::ratio::Ratio;

/// The ways of driving the crate that are compared.
const WAYS: [Contender; 3] = [ReapoolAutomatic, ReapoolDirect, ReapoolBuffered];

/// The ratios that the results have figures for.
pub(super) fn ratios(results: &Results) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    let section = |shape, cache| {
        let workload = Workload { shape, cache };
        results.sections.iter().find(move |section| section.workload == workload)
    };
    for section in &results.sections {
        push(&mut ratios, section, Rayon16Again, Some(Rayon16), FILES, "");
    }
    if let Some(section) = section(Shape::Mixed, Cache::Cold) {
        for way in WAYS {
            push(&mut ratios, section, way, best(section), FILES, "1.0 / 1.1");
        }
        // The contender that uses the least CPU may be slow, and the fastest may use much.
        let thriftiest = section.best(Contender::is_threaded, CPU);
        let fastest = section.best(Contender::is_threaded, FILES);
        for way in WAYS {
            push(&mut ratios, section, way, thriftiest, CPU, "at most 0.7 / 0.6");
            if fastest != thriftiest {
                push(&mut ratios, section, way, fastest, CPU, "at most 0.7 / 0.6");
            }
        }
    }
    if let Some(section) = section(Shape::Large, Cache::Cold) {
        for way in WAYS {
            push(&mut ratios, section, way, best(section), BYTES, "0.95 / 1.05");
        }
    }
    for (shape, metric) in [(Shape::Mixed, FILES), (Shape::Large, BYTES)] {
        if let Some(section) = section(shape, Cache::Warm) {
            push(&mut ratios, section, ReapoolAutomatic, best(section), metric, "0.9 / 1.0");
        }
    }
    ratios
}

/// The fastest contender that is not the crate.
fn best(section: &Section) -> Option<Contender> {
    section.best(Contender::is_rival, FILES)
}

#[cfg(test)]
mod tests {
    use super::{Cache, Contender, Results, Shape, Workload, ratios};
    use crate::file_runs::sections::tests::{section, series};
    use crate::machine::Machine;

    #[test]
    fn the_crate_is_compared_with_the_best_of_the_others() {
        let cold = section(
            Workload { shape: Shape::Mixed, cache: Cache::Cold },
            vec![
                series(Contender::ReapoolAutomatic, &[1.0, 1.0, 1.0]),
                series(Contender::ReapoolDirect, &[0.5, 0.5, 0.5]),
                series(Contender::Tokio, &[2.0, 2.0, 2.0]),
                series(Contender::IoEngine, &[1.5, 1.5, 1.5]),
                series(Contender::Rayon16Again, &[0.1, 0.1, 0.1]),
            ],
        );
        let (machine, sections) = (Machine::this(&[]), vec![cold]);
        let ratios =
            ratios(&Results { machine, programs: vec![], rounds: 3, scale: 1.0, sections });
        let found: Vec<_> =
            ratios.iter().map(|it| (it.what.as_str(), it.of.as_str(), it.spread.median)).collect();
        let cold = "(mixed files, cold)";
        let expected = [
            (format!("reapool-automatic / io-engine {cold}"), "files/s", 1.5),
            (format!("reapool-direct / io-engine {cold}"), "files/s", 3.0),
            (format!("reapool-automatic / tokio {cold}"), "CPU us/file", 0.5),
            (format!("reapool-direct / tokio {cold}"), "CPU us/file", 0.25),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(what, metric, ratio)| (what.as_str(), *metric, *ratio)).collect();
        assert_eq!(found, expected);
    }
}
