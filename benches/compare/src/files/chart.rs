//! The chart: a panel for each section, a bar for each contender.

use std::error::Error;

use plotters::style::RGBColor;

use super::contender::Contender;
use super::workload::{Results, Section, Shape, title};
use crate::file_runs::bars::{BYTES, FILES, Metric};
use crate::file_runs::named::Named;
use crate::file_runs::panels::{self, Bar, Panel};
use crate::file_runs::sections::Series;

/// The drawing, or `None` if there is nothing to draw.
pub(super) fn draw(results: &Results) -> Result<Option<String>, Box<dyn Error>> {
    let mut panels: Vec<_> = results.sections.iter().map(panel).collect();
    panels.retain(|panel| !panel.bars.is_empty());
    panels::draw(&panels)
}

/// The contenders that have figures, the fastest first: files a second for many files, megabytes a
/// second for large ones.
fn panel(section: &Section) -> Panel {
    let metric: Metric = match section.workload.shape {
        Shape::Mixed => FILES,
        Shape::Large => BYTES,
    };
    let bar = |series: &Series<Contender>| {
        let contender = series.contender;
        let spread = series.of(metric.of)?;
        Some(Bar { name: contender.name(), colour: colour(contender), spread })
    };
    let mut bars: Vec<_> = section.series.iter().filter_map(bar).collect();
    bars.sort_by(|one, other| other.spread.median.total_cmp(&one.spread.median));
    Panel { title: format!("{}: {}", title(section), metric.name), bars }
}

/// The crate's bars are red; families have similar colours.
fn colour(contender: Contender) -> RGBColor {
    match contender {
        Contender::ReapoolDirect => RGBColor(255, 90, 60),
        Contender::ReapoolBuffered => RGBColor(255, 170, 150),
        Contender::ReapoolAutomatic => RGBColor(200, 0, 0),
        Contender::Threads1 => RGBColor(150, 150, 150),
        Contender::Rayon2
        | Contender::Rayon16
        | Contender::Rayon16Again
        | Contender::Rayon64
        | Contender::RayonPieces2
        | Contender::RayonPieces16
        | Contender::RayonPieces64 => RGBColor(0, 160, 170),
        Contender::B3sum | Contender::B3sum16 => RGBColor(90, 190, 80),
        Contender::Tokio => RGBColor(120, 200, 210),
        Contender::Compio => RGBColor(170, 190, 20),
        Contender::IoEngine => RGBColor(140, 40, 180),
        Contender::ReadersAndPool => RGBColor(70, 150, 240),
    }
}
