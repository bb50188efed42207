//! Durations in settings, written as in Prometheus: `5m`, `1h30m`, `2w`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Units from large to small, the order in which a duration names them, in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The same grammar for a JSON Schema. It cannot refuse the empty string; `minLength` does.
const PATTERN: &str = "^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$";

/// A span of time of whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    millis: u64,
}

impl Duration {
    /// A span of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Duration { millis }
    }

    /// The span in milliseconds.
    pub const fn millis(self) -> u64 {
        self.millis
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`{text}` is not a duration; write whole numbers with units from large to small \
                 (y, w, d, h, m, s, ms), for example 5m, 1h30m or 2w"
            )
        };
        if text == "0" {
            return Ok(Duration::from_millis(0));
        }
        let mut rest = text;
        let mut units = UNITS.iter();
        let mut millis = 0_u64;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, after) = rest.split_at(digits);
            let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
            let (unit, after) = after.split_at(letters);
            // Going on in the same iterator refuses a unit named twice or out of order.
            let (_, size) = units.find(|(name, _)| *name == unit).ok_or_else(refused)?;
            let number: u64 = number.parse().map_err(|_| refused())?;
            millis = number.checked_mul(*size).and_then(|m| m.checked_add(millis)).ok_or_else(refused)?;
            rest = after;
        }
        if text.is_empty() { Err(refused()) } else { Ok(Duration { millis }) }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millis == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.millis;
        for (unit, size) in UNITS {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

// Serialised only as the default value inside a JSON Schema.
impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn reads_what_prometheus_reads_and_writes_it_back() {
        for (text, millis, shortest) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("5m", 300_000, "5m"),
            ("90m", 5_400_000, "1h30m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("2w", 1_209_600_000, "2w"),
            ("1y2w3d4h5m6s7ms", 33_019_506_007, "1y2w3d4h5m6s7ms"),
            ("100ms", 100, "100ms"),
        ] {
            let duration: Duration = text.parse().expect(text);
            assert_eq!(duration.millis(), millis, "{text}");
            assert_eq!(duration.to_string(), shortest, "{text}");
        }
    }

    #[test]
    fn refuses_anything_else_and_says_what_would_do() {
        for text in [
            "",
            " ",
            "5",
            "m",
            "5 m",
            "-5m",
            "+5m",
            "1.5h",
            "5m5m",
            "30m1h",
            "5M",
            "1ms1s",
            "5min",
            "0x5m",
            "٣m",
            "99999999999999999999s",
            "600000000000y",
        ] {
            let refusal = text.parse::<Duration>().expect_err(text);
            assert!(refusal.contains("for example 5m"), "{text}: {refusal}");
        }
    }
}
