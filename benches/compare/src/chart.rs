//! The chart: for each device, the contenders' ratios to the raw loop as callbacks get longer.

use std::error::Error;

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Text};
use plotters::prelude::{IntoLogRange, SVGBackend};
use plotters::series::LineSeries;
use plotters::style::{RGBColor, ShapeStyle, WHITE};

use crate::contender::Contender;
use crate::kind::Kind;
use crate::results::{Results, Section};
use crate::task::{Device, Measured, Work};

/// The width of the drawing, and the height of each device's panel.
const WIDTH: u32 = 1000;
const HEIGHT: u32 = 420;
const LEGEND: u32 = 160;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The drawing, or `None` if there is nothing to draw.
pub(crate) fn draw(results: &Results) -> Result<Option<String>, Box<dyn Error>> {
    let panels: Vec<_> = [Device::Null, Device::Loop, Device::Disk]
        .into_iter()
        .map(|device| (device, sections(results, device)))
        .filter(|(_, sections)| sections.iter().any(|section| !lines(section).is_empty()))
        .collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let mut drawing = String::new();
    let root = SVGBackend::with_string(&mut drawing, (WIDTH, HEIGHT * panels.len() as u32));
    let root = root.into_drawing_area();
    root.fill(&WHITE)?;
    for ((device, sections), area) in panels.iter().zip(root.split_evenly((panels.len(), 1))) {
        let (plot, beside) = area.split_horizontally(WIDTH - LEGEND);
        panel(&plot, *device, sections)?;
        legend(&beside, sections)?;
    }
    root.present()?;
    drop(root);
    Ok(Some(drawing))
}

/// The workloads of one depth, by their callbacks. The depth is 64, or the greatest that was run.
fn sections(results: &Results, device: Device) -> Vec<&Section> {
    let random = |section: &&Section| matches!(section.workload.kind, Kind::Random | Kind::Mix);
    let sections: Vec<_> = results.of_device(device).filter(random).collect();
    let depths = sections.iter().map(|section| section.workload.depth);
    let depth = depths.min_by_key(|depth| depth.abs_diff(64));
    let mut sections = sections;
    sections.retain(|section| {
        Some(section.workload.depth) == depth && section.workload.workers.is_none()
    });
    sections.sort_by_key(|section| match section.workload.work {
        Work::Compute(cost) => cost,
        Work::Mix => u64::MAX,
    });
    sections
}

/// The contenders that have figures, and the medians of their ratios to the raw loop.
fn lines(section: &Section) -> Vec<(Contender, f64)> {
    let ratio = |contender| section.ratio(contender, Contender::Raw, Measured::rate);
    let all = Contender::READERS.into_iter();
    all.filter_map(|contender| Some((contender, ratio(contender)?.median))).collect()
}

/// The crate's lines are thick and red; families have similar colours.
fn style(contender: Contender) -> ShapeStyle {
    let (red, green, blue) = match contender {
        Contender::ReapoolChained => (200, 0, 0),
        Contender::ReapoolOutside => (255, 90, 60),
        Contender::ReapoolSingle => (255, 170, 150),
        Contender::Raw => (0, 0, 0),
        Contender::RawAgain => (170, 170, 170),
        Contender::Sharded => (90, 90, 90),
        Contender::Threads => (0, 70, 160),
        Contender::ReadersPool => (70, 150, 240),
        Contender::Rayon => (0, 160, 170),
        Contender::Tokio => (120, 200, 210),
        Contender::Uring => (0, 110, 40),
        Contender::UringPool => (90, 190, 80),
        Contender::Compio => (170, 190, 20),
        Contender::IoEngine => (140, 40, 180),
        Contender::Ping | Contender::Wake | Contender::Hop => (0, 0, 0),
    };
    let stroke_width = if contender.is_reapool() { 4 } else { 2 };
    ShapeStyle { color: RGBColor(red, green, blue).into(), filled: true, stroke_width }
}

fn panel(area: &Area<'_>, device: Device, sections: &[&Section]) -> Result<(), Box<dyn Error>> {
    let depth = sections[0].workload.depth;
    let title = format!("{}, random 4 KiB, depth {depth}: operations/s / raw", device.name());
    let places = -0.2..sections.len() as f64 - 0.8;
    let ratios = || sections.iter().flat_map(|section| lines(section)).map(|(_, ratio)| ratio);
    let range = 0.9 * ratios().fold(0.5, f64::min)..1.1 * ratios().fold(2.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(places, range.log_scale())?;
    let work = |place: &f64| match sections.get(place.round() as usize) {
        Some(section) if (place - place.round()).abs() < 0.01 => match section.workload.work {
            Work::Compute(cost) => format!("{cost} us"),
            Work::Mix => "mix".into(),
        },
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(sections.len() + 1)
        .x_label_formatter(&work)
        .x_desc("work of a callback")
        .draw()?;
    // The crate's lines last, on top of the others.
    let mut contenders = Contender::READERS;
    contenders.sort_by_key(|contender| contender.is_reapool());
    for contender in contenders {
        let style = style(contender);
        let point = |(place, section): (usize, &&Section)| {
            let (_, ratio) = lines(section).into_iter().find(|(name, _)| *name == contender)?;
            Some((place as f64, ratio))
        };
        let points: Vec<_> = sections.iter().enumerate().filter_map(point).collect();
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, style)))?;
        chart.draw_series(LineSeries::new(points, style))?;
    }
    Ok(())
}

fn legend(area: &Area<'_>, sections: &[&Section]) -> Result<(), Box<dyn Error>> {
    let drawn = |contender: &Contender| {
        sections.iter().any(|section| lines(section).iter().any(|(name, _)| name == contender))
    };
    for (row, contender) in Contender::READERS.into_iter().filter(drawn).enumerate() {
        let y = 50 + 20 * row as i32;
        area.draw(&PathElement::new([(0, y), (25, y)], style(contender)))?;
        area.draw(&Text::new(contender.name(), (32, y - 6), ("sans-serif", 14)))?;
    }
    Ok(())
}
