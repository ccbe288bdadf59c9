//! The middle of several rounds.

use std::fmt;

use serde::Serialize;

/// A median, and the least and the greatest.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl Spread {
    /// `None` if there are no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (&least, &greatest) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, least, greatest })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, least, greatest } = self;
        write!(f, "{median:.3} [{least:.3}..{greatest:.3}]")
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_middle_of_an_even_count_is_between_two() {
        assert_eq!(Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap().to_string(), "2.500 [1.000..4.000]");
        assert_eq!(Spread::of([3.0, f64::NAN, 1.0]).unwrap().to_string(), "2.000 [1.000..3.000]");
        assert!(Spread::of([]).is_none());
    }
}
