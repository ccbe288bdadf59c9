//! Charts in SVG, which follow the reader's light or dark background.
//!
//! ```text
//! Chart: title, notes ─▶ panels, two in a line: bars or lines ─▶ text of an SVG file
//! ```

mod bars;
mod lines;
mod sheet;

use svg::Document;
use svg::node::element::{Description, Rectangle, Style, Title};

pub(crate) use bars::{Bar, Unit, bars_of, count};
pub(crate) use lines::{Curve, Lines};
use sheet::Sheet;

/// The width of the drawing: a page of text is about as wide, so its letters keep their size.
const WIDTH: f64 = 720.0;
const COLUMNS: usize = 2;
const PANEL: f64 = WIDTH / COLUMNS as f64;
const MARGIN: f64 = 16.0;
/// The height of a panel's title and unit.
const HEADING: f64 = 44.0;
const GAP: f64 = 22.0;

/// The colours in light, and those that differ in dark. The page has a background of its own: who
/// shows the file may have another one than the reader's setting says.
const STYLE: &str = "\
text{font:12px system-ui,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.page{fill:#fff}.title{font-size:16px;font-weight:600}.panel{font-size:13px;font-weight:600}\
.note{fill:#59636e}.bar{fill:#9aa7b4}.reapool{fill:#d9480f}.own{font-weight:600}.name{text-anchor:end}.around{text-anchor:middle}\
.range{fill:none;stroke:#1f2328;stroke-width:1.2}.grid{stroke:#d8dee4}\
.curve{fill:none;stroke-width:1.8}.k0,.k1{stroke-width:3}.dots{stroke-width:6.5;stroke-linecap:round}.k0{stroke:#d9480f}.k1{stroke:#bf8700}.k2{stroke:#1f2328}\
.k3{stroke:#0969da}.k4{stroke:#1a7f37}.k5{stroke:#8250df}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}.note{fill:#9aa4ae}\
.bar{fill:#5a6672}.reapool{fill:#e8590c}.range{stroke:#e6edf3}.grid{stroke:#30363d}\
.k0{stroke:#f0743a}.k1{stroke:#e3b341}.k2{stroke:#e6edf3}.k3{stroke:#58a6ff}.k4{stroke:#3fb950}\
.k5{stroke:#bc8cff}}";

/// All that is drawn.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// Lines below the title.
    pub(crate) notes: Vec<String>,
    pub(crate) panels: Vec<Panel>,
}

/// A part of a chart.
pub(crate) struct Panel {
    pub(crate) title: String,
    /// What its numbers are, and which of them are the good ones.
    pub(crate) unit: String,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    /// From the top downwards.
    Bars(Vec<Bar>),
    Lines(Lines),
}

impl Body {
    fn height(&self) -> f64 {
        match self {
            Self::Bars(bars) => bars::height(bars),
            Self::Lines(_) => lines::HEIGHT,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Bars(bars) => bars.is_empty(),
            Self::Lines(lines) => lines.curves.is_empty(),
        }
    }

    /// The figures in words, for who can't see them.
    fn words(&self) -> String {
        match self {
            Self::Bars(bars) => bars::words(bars),
            Self::Lines(lines) => lines.words(),
        }
    }
}

impl Chart {
    /// The text of the file, or `None` if there is nothing to draw.
    pub(crate) fn draw(mut self) -> Option<String> {
        self.panels.retain(|panel| !panel.body.is_empty());
        if self.panels.is_empty() {
            return None;
        }
        let mut sheet = Sheet::new();
        let mut y = self.heading(&mut sheet);
        for line in self.panels.chunks(COLUMNS) {
            for (x, panel) in [0.0, PANEL].into_iter().zip(line) {
                sheet.text("panel", (x + MARGIN, y + 16.0), &panel.title);
                sheet.text("note", (x + MARGIN, y + 33.0), &panel.unit);
                match &panel.body {
                    Body::Bars(bars) => bars::draw(&mut sheet, (x, y + HEADING), bars),
                    Body::Lines(lines) => lines.draw(&mut sheet, (x, y + HEADING)),
                }
            }
            let heights = line.iter().map(|panel| panel.body.height());
            y += HEADING + heights.fold(0.0, f64::max) + GAP;
        }
        Some(self.finish(sheet, y))
    }

    /// Draws what is above the panels, and returns where it ends.
    fn heading(&self, sheet: &mut Sheet) -> f64 {
        sheet.text("title", (MARGIN, 28.0), &self.title);
        let mut y = 28.0;
        for note in &self.notes {
            y += 18.0;
            sheet.text("note", (MARGIN, y), note);
        }
        if self.panels.iter().any(|panel| matches!(panel.body, Body::Bars(_))) {
            y += 20.0;
            bars::legend(sheet, y);
        }
        y + 16.0
    }

    fn finish(&self, sheet: Sheet, height: f64) -> String {
        let words = self
            .panels
            .iter()
            .map(|panel| format!("{} ({}): {}", panel.title, panel.unit, panel.body.words()));
        let notes = self.notes.iter().map(|note| format!("{note}."));
        let words: Vec<_> = notes.chain(words).collect();
        let page = Rectangle::new().set("class", "page").set("width", "100%").set("height", "100%");
        let document = Document::new()
            .set("viewBox", (0, 0, WIDTH, height))
            .set("width", WIDTH)
            .set("height", height)
            .set("role", "img")
            .set("aria-labelledby", "title description")
            .add(Title::new(self.title.as_str()).set("id", "title"))
            .add(Description::new().set("id", "description").add(sheet::words(&words.join(" "))))
            .add(Style::new(STYLE))
            .add(page);
        format!("{}\n", sheet.add_to(document))
    }
}

#[cfg(test)]
mod tests {
    use super::{Chart, Unit, bars_of};
    use crate::file_runs::measured::{FILES, Measured};
    use crate::file_runs::sections::tests::{Contender, section, series};
    use crate::metric::Round;

    fn chart(contenders: &[Contender]) -> Chart {
        let all = contenders.iter().map(|&contender| series(contender, &[2.0, 4.0, 5.0]));
        let section = section((), all.collect()).sum_up(Measured::KEPT, &[], |_| true);
        let unit = Unit { words: "files a second", one: 1.0 };
        let panel = bars_of(&section, "a < b & c".into(), FILES, unit);
        Chart { title: "Title".into(), notes: vec!["a note".into()], panels: vec![panel] }
    }

    #[test]
    fn a_chart_says_in_words_what_it_draws_and_marks_the_crate() {
        let text = chart(&[Contender::Fast, Contender::Own]).draw().unwrap();
        let words =
            "a note. a &lt; b &amp; c (files a second, more is better): fast 25.0; own 25.0.";
        assert!(text.contains(words), "{text}");
        let marked = |class: &str| text.matches(&format!("<rect class=\"{class}\"")).count();
        // One of each is the legend's.
        assert_eq!((marked("bar"), marked("reapool")), (2, 2), "{text}");
        assert!(text.contains("prefers-color-scheme:dark"), "{text}");
    }

    #[test]
    fn there_is_no_chart_of_nothing() {
        assert!(chart(&[]).draw().is_none());
    }
}
