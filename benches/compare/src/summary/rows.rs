//! A section's contenders as JSON: an object of names. There are a thousand rows, so one that has
//! nothing but figures is written as these alone.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::Row;
use crate::named::Named;
use crate::spread::Spread;
use crate::stop::Trouble;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Figures(Vec<Spread>),
    Trouble { trouble: Trouble },
    Beside { figures: Vec<Spread>, ratios: Vec<Option<f64>> },
}

impl Written {
    fn of<C: Named>(Row { trouble, figures, ratios, .. }: &Row<C>) -> Self {
        match trouble {
            Some(trouble) => Self::Trouble { trouble: trouble.clone() },
            None if ratios.is_empty() => Self::Figures(figures.clone()),
            None => Self::Beside { figures: figures.clone(), ratios: ratios.clone() },
        }
    }

    fn into_row<C: Named>(self, contender: C) -> Row<C> {
        let (trouble, figures, ratios) = match self {
            Self::Figures(figures) => (None, figures, Vec::new()),
            Self::Trouble { trouble } => (Some(trouble), Vec::new(), Vec::new()),
            Self::Beside { figures, ratios } => (None, figures, ratios),
        };
        Row { contender, trouble, figures, ratios }
    }
}

pub(super) fn serialize<C: Named, S: Serializer>(
    rows: &[Row<C>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(rows.iter().map(|row| (row.contender.name(), Written::of(row))))
}

pub(super) fn deserialize<'de, C: Named, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Row<C>>, D::Error> {
    let rows: Map<String, Value> = Map::deserialize(deserializer)?;
    let row = |(name, row): (String, Value)| {
        let contender =
            C::named(&name).ok_or_else(|| D::Error::custom(format!("{name} is nobody's name")))?;
        let written: Written = serde_json::from_value(row)
            .map_err(|error| D::Error::custom(format!("the figures of {name}: {error}")))?;
        Ok(written.into_row(contender))
    };
    rows.into_iter().map(row).collect()
}
