//! The settings of a guest as a list, read off its JSON Schema. The schema is the guest's: whatever it holds, the list is
//! short, and what cannot be put into words is left out.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::text::{full, printable};

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key; below others as `rules[].action`.
    pub key: String,
    /// What it takes: `number`, `list of objects`, `"low" or "high"`.
    pub kind: String,
    /// What holds where it is left out, as JSON; `None` where the guest does not say.
    pub default: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// Which values are taken, one remark each: `above 0`, `at most 14`.
    pub bounds: Vec<String>,
    /// What it means. May be empty.
    pub meaning: String,
}

/// Most settings listed. People read a dozen; a schema may hold any number.
const MOST: usize = 200;
/// Deepest nesting that is followed.
const DEEPEST: usize = 5;
/// Longest key, default or bound, in characters.
const MAX_SHORT: usize = 120;
/// Longest meaning, in characters.
const MAX_MEANING: usize = 1_000;
/// Most values listed of an enumeration.
const MOST_VALUES: usize = 12;

/// The settings in the order in which the schema names them, each followed by those below it.
#[must_use]
pub fn list(schema: &Value) -> Vec<Setting> {
    let mut list = List { schema, settings: Vec::new() };
    list.object(schema, "", 0);
    list.settings
}

struct List<'a> {
    schema: &'a Value,
    settings: Vec<Setting>,
}

impl<'a> List<'a> {
    fn object(&mut self, of: &'a Value, above: &str, depth: usize) {
        let of = self.meant(of);
        let required: BTreeSet<&str> =
            of.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let Some(properties) = of.get("properties").and_then(Value::as_object) else { return };
        for (key, part) in properties {
            if self.settings.len() >= MOST {
                return;
            }
            let key_below = format!("{above}{}", printable(key, MAX_SHORT));
            self.property(part, &key_below, required.contains(key.as_str()));
            if depth >= DEEPEST {
                continue;
            }
            let below = self.meant(part);
            if below.get("properties").is_some() {
                self.object(below, &format!("{key_below}."), depth + 1);
            } else if let Some(items) = below.get("items") {
                self.object(items, &format!("{key_below}[]."), depth + 1);
            }
        }
    }

    fn property(&mut self, part: &'a Value, key: &str, required: bool) {
        let meant = self.meant(part);
        // What stands beside a reference is said of this place, what it leads to of the type.
        let text = |name: &str| [part, meant].iter().find_map(|place| place.get(name)).and_then(Value::as_str);
        let default = part.get("default").or_else(|| meant.get("default")).filter(|default| !default.is_null());
        self.settings.push(Setting {
            key: key.to_owned(),
            kind: printable(&self.kind(meant, 0), MAX_SHORT),
            default: default.map(|default| printable(&default.to_string(), MAX_SHORT)),
            required,
            bounds: bounds(meant),
            meaning: printable(text("description").or_else(|| text("title")).unwrap_or_default(), MAX_MEANING),
        });
    }

    /// What a part of the schema comes to: references followed, "or null" left out, a choice of one taken.
    fn meant(&self, part: &'a Value) -> &'a Value {
        let mut part = part;
        // As many steps as a sane schema takes; one that leads round in a circle ends here as well.
        for _ in 0..10 {
            let referred = part
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.strip_prefix('#'))
                .and_then(|pointer| self.schema.pointer(pointer));
            let only = ["anyOf", "oneOf", "allOf"].into_iter().find_map(|choice| {
                let some: Vec<&Value> = part.get(choice)?.as_array()?.iter().filter(|one| !is_null(one)).collect();
                if let [one] = some.as_slice() { Some(*one) } else { None }
            });
            match referred.or(only) {
                Some(next) => part = next,
                None => break,
            }
        }
        part
    }

    fn kind(&self, part: &'a Value, depth: usize) -> String {
        if depth > 2 {
            return "value".to_owned();
        }
        if let Some(values) = values(part) {
            return values;
        }
        if let Some(choices) = ["anyOf", "oneOf"].into_iter().find_map(|choice| part.get(choice)?.as_array()) {
            let mut kinds: Vec<String> = Vec::new();
            for choice in choices.iter().filter(|choice| !is_null(choice)).take(MOST_VALUES) {
                let kind = self.kind(self.meant(choice), depth + 1);
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            return kinds.join(" or ");
        }
        let names: Vec<&str> = match part.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
            }
            _ => vec![],
        };
        let kinds: Vec<String> = names
            .into_iter()
            .map(|name| match name {
                "array" => match part.get("items").map(|items| self.kind(self.meant(items), depth + 1)) {
                    Some(items) => format!("list of {items}s"),
                    None => "list".to_owned(),
                },
                "string" if is_duration(part) => "duration such as 5m".to_owned(),
                "string" => "text".to_owned(),
                "boolean" => "true or false".to_owned(),
                "integer" => "whole number".to_owned(),
                other => other.to_owned(),
            })
            .collect();
        if kinds.is_empty() { "value".to_owned() } else { kinds.join(" or ") }
    }
}

fn is_null(part: &Value) -> bool {
    part.get("type").and_then(Value::as_str) == Some("null")
}

/// The SDK writes durations as text with a pattern of their units.
fn is_duration(part: &Value) -> bool {
    let pattern = part.get("pattern").and_then(Value::as_str);
    pattern.is_some_and(|pattern| ["+y", "+w", "+d", "+h", "+m", "+s", "+ms"].iter().all(|unit| pattern.contains(unit)))
}

/// The values of an enumeration, each as JSON.
fn values(part: &Value) -> Option<String> {
    let single = |one: &Value| one.get("const").cloned();
    let values: Vec<Value> = match (part.get("const"), part.get("enum"), part.get("oneOf")) {
        (Some(only), _, _) => vec![only.clone()],
        (_, Some(Value::Array(values)), _) => values.clone(),
        (_, _, Some(Value::Array(choices))) => choices.iter().map(single).collect::<Option<_>>()?,
        _ => return None,
    };
    let mut shown: Vec<String> = values.iter().take(MOST_VALUES).map(Value::to_string).collect();
    if values.len() > MOST_VALUES {
        shown.push(format!("{} more", values.len() - MOST_VALUES));
    }
    Some(match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "nothing".to_owned(),
    })
}

fn bounds(part: &Value) -> Vec<String> {
    let Some(part) = part.as_object() else { return Vec::new() };
    let number = |name: &str| part.get(name).and_then(Value::as_f64).map(full);
    let mut bounds = Vec::new();
    for (name, words) in [
        ("minimum", "at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
        ("multipleOf", "a multiple of"),
    ] {
        bounds.extend(number(name).map(|number| format!("{words} {number}")));
    }
    for (least, most, what) in [
        ("minLength", "maxLength", "character"),
        ("minItems", "maxItems", "entr"),
        ("minProperties", "maxProperties", "key"),
    ] {
        bounds.extend(lengths(part, least, most, what));
    }
    // The pattern of a duration is its grammar, not a bound.
    if !is_duration(&Value::Object(part.clone())) {
        let pattern = part.get("pattern").and_then(Value::as_str);
        bounds.extend(pattern.map(|pattern| format!("must match {}", printable(pattern, MAX_SHORT))));
        bounds.extend(part.get("format").and_then(Value::as_str).filter(|f| !is_rust(f)).map(|f| printable(f, 40)));
    }
    bounds
}

fn lengths(part: &Map<String, Value>, least: &str, most: &str, what: &str) -> Option<String> {
    let number = |name: &str| part.get(name).and_then(Value::as_u64);
    let noun = |count: u64| match (what, count) {
        ("entr", 1) => "entry".to_owned(),
        ("entr", _) => "entries".to_owned(),
        (what, 1) => what.to_owned(),
        (what, _) => format!("{what}s"),
    };
    match (number(least), number(most)) {
        // Every duration and every name has one.
        (Some(1), None) if what == "character" => None,
        (Some(least), Some(most)) => Some(format!("{least} to {most} {}", noun(most))),
        (Some(least), None) => Some(format!("at least {least} {}", noun(least))),
        (None, Some(most)) => Some(format!("at most {most} {}", noun(most))),
        (None, None) => None,
    }
}

/// Generators for Rust write the width of a number as its format, which says nothing to a user.
fn is_rust(format: &str) -> bool {
    matches!(format, "uint8" | "uint16" | "uint32" | "uint64" | "uint" | "int8" | "int16" | "int32" | "int64" | "int")
        || matches!(format, "double" | "float")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(schema: &Value) -> Vec<String> {
        list(schema)
            .into_iter()
            .map(|Setting { key, kind, default, required, bounds, meaning }| {
                let default = default.map_or_else(String::new, |default| format!(" = {default}"));
                let bounds = if bounds.is_empty() { String::new() } else { format!(" ({})", bounds.join(", ")) };
                format!("{key}: {kind}{default}{}{bounds} {meaning}", if required { " required" } else { "" })
                    .trim_end()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn schemas_of_many_hands_are_put_into_words() {
        let duration = "^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$";
        let schema = json!({
            "type": "object",
            "required": ["rules"],
            "properties": {
                "window": { "description": "How\nmuch.", "type": "string", "minLength": 1, "pattern": duration, "default": "2h" },
                "threshold": { "type": "number", "format": "double", "exclusiveMinimum": 0, "default": 3.0 },
                "least": { "type": ["integer", "null"], "format": "uint64", "minimum": 2, "maximum": 14, "default": null },
                "on": { "type": "boolean", "default": false },
                "level": { "anyOf": [{ "$ref": "#/$defs/Level" }, { "type": "null" }], "description": "Here." },
                "mode": { "oneOf": [{ "const": "a", "description": "x" }, { "const": "b" }] },
                "either": { "anyOf": [{ "type": "string" }, { "type": "number" }] },
                "rules": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/Rule" } },
                "nested": { "type": "object", "properties": { "deep": { "type": "string", "pattern": "^a", "maxLength": 5 } } },
                "any": true,
            },
            "$defs": {
                "Level": { "type": "string", "enum": ["low", "high"], "description": "There." },
                "Rule": { "type": "object", "required": ["action"], "properties": { "action": { "type": "string" }, "args": { "type": "object" } } },
            },
        });
        let mut listed = listed(&schema);
        listed.sort();
        assert_eq!(
            listed,
            [
                "any: value",
                "either: text or number",
                "least: whole number (at least 2, at most 14)",
                "level: \"low\" or \"high\" Here.",
                "mode: \"a\" or \"b\"",
                "nested.deep: text (at most 5 characters, must match ^a)",
                "nested: object",
                "on: true or false = false",
                "rules: list of objects required (at least 1 entry)",
                "rules[].action: text required",
                "rules[].args: object",
                "threshold: number = 3.0 (above 0)",
                "window: duration such as 5m = \"2h\" How much.",
            ]
        );
    }

    #[test]
    fn a_schema_that_means_ill_stays_small() {
        let circle =
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } } });
        assert!(listed(&circle).is_empty());
        let tree = json!({ "properties": { "left": { "$ref": "#" }, "right": { "$ref": "#" } } });
        assert!(listed(&tree).len() <= MOST);
        let many: Map<String, Value> = (0..10_000).map(|n| (format!("k{n}"), json!({ "type": "string" }))).collect();
        assert_eq!(listed(&json!({ "properties": many })).len(), MOST);
        let rude =
            json!({ "properties": { "a\u{1b}[2J": { "description": "x".repeat(100_000), "enum": vec![0; 10_000] } } });
        let [Setting { key, kind, meaning, .. }] = list(&rude).try_into().expect("one setting");
        assert!(!key.contains('\u{1b}') && kind.len() < 500 && meaning.chars().count() <= MAX_MEANING + 1);
        for odd in
            [json!(null), json!(true), json!([]), json!({ "properties": [] }), json!({ "properties": { "a": 5 } })]
        {
            let _ = listed(&odd);
        }
    }
}
