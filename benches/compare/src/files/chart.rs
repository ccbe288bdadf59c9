//! The chart: a panel for each section, a bar for each contender.

use std::error::Error;

use plotters::style::RGBColor;

use super::contender::Contender;
use super::workload::{Results, Shape, title};
use crate::file_runs::measured::{BYTES, FILES};
use crate::file_runs::panels::{self, panel};

/// The drawing, or `None` if there is nothing to draw. The bars are files a second for many files,
/// megabytes a second for large ones.
pub(super) fn draw(results: &Results) -> Result<Option<String>, Box<dyn Error>> {
    let panels = results.sections.iter().map(|section| {
        let metric = match section.workload.shape {
            Shape::Mixed => FILES,
            Shape::Large => BYTES,
        };
        panel(section, &title(section), metric, colour)
    });
    panels::draw(panels.collect())
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
