//! The middle of several values, and how far they are apart.

use serde::{Deserialize, Serialize};

/// The middle of several rounds, and their spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "[Number; 3]", from = "[f64; 3]")]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// A number that is written without a fraction if it has none.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Broken(f64),
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        let whole = value as u64;
        if whole as f64 == value { Self::Whole(whole) } else { Self::Broken(value) }
    }
}

impl From<Spread> for [Number; 3] {
    fn from(Spread { median, min, max }: Spread) -> Self {
        [median, min, max].map(Number::from)
    }
}

impl From<[f64; 3]> for Spread {
    fn from([median, min, max]: [f64; 3]) -> Self {
        Self { median, min, max }
    }
}

/// A value with this many digits.
pub(crate) fn rounded(value: f64, digits: usize) -> f64 {
    // Text is rounded as people do it, and powers of ten would add errors of their own.
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

impl Spread {
    /// `None` if there are no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, min, max })
    }

    /// What is kept of it. Tables show four digits at most; one or two more keep these right.
    pub(crate) fn kept(self) -> Self {
        let Self { median, min, max } = self;
        Self { median: rounded(median, 6), min: rounded(min, 5), max: rounded(max, 5) }
    }

    pub(crate) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self { median: change(self.median), min: change(self.min), max: change(self.max) }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_middle_of_an_even_count_is_between_two() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.5, 4.0));
        let spread = Spread::of([3.0, f64::NAN, 1.0, 2.0]).unwrap();
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.0, 3.0));
        assert!(Spread::of([]).is_none());
    }

    #[test]
    fn a_spread_is_written_in_few_bytes_and_read_again() {
        let spread = Spread::of([1_225_753.8, 0.123_456_7, 31.512_345_6]).unwrap().kept();
        let text = serde_json::to_string(&spread).unwrap();
        assert_eq!(text, "[31.5123,0.12346,1225800]");
        assert_eq!(serde_json::from_str::<Spread>(&text).unwrap(), spread);
    }
}
