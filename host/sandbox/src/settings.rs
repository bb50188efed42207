//! Holds settings against the JSON Schema that a guest publishes. The schema is the guest's, so it is not trusted.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
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

/// Deepest nesting of a schema's references, each within the other, counted over the chain of `$ref`s alone.
const MAX_SCHEMA_DEPTH: usize = 64;

/// Compiles the schema, or says why it is none.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    if depth(schema) > MAX_SCHEMA_DEPTH {
        return Err(format!("settings-schema is nested deeper than {MAX_SCHEMA_DEPTH} levels"));
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
        schema.iter_errors(settings).take(MAX_ERRORS).flat_map(|error| places(&error)).collect();
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// An unexpected key is reported where it stands, so that a config can show its line.
fn places(error: &ValidationError<'_>) -> Vec<SettingsError> {
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
        _ => vec![SettingsError { path: at.join("/"), message: one_line(&error.to_string(), MAX_MESSAGE) }],
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
