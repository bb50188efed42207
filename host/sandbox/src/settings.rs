//! Holds settings against the JSON Schema that a guest publishes. The schema is the guest's, so it is not trusted.

use std::collections::HashMap;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::text::one_line;

/// One place in a guest's settings that does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", if path.is_empty() { "settings" } else { path })]
pub struct SettingsError {
    /// Keys and indices from the settings inwards, joined by slashes, for example `rules/0/action`. Empty for the
    /// settings as a whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// Most errors reported at once: a reader repairs a few at a time, and a schema could make any number of them.
const MAX_ERRORS: usize = 20;

/// Longest message about one place; the library quotes the offending value, which may be large.
const MAX_MESSAGE: usize = 400;

/// Deepest nesting of a schema. Schemas made from types stay below ten.
const MAX_SCHEMA_DEPTH: usize = 64;

/// Most places of a schema with every reference written out. A few hundred bytes of references to references would
/// otherwise make a schema that takes years to walk.
const MAX_SCHEMA_PLACES: u64 = 100_000;

/// Compiles the schema, or says why it is none.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    if depth(schema) > MAX_SCHEMA_DEPTH {
        return Err(format!("settings-schema is nested deeper than {MAX_SCHEMA_DEPTH} levels"));
    }
    if places(schema, schema, &mut HashMap::new())? > MAX_SCHEMA_PLACES {
        return Err(format!("settings-schema has more than {MAX_SCHEMA_PLACES} places, its references written out"));
    }
    jsonschema::draft202012::options()
        // Linear time: a guest's pattern must not be able to stall the host on a setting.
        .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
        // A guest does not make the host fetch anything.
        .offline()
        .build(schema)
        .map_err(|error| {
            let place = error.instance_path().to_string();
            format!(
                "settings-schema is not a usable JSON Schema (draft 2020-12): {}{}",
                one_line(&error.to_string(), MAX_MESSAGE),
                if place.is_empty() { String::new() } else { format!(", at {place}") },
            )
        })
}

/// Every place where `settings` do not fit, in the order of the schema.
pub(crate) fn check(schema: &Validator, settings: &Value) -> Result<(), Vec<SettingsError>> {
    let mut errors: Vec<SettingsError> =
        schema.iter_errors(settings).take(MAX_ERRORS).flat_map(|error| located(&error)).collect();
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// An unexpected key is reported where it stands, so that a config can show its line.
fn located(error: &ValidationError<'_>) -> Vec<SettingsError> {
    let at: Vec<String> = error
        .instance_path()
        .as_str()
        .split('/')
        .skip(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .collect();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|key| SettingsError {
                path: [at.as_slice(), std::slice::from_ref(key)].concat().join("/"),
                message: "this guest knows no such setting".to_owned(),
            })
            .collect(),
        // What may be left out may be null as well; nobody who wrote something else wants to hear of that.
        ValidationErrorKind::AnyOf { context } => {
            let mut meant = context.iter().filter(|faults| !is_about_null(faults));
            match (meant.next(), meant.next()) {
                (Some(faults), None) => faults.iter().flat_map(located).collect(),
                _ => vec![SettingsError { path: at.join("/"), message: one_line(&error.to_string(), MAX_MESSAGE) }],
            }
        }
        _ => vec![SettingsError { path: at.join("/"), message: one_line(&error.to_string(), MAX_MESSAGE) }],
    }
}

/// Whether it only says that something is not null.
fn is_about_null(faults: &[ValidationError<'_>]) -> bool {
    let [fault] = faults else { return false };
    matches!(fault.kind(), ValidationErrorKind::Type { kind: TypeKind::Single(JsonType::Null) })
}

/// How many places `part` of `schema` has with its references written out; a reference into itself counts once.
fn places<'s>(schema: &'s Value, part: &'s Value, known: &mut HashMap<&'s str, u64>) -> Result<u64, String> {
    let mut total: u64 = 1;
    let parts: Vec<&Value> = match part {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => vec![],
    };
    for part in parts {
        total = total.saturating_add(places(schema, part, known)?);
    }
    // Other forms of reference would only be ways around this count. No generator of schemas makes them unasked.
    if let Some(form) = ["$dynamicRef", "$recursiveRef"].into_iter().find(|form| part.get(form).is_some()) {
        return Err(format!("settings-schema uses {form}; only $ref is supported"));
    }
    if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        let pointer = reference.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let Some(pointer) = pointer else {
            return Err(format!(
                "settings-schema refers to {:?}; only references within it, such as \"#/$defs/Rule\", are supported",
                one_line(reference, MAX_MESSAGE)
            ));
        };
        let counted = match known.get(pointer) {
            Some(&counted) => counted,
            None => {
                known.insert(pointer, 1);
                // One that leads nowhere is for the compiler of the schema to refuse.
                let counted = schema.pointer(pointer).map_or(Ok(0), |part| places(schema, part, known))?;
                known.insert(pointer, counted);
                counted
            }
        };
        total = total.saturating_add(counted);
    }
    Ok(total)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{check, compile};
    use serde_json::{Value, json};

    fn paths(schema: &Value, settings: &Value) -> Vec<String> {
        let schema = compile(schema).expect("a schema");
        let errors = check(&schema, settings).err().unwrap_or_default();
        errors.into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn what_may_be_left_out_is_told_by_what_it_may_be() {
        let schema = json!({
            "properties": {"rules": {"items": {"properties": {"when": {
                "anyOf": [{"$ref": "#/$defs/When"}, {"type": "null"}],
            }}}}},
            "$defs": {"When": {"enum": ["usual", "unusual"]}},
        });
        let schema = compile(&schema).expect("a schema");
        let errors = check(&schema, &json!({"rules": [{"when": "unusal"}]})).expect_err("a typo");
        assert_eq!(errors[0].to_string(), r#"rules/0/when: "unusal" is not one of "usual" or "unusual""#);
        assert_eq!(check(&schema, &json!({"rules": [{"when": null}, {"when": "usual"}]})), Ok(()));
    }

    #[test]
    fn paths_lead_to_the_place() {
        let schema = json!({
            "type": "object",
            "required": ["rules"],
            "properties": {"rules": {"type": "array", "items": {"$ref": "#/$defs/Rule"}}, "a/b": {"type": "null"}},
            "additionalProperties": false,
            "$defs": {"Rule": {"properties": {"action": {"type": "string"}}, "additionalProperties": false}},
        });
        for (settings, expected) in [
            (json!({"rules": []}), vec![]),
            (json!({}), vec![""]),
            (json!({"rules": [{"action": "x"}, {"action": 3}]}), vec!["rules/1/action"]),
            (json!({"rules": [{"actoin": "x", "why": 1}]}), vec!["rules/0/actoin", "rules/0/why"]),
            (json!({"rules": [], "rule": 1}), vec!["rule"]),
            (json!({"rules": [], "a/b": 1}), vec!["a/b"]),
        ] {
            assert_eq!(paths(&schema, &settings), expected, "{settings}");
        }
    }

    #[test]
    fn errors_are_few_and_short() {
        let schema = json!({"items": {"type": "null"}});
        let settings = json!(vec!["x".repeat(10_000); 1000]);
        let errors = check(&compile(&schema).expect("a schema"), &settings).expect_err("no nulls");
        assert_eq!(errors.len(), 20);
        assert!(errors.iter().all(|error| error.message.len() <= 400));
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_fine() {
        let tree =
            json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "additionalProperties": false});
        assert_eq!(paths(&tree, &json!({"left": {"right": {"up": {}}}})), ["left/right/up"]);
    }

    #[test]
    fn a_schema_that_explodes_is_refused() {
        let mut definitions = json!({"a0": {"type": "string"}});
        for level in 1..60 {
            let below = json!({"$ref": format!("#/$defs/a{}", level - 1)});
            definitions[format!("a{level}")] = json!({"allOf": [below, below]});
        }
        let bomb = json!({"$ref": "#/$defs/a59", "$defs": definitions});
        let error = compile(&bomb).expect_err("a bomb");
        assert!(error.contains("places"), "{error}");
    }

    #[test]
    fn references_out_of_the_schema_are_refused() {
        for reference in ["https://example.com/a.json", "other.json", "#name", "file:///etc/passwd"] {
            let error = compile(&json!({"$ref": reference})).expect_err("not within");
            assert!(error.contains("only references within it"), "{error}");
        }
        for form in ["$dynamicRef", "$recursiveRef"] {
            let error = compile(&json!({"items": {form: "#"}})).expect_err("another form");
            assert!(error.contains(form), "{error}");
        }
    }
}
