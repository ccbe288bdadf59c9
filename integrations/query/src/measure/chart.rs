//! The ratios as bars, in SVG that can be read on white and on black.

use std::fmt::Write;

use crate::measure::results::{Line, Results};
use crate::measure::spread::Spread;

const WIDTH: f64 = 900.0;
/// Where the bars' area begins: labels are left of it.
const LEFT: f64 = 350.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 70.0;
const ROW: f64 = 34.0;
const BAR: f64 = 12.0;

const STYLE: &str = "text { font: 13px sans-serif; fill: #222 } .title { font-size: 16px }
.grid { stroke: #bbb; stroke-width: 1 } .one { stroke: #444; stroke-width: 2 }
.time { fill: #1f6fb4 } .cpu { fill: #d98014 } .range { stroke: #444; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .grid { stroke: #555 } .one, .range { stroke: #ccc }
.time { fill: #5aa9e6 } .cpu { fill: #f0a84a } }";

/// Ratios on a logarithmic scale: twice as fast is as far from 1 as half as fast.
struct Scale {
    /// The exponents of two at both ends.
    least: f64,
    greatest: f64,
}

impl Scale {
    fn of(lines: &[Line]) -> Self {
        let spreads = lines.iter().flat_map(|line| [Some(line.faster), line.cheaper]).flatten();
        let (mut least, mut greatest) = (-1.0_f64, 1.0_f64);
        for Spread { least: low, greatest: high, .. } in spreads {
            if low > 0.0 {
                least = least.min(low.log2().floor());
            }
            greatest = greatest.max(high.log2().ceil());
        }
        Self { least, greatest }
    }

    fn x(&self, ratio: f64) -> f64 {
        let exponent = ratio.log2().clamp(self.least, self.greatest);
        let part = (exponent - self.least) / (self.greatest - self.least);
        LEFT + part * (WIDTH - LEFT - RIGHT)
    }

    fn marks(&self) -> impl Iterator<Item = f64> {
        (self.least as i32..=self.greatest as i32).map(|exponent| f64::from(exponent).exp2())
    }
}

/// The drawing. Writing to a string does not fail.
pub(crate) fn svg(results: &Results) -> String {
    let lines = results.lines();
    let scale = Scale::of(&lines);
    let bottom = TOP + ROW * lines.len() as f64;
    let height = bottom + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\">\n<style>{STYLE}</style>\n"
    );
    heading(&mut svg);
    for mark in scale.marks() {
        let x = scale.x(mark);
        let class = if mark == 1.0 { "one" } else { "grid" };
        let _ = write!(
            svg,
            "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>\n\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{mark}</text>\n",
            TOP - 6.0
        );
    }
    for (index, line) in lines.iter().enumerate() {
        let y = TOP + ROW * index as f64 + 4.0;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}, {}</text>",
            LEFT - 10.0,
            y + 17.0,
            escaped(&line.title),
            escaped(&line.state)
        );
        bar(&mut svg, &scale, "time", y, line.faster);
        if let Some(cheaper) = line.cheaper {
            bar(&mut svg, &scale, "cpu", y + BAR + 1.0, cheaper);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn heading(svg: &mut String) {
    let _ = write!(
        svg,
        "<text class=\"title\" x=\"10\" y=\"22\">LocalFileSystem / LocalStore: right of 1, LocalStore \
         is better</text>\n\
         <rect class=\"time\" x=\"10\" y=\"34\" width=\"12\" height=\"12\"/>\
         <text x=\"28\" y=\"45\">time</text>\n\
         <rect class=\"cpu\" x=\"80\" y=\"34\" width=\"12\" height=\"12\"/>\
         <text x=\"98\" y=\"45\">CPU time (lines: least and greatest of the rounds)</text>\n"
    );
}

/// From 1 to the median, with a line from the least to the greatest.
fn bar(svg: &mut String, scale: &Scale, class: &str, y: f64, ratio: Spread) {
    let (one, median) = (scale.x(1.0), scale.x(ratio.median));
    let (start, width) = (one.min(median), (median - one).abs().max(1.0));
    let middle = y + BAR / 2.0;
    let (least, greatest) = (scale.x(ratio.least), scale.x(ratio.greatest));
    let _ = write!(
        svg,
        "<rect class=\"{class}\" x=\"{start:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
         height=\"{BAR}\"><title>{ratio}</title></rect>\n\
         <line class=\"range\" x1=\"{least:.1}\" y1=\"{middle:.1}\" x2=\"{greatest:.1}\" \
         y2=\"{middle:.1}\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\">{:.2}</text>\n",
        greatest.max(start + width) + 5.0,
        middle + 4.0,
        ratio.median
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
