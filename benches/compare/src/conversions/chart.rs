//! The chart: for each section a panel of speeds, and beside it one of CPU time.

use std::error::Error;

use plotters::style::RGBColor;

use super::bars::CPU;
use super::contender::Contender;
use super::workload::{Results, title};
use crate::file_runs::panels::{self, panel};

/// The drawing, or `None` if there is nothing to draw.
pub(super) fn draw(results: &Results) -> Result<Option<String>, Box<dyn Error>> {
    let panels = results.sections.iter().flat_map(|section| {
        let title = title(section);
        [section.workload.speed(), CPU].map(|metric| panel(section, &title, metric, colour))
    });
    panels::draw(panels.collect())
}

/// The crate's bars are red; families have similar colours.
fn colour(contender: Contender) -> RGBColor {
    match contender {
        Contender::Reapool | Contender::FileReader => RGBColor(200, 0, 0),
        Contender::FilesStream => RGBColor(255, 90, 60),
        Contender::Aio => RGBColor(0, 0, 0),
        Contender::Rayon2 | Contender::Rayon16 | Contender::Rayon16Again | Contender::Rayon64 => {
            RGBColor(0, 160, 170)
        }
        Contender::RayonCopy16 => RGBColor(70, 150, 240),
        Contender::Tokio => RGBColor(120, 200, 210),
        Contender::Cp | Contender::Rsync => RGBColor(90, 190, 80),
        Contender::BufReader1M | Contender::BufReader8K => RGBColor(150, 150, 150),
    }
}
