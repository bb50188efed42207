//! The one setting: how many false alarms a series may raise, and what that leaves for each of its samples.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tidegate_guest::Duration;

/// Spans that have a name beside their duration, in milliseconds.
const NAMED: [(&str, u64); 5] = [
    ("hour", 3_600_000),
    ("day", 86_400_000),
    ("week", 7 * 86_400_000),
    ("month", 30 * 86_400_000),
    ("year", 365 * 86_400_000),
];

/// The same grammar for a JSON Schema, in a line that people can read; it takes units in any order, and zeros.
const PATTERN: &str = "^[0-9]+(\\.[0-9]+)? per (hour|day|week|month|year|([0-9]+(y|w|d|h|m|s|ms))+)$";

/// However generous the budget, a sample is called anomalous only where fewer than one in twenty is as unusual: a series
/// with a sample a day would otherwise spend a budget of one a week on every seventh.
const MOST_PER_SAMPLE: f64 = 0.05;

/// However small the budget, nothing is rarer than this: what is further out in a tail is a guess anyway.
const LEAST_PER_SAMPLE: f64 = 1e-12;

/// A number of false alarms in a span of time, for one series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Budget {
    alarms: f64,
    span: Duration,
    /// As it was written.
    text: String,
}

impl Budget {
    /// The probability that a sample may be called anomalous by chance, where one comes every `step_ms` milliseconds.
    pub(crate) fn per_sample(&self, step_ms: f64) -> f64 {
        (self.alarms * step_ms / self.span.millis() as f64).clamp(LEAST_PER_SAMPLE, MOST_PER_SAMPLE)
    }

    /// The time in which one false alarm is allowed, in milliseconds: what counts as "of late". At least the length of an
    /// episode, at most as long as anything else is remembered.
    pub(crate) fn span_ms(&self) -> f64 {
        const EPISODE: f64 = 3_600_000.0;
        const MEMORY: f64 = 28.0 * 86_400_000.0;
        (self.span.millis() as f64 / self.alarms).clamp(EPISODE, MEMORY)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Budget { alarms: 1.0, span: Duration::from_millis(7 * 86_400_000), text: "1 per week".to_owned() }
    }
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |why: &str| {
            format!(
                "`{text}` is not a number of false alarms: {why}; write a number, `per` and a span of time, for example \
                 `1 per week`, `2 per day` or `0.5 per 12h`"
            )
        };
        let mut words = text.split(' ');
        let (Some(count), Some("per"), Some(span), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(refused("it does not read as `NUMBER per SPAN`"));
        };
        // Numbers as people write them: `inf`, `1e3`, `+1` and `.5` are numbers to Rust, and typing errors here.
        let plain = count.split_once('.').map_or(vec![count], |(whole, part)| vec![whole, part]);
        if !plain.iter().all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(refused(&format!("`{count}` is not a number such as 1 or 0.5")));
        }
        let alarms: f64 = count.parse().map_err(|_| refused(&format!("`{count}` is not a number")))?;
        if alarms == 0.0 {
            return Err(refused("a detector that may never be wrong could never speak"));
        }
        if !alarms.is_finite() {
            return Err(refused("the number is too large"));
        }
        let span = match NAMED.iter().find(|(name, _)| *name == span) {
            Some((_, millis)) => Duration::from_millis(*millis),
            None => span.parse().map_err(|_| {
                refused(&format!("`{span}` is neither hour, day, week, month or year nor a duration such as 12h or 2w"))
            })?,
        };
        if span.millis() == 0 {
            return Err(refused("the span is zero"));
        }
        Ok(Budget { alarms, span, text: text.to_owned() })
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

// Serialised only as the default value inside a JSON Schema.
impl Serialize for Budget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Budget {
    fn schema_name() -> Cow<'static, str> {
        "Budget".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN, "examples": ["1 per week", "2 per day", "0.5 per 12h"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_number_per_span() {
        const MINUTE: f64 = 60_000.0;
        for (text, per_minute) in [
            ("1 per week", 1.0 / 10_080.0),
            ("2 per day", 2.0 / 1440.0),
            ("0.5 per day", 0.5 / 1440.0),
            ("1 per 2w", 1.0 / 20_160.0),
            ("3 per 1d12h", 3.0 / 2160.0),
            ("1 per hour", 1.0 / 60.0),
            ("1 per month", 1.0 / 43_200.0),
            ("1 per year", 1.0 / 525_600.0),
            ("1000 per hour", MOST_PER_SAMPLE),
            ("0.000000001 per 1000y", LEAST_PER_SAMPLE),
        ] {
            let budget: Budget = text.parse().expect(text);
            let got = budget.per_sample(MINUTE);
            assert!((got / per_minute - 1.0).abs() < 1e-12, "{text}: {got}, not {per_minute}");
            assert_eq!(budget.to_string(), text);
        }
        assert_eq!(Budget::default(), "1 per week".parse().expect("the default"));
        for (text, hours) in [("1 per week", 168.0), ("2 per day", 12.0), ("1000 per hour", 1.0), ("1 per year", 672.0)]
        {
            assert_eq!(text.parse::<Budget>().expect(text).span_ms(), hours * 3_600_000.0, "{text}");
        }
        assert_eq!(Budget::default().per_sample(86_400_000.0), MOST_PER_SAMPLE, "a sample a day");
    }

    #[test]
    fn refuses_anything_else_and_says_what_would_do() {
        for (text, why) in [
            ("", "does not read as"),
            ("week", "does not read as"),
            ("1", "does not read as"),
            ("1 week", "does not read as"),
            ("1 per", "does not read as"),
            ("1  per week", "does not read as"),
            ("1 per 2 weeks", "does not read as"),
            (" 1 per week", "does not read as"),
            ("1/week", "does not read as"),
            ("one per week", "`one` is not a number"),
            ("-1 per week", "`-1` is not a number"),
            ("+1 per week", "`+1` is not a number"),
            ("1e3 per week", "`1e3` is not a number"),
            (".5 per week", "`.5` is not a number"),
            ("inf per week", "`inf` is not a number"),
            ("NaN per week", "`NaN` is not a number"),
            ("0 per week", "may never be wrong"),
            ("0.0 per week", "may never be wrong"),
            ("1 per fortnight", "`fortnight` is neither"),
            ("1 per weeks", "`weeks` is neither"),
            ("1 per 0s", "the span is zero"),
            ("1 per 0", "the span is zero"),
        ] {
            let refusal = text.parse::<Budget>().expect_err(text);
            assert!(refusal.contains(why), "{text}: `{refusal}` says nothing of `{why}`");
            assert!(refusal.contains("for example `1 per week`"), "{text}: {refusal}");
        }
        let long = format!("{} per week", "9".repeat(400));
        assert!(long.parse::<Budget>().expect_err("infinite").contains("too large"));
    }
}
