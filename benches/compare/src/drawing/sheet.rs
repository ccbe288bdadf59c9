//! The shapes that charts are made of, each with a class that says its colour.

use svg::Document;
use svg::node::element::{Path, Rectangle, Text};
use svg::node::{self, Node};

pub(super) type Point = (f64, f64);

/// The shapes of a chart, in the order in which they are drawn.
pub(super) struct Sheet {
    shapes: Vec<Box<dyn Node>>,
}

/// A place with one digit after the point: a tenth of a pixel is seen by nobody.
fn place(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Text without a tag.
pub(super) fn words(text: &str) -> node::Text {
    node::Text::new(text)
}

impl Sheet {
    pub(super) fn new() -> Self {
        Self { shapes: Vec::new() }
    }

    pub(super) fn add_to(self, document: Document) -> Document {
        self.shapes.into_iter().fold(document, Document::add)
    }

    /// Text that starts at `x`, or as its class says.
    pub(super) fn text(&mut self, class: &str, (x, y): Point, text: &str) {
        let label = Text::new(text).set("x", place(x)).set("y", place(y));
        self.shapes.push(Box::new(if class.is_empty() {
            label
        } else {
            label.set("class", class)
        }));
    }

    /// A line from `low` to `high`, with ends that show also where there is no room between them.
    pub(super) fn range(&mut self, (low, high): Point, y: f64) {
        let (low, high, y, top) = (place(low), place(high), place(y), place(y - 3.0));
        let shape = format!("M{low},{top}v6M{high},{top}v6M{low},{y}H{high}");
        self.path("range", shape);
    }

    pub(super) fn rectangle(&mut self, class: &str, (x, y): Point, (width, height): Point) {
        let rectangle = Rectangle::new()
            .set("class", class)
            .set("x", place(x))
            .set("y", place(y))
            .set("width", place(width))
            .set("height", place(height));
        self.shapes.push(Box::new(rectangle));
    }

    pub(super) fn curve(&mut self, class: &str, points: &[Point]) {
        let points: Vec<_> =
            points.iter().map(|&(x, y)| format!("{},{}", place(x), place(y))).collect();
        self.path(class, format!("M{}", points.join(" ")));
    }

    /// A dot at each point: a line of no length, whose ends are round.
    pub(super) fn dots(&mut self, class: &str, points: &[Point]) {
        let dots = points.iter().map(|&(x, y)| format!("M{},{}h0", place(x), place(y)));
        self.path(class, dots.collect());
    }

    /// A line from the one end to the other at each place.
    pub(super) fn upright(&mut self, class: &str, lines: &[(f64, Point)]) {
        let line =
            |&(x, (one, other)): &_| format!("M{},{}V{}", place(x), place(one), place(other));
        self.path(class, lines.iter().map(line).collect());
    }

    fn path(&mut self, class: &str, shape: String) {
        self.shapes.push(Box::new(Path::new().set("class", class).set("d", shape)));
    }
}
