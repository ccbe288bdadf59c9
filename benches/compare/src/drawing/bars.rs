//! A panel of bars: a bar for each contender.

use super::sheet::{Point, Sheet};
use super::{Body, MARGIN, PANEL, Panel};
use crate::metric::{Best, Metric, Round};
use crate::named::{Named, Whose};
use crate::spread::Spread;
use crate::summary::{Row, Section};

/// The widths of names and of a digit of the values, and the heights of a row and of its bar.
const NAMES: f64 = 136.0;
const DIGIT: f64 = 8.0;
const ROW: f64 = 20.0;
const BAR: f64 = 13.0;
/// The place of a text's line in its row.
const LINE: f64 = 11.0;

/// One contender.
#[derive(Debug)]
pub(crate) struct Bar {
    name: &'static str,
    whose: Whose,
    spread: Spread,
}

/// What a panel's numbers are.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) words: &'static str,
    /// The figure's value for which the panel has a one.
    pub(crate) one: f64,
}

/// The panel of a section: the contenders that are drawn and have figures, the best first.
pub(crate) fn bars_of<W, C: Named, R: Round>(
    section: &Section<W, C>,
    title: String,
    metric: Metric<R>,
    Unit { words, one }: Unit,
) -> Panel {
    let bar = |row: &Row<C>| {
        let (name, whose) = (row.contender.label()?, row.contender.whose());
        Some(Bar { name, whose, spread: row.figure(metric)?.map(|value| value / one) })
    };
    let mut bars: Vec<_> = section.contenders.iter().filter_map(bar).collect();
    bars.sort_by(|one, other| metric.compare(&other.spread, &one.spread));
    let better = match metric.best {
        Best::Highest => "more is better",
        Best::Lowest => "less is better",
    };
    Panel { title, unit: format!("{words}, {better}"), body: Body::Bars(bars) }
}

pub(super) fn height(bars: &[Bar]) -> f64 {
    ROW * bars.len() as f64
}

pub(super) fn words(bars: &[Bar]) -> String {
    let words =
        bars.iter().map(|Bar { name, spread, .. }| format!("{name} {}", number(spread.median)));
    format!("{}.", words.collect::<Vec<_>>().join("; "))
}

/// Says what the colours and the thin lines are.
pub(super) fn legend(sheet: &mut Sheet, y: f64) {
    sheet.rectangle("reapool", (MARGIN, y - 10.0), (BAR, BAR));
    sheet.text("", (MARGIN + 19.0, y), "reapool");
    sheet.rectangle("bar", (MARGIN + 82.0, y - 10.0), (BAR, BAR));
    sheet.text("", (MARGIN + 101.0, y), "others");
    sheet.range((MARGIN + 156.0, MARGIN + 182.0), y - 4.0);
    sheet.text("", (MARGIN + 190.0, y), "lowest to highest round; the bar is the median");
}

pub(super) fn draw(sheet: &mut Sheet, (x, y): Point, bars: &[Bar]) {
    let most = bars.iter().map(|bar| bar.spread.max).fold(f64::MIN_POSITIVE, f64::max);
    let start = x + MARGIN + NAMES + 8.0;
    // Bars end where the longest value still has room.
    let values = bars.iter().map(|bar| number(bar.spread.median).len()).max().unwrap_or(0);
    let room = x + PANEL - MARGIN - DIGIT * values as f64 - start;
    let place = |value: f64| start + room * value / most;
    for (row, Bar { name, whose, spread }) in bars.iter().enumerate() {
        let y = y + ROW * row as f64;
        let (bar, name_class, value) = match whose {
            Whose::Reapool => ("reapool", "name own", "own"),
            Whose::Other => ("bar", "name", ""),
        };
        sheet.text(name_class, (start - 8.0, y + LINE), name);
        sheet.rectangle(bar, (start, y), (place(spread.median) - start, BAR));
        sheet.range((place(spread.min), place(spread.max)), y + BAR / 2.0);
        sheet.text(value, (place(spread.max) + 6.0, y + LINE), &number(spread.median));
    }
}

/// A number with three digits, or with all before the point: 12,345 and 12.3 and 0.12.
pub(super) fn number(value: f64) -> String {
    match value {
        99.95.. => count(value.round() as u64),
        9.995.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number, with commas between thousands.
pub(crate) fn count(value: u64) -> String {
    if value < 1000 {
        value.to_string()
    } else {
        format!("{},{:03}", count(value / 1000), value % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, Unit, bars_of, count, number};
    use crate::file_runs::measured::{FILES, Measured, PEAK};
    use crate::file_runs::sections::tests::{Contender, section, series};
    use crate::metric::Round;

    #[test]
    fn the_best_bar_is_the_first() {
        let own = series(Contender::Own, &[3.0]);
        let fast = series(Contender::Fast, &[1.0]);
        let section = section((), vec![own, fast, series(Contender::Steady, &[])]);
        let unit = Unit { words: "files", one: 10.0 };
        let names = |metric| match bars_of(
            &section.sum_up(Measured::KEPT, &[], |_| true),
            String::new(),
            metric,
            unit,
        )
        .body
        {
            Body::Bars(bars) => bars.iter().map(|bar| (bar.name, bar.spread.median)).collect(),
            Body::Lines(_) => vec![],
        };
        assert_eq!(names(FILES), [("fast", 10.0), ("own", 3.33333)]);
        assert_eq!(names(PEAK), [("own", 0.1), ("fast", 0.1)]);
    }

    #[test]
    fn numbers_have_three_digits() {
        let numbers = [12_345.6, 999.7, 99.96, 12.34, 9.996, 0.123].map(number);
        assert_eq!(numbers, ["12,346", "1,000", "100", "12.3", "10.0", "0.12"]);
        assert_eq!([4, 1_234_005].map(count), ["4", "1,234,005"]);
    }
}
