//! A panel of lines: a line for each contender, on scales where each step is a factor.

use super::bars::number;
use super::sheet::{Point, Sheet};
use super::{MARGIN, PANEL};
use crate::named::Whose;
use crate::spread::Spread;

/// The height of the panel, with the numbers and words below it.
pub(super) const HEIGHT: f64 = 300.0;
const BELOW: f64 = 40.0;
/// The width of the numbers on the left, and of the names on the right.
const LEFT: f64 = 26.0;
const NAMES: f64 = 142.0;
/// The least distance of two names.
const NAME: f64 = 15.0;
/// The colours that lines may have.
const COLOURS: usize = 6;

/// What the lines are about, and all of them.
pub(crate) struct Lines {
    /// What grows from left to right.
    pub(crate) along: &'static str,
    pub(crate) curves: Vec<Curve>,
}

/// One contender.
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) whose: Whose,
    /// Its number among all that may be drawn, so that panels agree on its colour.
    pub(crate) colour: usize,
    /// In the order of what grows.
    pub(crate) points: Vec<(f64, Spread)>,
}

/// A scale on which equal distances are equal factors.
struct Scale {
    least: f64,
    most: f64,
    start: f64,
    end: f64,
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        let part = (value / self.least).ln() / (self.most / self.least).ln();
        // A scale with one value has it in the middle.
        self.start + (self.end - self.start) * if part.is_finite() { part } else { 0.5 }
    }

    /// One, two and five, and their tens, that are on the scale.
    fn marks(&self) -> Vec<f64> {
        let powers = (-3..=6).map(|power| 10_f64.powi(power));
        let marks = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * power));
        marks.filter(|mark| (self.least..=self.most).contains(mark)).collect()
    }
}

impl Lines {
    fn points(&self) -> impl Iterator<Item = &(f64, Spread)> {
        self.curves.iter().flat_map(|curve| &curve.points)
    }

    pub(super) fn words(&self) -> String {
        let points = |curve: &Curve| {
            let points = curve.points.iter();
            let points = points.map(|(at, spread)| format!("{} at {at}", number(spread.median)));
            format!("{} {}", curve.name, points.collect::<Vec<_>>().join(", "))
        };
        let curves: Vec<_> = self.curves.iter().map(points).collect();
        format!("along {}: {}.", self.along, curves.join("; "))
    }

    pub(super) fn draw(&self, sheet: &mut Sheet, (x, y): Point) {
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::MAX, 0.0), |(least, most): Point, value| {
                (least.min(value), most.max(value))
            })
        };
        let (least, most) = range(&mut self.points().map(|(at, _)| *at));
        let (start, end) = (x + MARGIN + LEFT, x + PANEL - NAMES);
        let across = Scale { least, most, start: start + 8.0, end };
        let (least, most) = range(&mut self.points().flat_map(|(_, it)| [it.min, it.max]));
        let (top, bottom) = (y + 6.0, y + HEIGHT - BELOW);
        let up = Scale { least: least * 0.9, most: most * 1.1, start: bottom, end: top };
        for mark in up.marks() {
            sheet.curve("grid", &[(start, up.place(mark)), (end, up.place(mark))]);
            sheet.text("note name", (start - 5.0, up.place(mark) + 4.0), &format!("{mark}"));
        }
        self.draw_along(sheet, &across, (start, bottom));
        for curve in &self.curves {
            curve.draw(sheet, &across, &up);
        }
        self.draw_names(sheet, &up, end);
    }

    /// Writes the values of what grows, where a line has them.
    fn draw_along(&self, sheet: &mut Sheet, across: &Scale, (start, bottom): Point) {
        let mut values: Vec<_> = self.points().map(|(at, _)| *at).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        for value in values {
            let x = across.place(value);
            sheet.text("note around", (x, bottom + 16.0), &format!("{value}"));
        }
        let middle = f64::midpoint(start, across.end);
        sheet.text("note around", (middle, bottom + 34.0), self.along);
    }

    /// Writes each name beside the end of its line, or as near as other names let it.
    fn draw_names(&self, sheet: &mut Sheet, up: &Scale, end: f64) {
        let mut names: Vec<(f64, &Curve)> = Vec::new();
        for curve in &self.curves {
            names.extend(curve.points.last().map(|(_, last)| (up.place(last.median), curve)));
        }
        names.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let wanted: Vec<_> = names.iter().map(|(y, _)| *y).collect();
        for ((y, Curve { name, whose, colour, .. }), place) in names.into_iter().zip(apart(&wanted))
        {
            let class = format!("curve k{}", colour % COLOURS);
            sheet.curve(&class, &[(end + 5.0, y), (end + 14.0, place)]);
            let text = if *whose == Whose::Reapool { "own" } else { "" };
            sheet.text(text, (end + 18.0, place + 4.0), name);
        }
    }
}

/// Places at least a name's height from each other, and as near as that lets them to these, which
/// are in order.
fn apart(wanted: &[f64]) -> Vec<f64> {
    // Names that would meet are moved together, so that their middle stays.
    let middle = |group: &[f64]| group.iter().sum::<f64>() / group.len() as f64;
    let half = |group: &[f64]| NAME * group.len() as f64 / 2.0;
    let mut groups: Vec<Vec<f64>> = Vec::new();
    for &place in wanted {
        let mut group = vec![place];
        while let Some(above) =
            groups.pop_if(|above| middle(above) + half(above) > middle(&group) - half(&group))
        {
            group = [above, group].concat();
        }
        groups.push(group);
    }
    let places = |group: &Vec<f64>| {
        let start = middle(group) + NAME / 2.0 - half(group);
        (0..group.len()).map(|index| start + NAME * index as f64).collect::<Vec<_>>()
    };
    groups.iter().flat_map(places).collect()
}

impl Curve {
    fn draw(&self, sheet: &mut Sheet, across: &Scale, up: &Scale) {
        let points = self.points.iter();
        let medians: Vec<_> =
            points.clone().map(|(at, it)| (across.place(*at), up.place(it.median))).collect();
        let ranges: Vec<_> = points
            .map(|(at, it)| (across.place(*at), (up.place(it.min), up.place(it.max))))
            .collect();
        let class = format!("curve k{}", self.colour % COLOURS);
        sheet.curve(&class, &medians);
        sheet.upright(&class, &ranges);
        sheet.dots(&format!("{class} dots"), &medians);
    }
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn names_that_would_meet_are_moved_apart_around_their_middle() {
        assert_eq!(apart(&[10.0, 100.0]), [10.0, 100.0]);
        assert_eq!(apart(&[10.0, 100.0, 101.0, 102.0]), [10.0, 86.0, 101.0, 116.0]);
        // Two of them have moved into a third.
        assert_eq!(
            apart(&[90.0, 104.0, 104.0]),
            [84.333_333_333_333_33, 99.333_333_333_333_33, 114.333_333_333_333_33]
        );
    }
}
