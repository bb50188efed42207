//! The arguments of an action: which a plan may give, and within which bounds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What one argument may be. There is no unbounded kind.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgumentBounds {
    /// A whole number.
    Integer {
        /// Smallest allowed value.
        min: i64,
        /// Largest allowed value.
        max: i64,
    },
    /// A finite number.
    Number {
        /// Smallest allowed value.
        min: f64,
        /// Largest allowed value.
        max: f64,
    },
    /// One of a few texts.
    OneOf(Vec<String>),
    /// True or false.
    Boolean,
}

/// Why a plan's arguments are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsError {
    /// The text is not a JSON object.
    #[error("the arguments are not a JSON object: {0}")]
    NotAnObject(String),
    /// The action has no such argument.
    #[error("the action takes no argument {name:?}; it takes {known}")]
    Unknown {
        /// What the plan gave.
        name: String,
        /// What there is.
        known: String,
    },
    /// The plan leaves one out.
    #[error("the argument {name:?} is missing; it must be {bounds}")]
    Missing {
        /// Its name.
        name: String,
        /// What it may be.
        bounds: String,
    },
    /// The value is outside the bounds.
    #[error("the argument {name:?} is {value}; it must be {bounds}")]
    OutOfBounds {
        /// Its name.
        name: String,
        /// What the plan gave.
        value: String,
        /// What it may be.
        bounds: String,
    },
}

impl ArgumentBounds {
    fn admits(&self, value: &Value) -> bool {
        match self {
            ArgumentBounds::Integer { min, max } => value.as_i64().is_some_and(|v| (*min..=*max).contains(&v)),
            ArgumentBounds::Number { min, max } => value.as_f64().is_some_and(|v| (*min..=*max).contains(&v)),
            ArgumentBounds::OneOf(texts) => value.as_str().is_some_and(|v| texts.iter().any(|t| t == v)),
            ArgumentBounds::Boolean => value.is_boolean(),
        }
    }

    fn schema(&self) -> Value {
        match self {
            ArgumentBounds::Integer { min, max } => {
                json!({"type": "integer", "minimum": min, "maximum": max})
            }
            ArgumentBounds::Number { min, max } => {
                json!({"type": "number", "minimum": min, "maximum": max})
            }
            ArgumentBounds::OneOf(texts) => json!({"enum": texts}),
            ArgumentBounds::Boolean => json!({"type": "boolean"}),
        }
    }
}

impl std::fmt::Display for ArgumentBounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ArgumentBounds::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            ArgumentBounds::Number { min, max } => write!(f, "a number from {min} to {max}"),
            ArgumentBounds::OneOf(texts) => write!(f, "one of {}", texts.join(", ")),
            ArgumentBounds::Boolean => f.write_str("true or false"),
        }
    }
}

/// Reads a plan's arguments and holds them against the bounds, as [`admit`] does.
pub fn check(bounds: &BTreeMap<String, ArgumentBounds>, text: &str) -> Result<Map<String, Value>, ArgumentsError> {
    // An action without arguments is often proposed with an empty text.
    let text = if text.trim().is_empty() { "{}" } else { text };
    let given: Map<String, Value> =
        serde_json::from_str(text).map_err(|cause| ArgumentsError::NotAnObject(cause.to_string()))?;
    admit(bounds, &given)?;
    Ok(given)
}

/// Holds arguments against the bounds. Every argument must be given, none besides.
pub fn admit(bounds: &BTreeMap<String, ArgumentBounds>, given: &Map<String, Value>) -> Result<(), ArgumentsError> {
    if let Some(name) = given.keys().find(|name| !bounds.contains_key(*name)) {
        let known = bounds.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none".to_owned() } else { known };
        return Err(ArgumentsError::Unknown { name: name.clone(), known });
    }
    for (name, bound) in bounds {
        let value =
            given.get(name).ok_or_else(|| ArgumentsError::Missing { name: name.clone(), bounds: bound.to_string() })?;
        if !bound.admits(value) {
            let (name, value, bounds) = (name.clone(), value.to_string(), bound.to_string());
            return Err(ArgumentsError::OutOfBounds { name, value, bounds });
        }
    }
    Ok(())
}

/// The same bounds as JSON Schema, for the policy that fills them in.
#[must_use]
pub fn schema(bounds: &BTreeMap<String, ArgumentBounds>) -> Value {
    let properties: Map<String, Value> = bounds.iter().map(|(name, bound)| (name.clone(), bound.schema())).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": bounds.keys().collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> BTreeMap<String, ArgumentBounds> {
        BTreeMap::from([
            ("replicas".to_owned(), ArgumentBounds::Integer { min: 1, max: 8 }),
            ("zone".to_owned(), ArgumentBounds::OneOf(vec!["a".into(), "b".into()])),
        ])
    }

    #[test]
    fn arguments_within_the_bounds_pass() {
        assert_eq!(check(&bounds(), r#"{"replicas": 8, "zone": "a"}"#).map(|given| given.len()), Ok(2));
        assert_eq!(check(&BTreeMap::new(), " ").map(|given| given.len()), Ok(0));
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (text, said) in [
            (r#"{"replicas": 9, "zone": "a"}"#, "\"replicas\" is 9; it must be a whole number from 1 to 8"),
            (r#"{"replicas": 1.5, "zone": "a"}"#, "\"replicas\" is 1.5"),
            (r#"{"replicas": "1", "zone": "a"}"#, "\"replicas\" is \"1\""),
            (r#"{"replicas": 1}"#, "\"zone\" is missing"),
            (r#"{"replicas": 1, "zone": "a", "force": true}"#, "no argument \"force\"; it takes replicas, zone"),
            ("[]", "not a JSON object"),
            ("{", "not a JSON object"),
        ] {
            let error = check(&bounds(), text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
