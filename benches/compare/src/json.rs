//! Results as JSON that a person can look through: what fits on a line is on one.

use std::io;

use serde::Serialize;
use serde_json::Value;

/// The columns of a line.
const WIDTH: usize = 160;

/// The text, with an end of line.
pub(crate) fn lines<T: Serialize>(value: &T) -> io::Result<String> {
    let mut text = String::new();
    write(&mut text, &serde_json::to_value(value)?, 0);
    text.push('\n');
    Ok(text)
}

fn write(text: &mut String, value: &Value, depth: usize) {
    let line = value.to_string();
    match value {
        Value::Array(items) if line.len() > WIDTH => {
            list(text, items.iter().map(|item| (None, item)), "[]", depth);
        }
        Value::Object(entries) if line.len() > WIDTH => {
            list(text, entries.iter().map(|(key, item)| (Some(key), item)), "{}", depth);
        }
        _ => text.push_str(&line),
    }
}

/// Writes one item a line, between the two ends.
fn list<'a>(
    text: &mut String,
    items: impl Iterator<Item = (Option<&'a String>, &'a Value)>,
    ends: &str,
    depth: usize,
) {
    text.push_str(&ends[..1]);
    let mut comma = "";
    for (key, item) in items {
        text.push_str(comma);
        text.push('\n');
        text.push_str(&" ".repeat(depth + 1));
        if let Some(key) = key {
            text.push_str(&format!("{}: ", Value::from(key.as_str())));
        }
        write(text, item, depth + 1);
        comma = ",";
    }
    text.push('\n');
    text.push_str(&" ".repeat(depth));
    text.push_str(&ends[1..]);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::lines;

    #[test]
    fn long_values_are_broken_and_short_ones_are_not() {
        let short = json!({"name": "a \"quoted\" name", "figures": [[1, 2.5], []]});
        let value = json!({"rows": vec![short.clone(); 4], "none": []});
        let text = lines(&value).unwrap();
        assert_eq!(text.lines().count(), 9, "{text}");
        assert!(text.contains(&format!("\n  {short},\n")), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
