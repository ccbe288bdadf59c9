//! A chart of panels, each with a bar for each contender.

use std::error::Error;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::style::{BLACK, Color, RGBColor, WHITE};

use super::bars::Metric;
use super::named::Named;
use super::sections::{Section, Series};
use crate::report::thousands;
use crate::results::Spread;

/// The sizes of a panel and of its parts.
const WIDTH: i32 = 560;
const NAMES: i32 = 140;
const VALUES: i32 = 70;
const TOP: i32 = 45;
const ROW: i32 = 22;
const COLUMNS: usize = 2;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A part of the chart.
pub(crate) struct Panel {
    title: String,
    /// From the top downwards.
    bars: Vec<Bar>,
}

struct Bar {
    name: &'static str,
    colour: RGBColor,
    spread: Spread,
}

/// The panel of a section: the contenders that have figures, those with the highest first.
pub(crate) fn panel<W, C: Named>(
    section: &Section<W, C>,
    title: &str,
    metric: Metric,
    colour: impl Fn(C) -> RGBColor,
) -> Panel {
    let bar = |series: &Series<C>| {
        let (name, colour) = (series.contender.name(), colour(series.contender));
        Some(Bar { name, colour, spread: series.of(metric.of)? })
    };
    let mut bars: Vec<_> = section.series.iter().filter_map(bar).collect();
    bars.sort_by(|one, other| other.spread.median.total_cmp(&one.spread.median));
    Panel { title: format!("{title}: {}", metric.name), bars }
}

/// The drawing, or `None` if there is nothing to draw. Two panels are beside each other.
pub(crate) fn draw(mut panels: Vec<Panel>) -> Result<Option<String>, Box<dyn Error>> {
    panels.retain(|panel| !panel.bars.is_empty());
    let Some(rows) = panels.iter().map(|panel| panel.bars.len()).max() else { return Ok(None) };
    let (columns, lines) = (panels.len().min(COLUMNS), panels.len().div_ceil(COLUMNS));
    let height = TOP + ROW * (rows as i32 + 1);
    let size = (WIDTH as u32 * columns as u32, height as u32 * lines as u32);
    let mut drawing = String::new();
    let root = SVGBackend::with_string(&mut drawing, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (panel, area) in panels.iter().zip(root.split_evenly((lines, columns))) {
        draw_one(&area, panel)?;
    }
    root.present()?;
    drop(root);
    Ok(Some(drawing))
}

fn draw_one(area: &Area<'_>, Panel { title, bars }: &Panel) -> Result<(), Box<dyn Error>> {
    let most = bars.iter().map(|bar| bar.spread.max).fold(0.0, f64::max);
    let room = f64::from(WIDTH - NAMES - VALUES);
    let place = |value: f64| NAMES + (room * value / most) as i32;
    area.draw(&Text::new(title.as_str(), (10, 14), ("sans-serif", 18)))?;
    for (row, Bar { name, colour, spread }) in (0..).zip(bars) {
        let (top, bottom) = (TOP + ROW * row, TOP + ROW * row + ROW - 6);
        let (middle, font) = (i32::midpoint(top, bottom), ("sans-serif", 14));
        area.draw(&Text::new(*name, (10, top + 1), font))?;
        let bar = [(NAMES, top), (place(spread.median), bottom)];
        area.draw(&Rectangle::new(bar, colour.filled()))?;
        // This line reaches from the lowest round to the highest.
        let range = [(place(spread.min), middle), (place(spread.max), middle)];
        area.draw(&PathElement::new(range, BLACK))?;
        let value = (place(spread.max) + 6, top + 1);
        area.draw(&Text::new(thousands(spread.median), value, font))?;
    }
    Ok(())
}
