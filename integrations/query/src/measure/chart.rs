//! The ratios as bars, in SVG that can be read on white and on black.

use std::fmt::Write;

use crate::measure::results::Line;
use crate::measure::spread::Spread;

const WIDTH: f64 = 760.0;
/// Where the bars' area begins: labels are left of it.
const LEFT: f64 = 380.0;
const RIGHT: f64 = 50.0;
const TOP: f64 = 84.0;
const ROW: f64 = 34.0;
const BAR: f64 = 12.0;

/// The page has a background of its own: who shows the file may have another one than the reader's
/// setting says. Values have a rim of its colour, so that lines don't cross them.
const STYLE: &str = "text { font: 12px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; \
fill: #1f2328 }
.page { fill: #fff } .title { font-size: 16px; font-weight: 600 }
.value { font-size: 11px; paint-order: stroke; stroke: #fff; stroke-width: 3px }
.grid { stroke: #d8dee4 } .one { stroke: #59636e; stroke-width: 1.5 }
.time { fill: #d9480f } .cpu { fill: #54a0e8 } .range { stroke: #1f2328; stroke-width: 1.2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .page { fill: #0d1117 } .value { stroke: #0d1117 }
.grid { stroke: #30363d } .one { stroke: #9aa4ae } .range { stroke: #e6edf3 }
.time { fill: #e8590c } .cpu { fill: #2f6fb5 } }";

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
pub(crate) fn svg(lines: &[Line]) -> String {
    let scale = Scale::of(lines);
    let bottom = TOP + ROW * lines.len() as f64;
    let height = bottom + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"title description\">\n\
         <title id=\"title\">LocalStore beside LocalFileSystem</title>\n\
         <desc id=\"description\">{}</desc>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n",
        escaped(&words(lines))
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
            LEFT - 12.0,
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

/// The ratios in words, for who can't see the bars.
fn words(lines: &[Line]) -> String {
    let words = lines.iter().map(|Line { title, state, faster, cheaper, .. }| {
        let cheaper = cheaper.map_or_else(String::new, |it| format!(", CPU {:.2}", it.median));
        format!("{title}, {state}: time {:.2}{cheaper}", faster.median)
    });
    let words: Vec<_> = words.collect();
    format!("How many times as much LocalFileSystem took. {}.", words.join("; "))
}

fn heading(svg: &mut String) {
    let _ = write!(
        svg,
        "<text class=\"title\" x=\"16\" y=\"28\">How many times as much LocalFileSystem took as \
         LocalStore</text>\n\
         <rect class=\"time\" x=\"16\" y=\"42\" width=\"12\" height=\"12\"/>\
         <text x=\"34\" y=\"52\">time</text>\n\
         <rect class=\"cpu\" x=\"76\" y=\"42\" width=\"12\" height=\"12\"/>\
         <text x=\"94\" y=\"52\">CPU time; thin lines: lowest to highest round; right of 1, \
         LocalStore is better</text>\n"
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
         <text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>\n",
        greatest.max(start + width) + 5.0,
        middle + 4.0,
        ratio.median
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::svg;
    use crate::measure::results::{Figures, Line};
    use crate::measure::spread::Spread;

    #[test]
    fn the_ratios_are_also_in_words() {
        let ratio = |median| Spread { median, least: 0.5, greatest: 4.0 };
        let (seconds, cpu_seconds) = (ratio(1.0), ratio(1.0));
        let figures = Figures { seconds, cpu_seconds, device_mib: 0.0, peak_mib: 0.0 };
        let line = |title: &str, cheaper| Line {
            title: title.into(),
            state: "cold".into(),
            local: figures,
            reapool: figures,
            faster: ratio(2.0),
            cheaper,
        };
        let text = svg(&[line("a < b", Some(ratio(3.0))), line("c", None)]);
        let words = "a &lt; b, cold: time 2.00, CPU 3.00; c, cold: time 2.00.</desc>";
        assert!(text.contains(words), "{text}");
        assert!(text.contains("class=\"page\""), "{text}");
    }
}
