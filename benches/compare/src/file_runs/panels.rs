//! A chart of panels, each with a bar for each contender.

use std::error::Error;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::style::{BLACK, Color, RGBColor, WHITE};

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
    pub(crate) title: String,
    /// From the top downwards.
    pub(crate) bars: Vec<Bar>,
}

pub(crate) struct Bar {
    pub(crate) name: &'static str,
    pub(crate) colour: RGBColor,
    pub(crate) spread: Spread,
}

/// The drawing, or `None` if there is nothing to draw. Two panels are beside each other.
pub(crate) fn draw(panels: &[Panel]) -> Result<Option<String>, Box<dyn Error>> {
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
