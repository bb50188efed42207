//! Numbers as case files write them, and bounds on what a guest answers.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A number, or `"NaN"`, `"+Inf"`, `"-Inf"` as Prometheus writes them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(pub(super) f64);

/// What [`Number`] takes, for messages.
const NUMBER: &str = "a number, \"NaN\", \"+Inf\" or \"-Inf\"";

/// Reads one of the names, or a number in digits.
pub(super) fn named(name: &str) -> Option<f64> {
    match name {
        "NaN" => Some(f64::NAN),
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(NUMBER)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Number, E> {
                named(name).map(Number).ok_or_else(|| E::custom(format_args!("`{name}` is not {NUMBER}")))
            }
        }

        from.deserialize_any(Reader)
    }
}

impl JsonSchema for Number {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or how Prometheus writes those that JSON lacks.",
            "anyOf": [{ "type": "number" }, { "enum": ["NaN", "+Inf", "-Inf"] }],
        })
    }
}

/// What a number must be.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    /// This, to nine digits.
    About(Number),
    /// Within these limits.
    Within(Limits),
}

/// Limits on a number; each may be left out. NaN is within none.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    /// Greater than this.
    above: Option<f64>,
    /// Less than this.
    below: Option<f64>,
    /// This or greater.
    at_least: Option<f64>,
    /// This or less.
    at_most: Option<f64>,
}

impl Bound {
    pub(super) fn admits(&self, got: f64) -> bool {
        match self {
            Bound::About(Number(wanted)) if wanted.is_finite() => (got - wanted).abs() <= 1e-9 * wanted.abs().max(1e-9),
            Bound::About(Number(wanted)) => got == *wanted || (got.is_nan() && wanted.is_nan()),
            Bound::Within(Limits { above, below, at_least, at_most }) => {
                !got.is_nan()
                    && above.is_none_or(|limit| got > limit)
                    && below.is_none_or(|limit| got < limit)
                    && at_least.is_none_or(|limit| got >= limit)
                    && at_most.is_none_or(|limit| got <= limit)
            }
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::About(Number(number)) => write!(f, "{number}"),
            Bound::Within(Limits { above, below, at_least, at_most }) => {
                let parts = [("above", above), ("below", below), ("at least", at_least), ("at most", at_most)];
                let parts: Vec<String> = parts
                    .into_iter()
                    .filter_map(|(name, limit)| limit.map(|limit| format!("{name} {limit}")))
                    .collect();
                f.write_str(if parts.is_empty() { "a number" } else { "" })?;
                f.write_str(&parts.join(" and "))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Bound;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{NUMBER}, or an object of above, below, at_least and at_most")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Bound, E> {
                Ok(Bound::About(Number(number)))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Bound, E> {
                Ok(Bound::About(Number(number as f64)))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Bound, E> {
                Ok(Bound::About(Number(number as f64)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Bound, E> {
                let number = named(name).ok_or_else(|| E::custom(format_args!("`{name}` is not {NUMBER}")))?;
                Ok(Bound::About(Number(number)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Bound, A::Error> {
                Limits::deserialize(MapAccessDeserializer::new(map)).map(Bound::Within)
            }
        }

        from.deserialize_any(Reader)
    }
}

impl JsonSchema for Bound {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bound".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, met to nine digits, or limits on it.",
            "anyOf": [generator.subschema_for::<Number>(), generator.subschema_for::<Limits>()],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> Bound {
        serde_json::from_str(text).expect(text)
    }

    #[test]
    fn bounds_admit_what_they_say() {
        for (text, admitted, others) in [
            ("1", &[1.0, 1.0 + 1e-10][..], &[1.0 + 1e-8, f64::NAN, f64::INFINITY][..]),
            ("0", &[0.0, -0.0], &[1e-17, f64::NAN]),
            ("-2.5e300", &[-2.5e300], &[2.5e300]),
            ("\"NaN\"", &[f64::NAN], &[0.0]),
            ("\"-Inf\"", &[f64::NEG_INFINITY], &[f64::INFINITY, f64::MIN, f64::NAN]),
            (r#"{"above": 1}"#, &[1.1, f64::INFINITY], &[1.0, f64::NAN]),
            (r#"{"at_least": 1, "below": 2}"#, &[1.0, 1.9], &[0.9, 2.0, f64::NAN]),
            (r#"{"at_most": -1}"#, &[-1.0, f64::NEG_INFINITY], &[0.0, f64::NAN]),
            ("{}", &[0.0, f64::INFINITY], &[f64::NAN]),
        ] {
            for number in admitted {
                assert!(bound(text).admits(*number), "{number} under {text}");
            }
            for number in others {
                assert!(!bound(text).admits(*number), "{number} under {text}");
            }
        }
    }

    #[test]
    fn bounds_say_what_they_admit() {
        for (text, words) in [
            ("1.5", "1.5"),
            (r#"{"above": 1, "at_most": 2}"#, "above 1 and at most 2"),
            ("\"+Inf\"", "inf"),
            ("{}", "a number"),
        ] {
            assert_eq!(bound(text).to_string(), words);
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_would_do() {
        for text in ["\"Inf\"", "null", "true", "[1]", "\"1\""] {
            let error = serde_json::from_str::<Bound>(text).expect_err(text).to_string();
            assert!(error.contains("\"NaN\""), "{text}: {error}");
        }
        let error = serde_json::from_str::<Bound>(r#"{"over": 1}"#).expect_err("no such limit").to_string();
        assert!(error.contains("`above`"), "{error}");
    }
}
