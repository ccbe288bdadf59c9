//! The chart: a panel for each section, a bar for each contender.

use std::error::Error;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::style::{BLACK, Color, RGBColor, WHITE};

use super::contender::Contender;
use super::report::title;
use super::results::{Results, Section};
use super::task::Measured;
use super::tree::Shape;
use crate::report::thousands;
use crate::results::Spread;

/// The sizes of a panel and of its parts.
const WIDTH: i32 = 560;
const NAMES: i32 = 140;
const VALUES: i32 = 70;
const TOP: i32 = 45;
const ROW: i32 = 22;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The drawing, or `None` if there is nothing to draw.
pub(super) fn draw(results: &Results) -> Result<Option<String>, Box<dyn Error>> {
    let drawn = |section: &&Section| !bars(section).is_empty();
    let sections: Vec<_> = results.sections.iter().filter(drawn).collect();
    if sections.is_empty() {
        return Ok(None);
    }
    let rows = sections.iter().map(|section| bars(section).len()).max().unwrap_or(0);
    let (columns, lines) = (sections.len().min(2), sections.len().div_ceil(2));
    let height = TOP + ROW * (rows as i32 + 1);
    let size = (WIDTH as u32 * columns as u32, height as u32 * lines as u32);
    let mut drawing = String::new();
    let root = SVGBackend::with_string(&mut drawing, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (section, area) in sections.iter().zip(root.split_evenly((lines, columns))) {
        panel(&area, section)?;
    }
    root.present()?;
    drop(root);
    Ok(Some(drawing))
}

/// The figure that the bars of a section show: files a second for many files, megabytes a second
/// for large ones.
fn metric(shape: Shape) -> (&'static str, fn(&Measured) -> f64) {
    match shape {
        Shape::Mixed => ("files/s", Measured::files_per_second),
        Shape::Large => ("MB/s", Measured::megabytes_per_second),
    }
}

/// The contenders that have figures, the fastest first.
fn bars(section: &Section) -> Vec<(Contender, Spread)> {
    let (_, metric) = metric(section.shape);
    let figures = section.series.iter();
    let figures = figures.filter_map(|series| Some((series.contender, series.of(metric)?)));
    let mut bars: Vec<_> = figures.collect();
    bars.sort_by(|(_, one), (_, other)| other.median.total_cmp(&one.median));
    bars
}

fn panel(area: &Area<'_>, section: &Section) -> Result<(), Box<dyn Error>> {
    let (unit, _) = metric(section.shape);
    let bars = bars(section);
    let most = bars.iter().map(|(_, spread)| spread.max).fold(0.0, f64::max);
    let room = f64::from(WIDTH - NAMES - VALUES);
    let place = |value: f64| NAMES + (room * value / most) as i32;
    let title = format!("{}: {unit}", title(section));
    area.draw(&Text::new(title, (10, 14), ("sans-serif", 18)))?;
    for (row, (contender, spread)) in (0..).zip(&bars) {
        let (top, bottom) = (TOP + ROW * row, TOP + ROW * row + ROW - 6);
        let (middle, font) = (i32::midpoint(top, bottom), ("sans-serif", 14));
        area.draw(&Text::new(contender.name(), (10, top + 1), font))?;
        let bar = [(NAMES, top), (place(spread.median), bottom)];
        area.draw(&Rectangle::new(bar, colour(*contender).filled()))?;
        // This line reaches from the lowest round to the highest.
        let range = [(place(spread.min), middle), (place(spread.max), middle)];
        area.draw(&PathElement::new(range, BLACK))?;
        let value = (place(spread.max) + 6, top + 1);
        area.draw(&Text::new(thousands(spread.median), value, font))?;
    }
    Ok(())
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
