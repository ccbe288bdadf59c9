//! Contenders are known by their names, on the command line, in tasks, and in results.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// The contenders of one comparison.
pub(crate) trait Named: Copy + PartialEq + 'static {
    const ALL: &'static [Self];

    /// The name on the command line and in the tables.
    fn name(self) -> &'static str;

    /// The words for it in charts, or `None` if it is not drawn.
    fn label(self) -> Option<&'static str>;

    fn whose(self) -> Whose;

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|contender| contender.name() == name)
    }
}

/// Who made what a contender uses. Charts have a colour for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Reapool,
    Other,
}

pub(crate) fn serialize<C: Named, S: Serializer>(
    contender: &C,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(contender.name())
}

pub(crate) fn deserialize<'de, C: Named, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<C, D::Error> {
    let name = String::deserialize(deserializer)?;
    C::named(&name).ok_or_else(|| D::Error::custom(format!("{name} is nobody's name")))
}
