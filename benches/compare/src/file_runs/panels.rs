//! A chart of panels, each with a bar for each contender.

use std::error::Error;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::style::{BLACK, Color, RGBColor, WHITE};

use super::measured::Metric;
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

/// The panel of a section: the contenders that have figures, the best first.
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
    bars.sort_by(|one, other| metric.compare(&other.spread, &one.spread));
    Panel { title: format!("{title}: {}", metric.name), bars }
}

/// The drawing, or `None` if there is nothing to draw. Two panels are beside each other.
pub(crate) fn draw(mut panels: Vec<Panel>) -> Result<Option<String>, Box<dyn Error>> {
    panels.retain(|panel| !panel.bars.is_empty());
    if panels.is_empty() {
        return Ok(None);
    }
    // A line of panels is as high as the highest of them needs.
    let rows = |line: &[Panel]| line.iter().map(|panel| panel.bars.len() as i32).max().unwrap_or(0);
    let heights = panels.chunks(COLUMNS).map(|line| TOP + ROW * (rows(line) + 1));
    let heights: Vec<_> = heights.collect();
    let size = (WIDTH * panels.len().min(COLUMNS) as i32, heights.iter().sum::<i32>());
    let mut drawing = String::new();
    let root = SVGBackend::with_string(&mut drawing, (size.0 as u32, size.1 as u32));
    let root = root.into_drawing_area();
    root.fill(&WHITE)?;
    let mut rest = root.clone();
    for (line, height) in panels.chunks(COLUMNS).zip(heights) {
        let (area, below) = rest.split_vertically(height);
        for (panel, area) in line.iter().zip(area.split_evenly((1, COLUMNS.min(panels.len())))) {
            draw_one(&area, panel)?;
        }
        rest = below;
    }
    root.present()?;
    drop(rest);
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

#[cfg(test)]
mod tests {
    use super::super::measured::{Best, FILES, Measured};
    use super::super::sections::tests::{Contender, section, series};
    use super::{Metric, RGBColor, panel};

    #[test]
    fn the_best_bar_is_the_first() {
        let own = series(Contender::Own, &[3.0]);
        let fast = series(Contender::Fast, &[1.0]);
        let section = section((), vec![own, fast, series(Contender::Steady, &[])]);
        let seconds = |best| Metric { name: "s", of: |measured: &Measured| measured.seconds, best };
        let names = |metric| {
            let panel = panel(&section, "", metric, |_| RGBColor(0, 0, 0));
            panel.bars.iter().map(|bar| bar.name).collect::<Vec<_>>()
        };
        assert_eq!(names(FILES), ["fast", "own"]);
        assert_eq!(names(seconds(Best::Lowest)), ["fast", "own"]);
        assert_eq!(names(seconds(Best::Highest)), ["own", "fast"]);
    }
}
