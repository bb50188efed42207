//! The keys of a detector's case file. Their documentation ends up in the JSON Schema that editors show.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Timestamp;
use crate::testing::bound::{Bound, Number};

/// A case of a detector for `tidegate guest test`: settings, a series, and what must be said of which sample.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A detector's case")]
pub(super) struct File {
    /// Path or URL of this schema, for editors.
    #[serde(rename = "$schema", default)]
    #[expect(dead_code, reason = "for editors")]
    schema: Option<String>,
    /// One sentence: what this case shows.
    pub(super) what: String,
    /// What `open` is given: an object, unless the case is about what is refused.
    #[serde(default = "no_settings")]
    pub(super) settings: Value,
    /// The distance between two samples, in milliseconds.
    pub(super) step_ms: u64,
    /// When the first sample was taken, in milliseconds since 1970-01-01 UTC.
    #[serde(default)]
    pub(super) start_ms: Timestamp,
    /// The series, one value a step; null where the sample is missing.
    pub(super) values: Option<Vec<Option<Number>>>,
    /// Instead of `values`: a CSV file beside the case, with the columns `timestamp` and `value`, or only `value`.
    pub(super) series: Option<String>,
    /// What must be answered.
    pub(super) expect: Expect,
}

fn no_settings() -> Value {
    Value::Object(Map::new())
}

/// What must be answered. Samples are named by their index in the series, from 0, missing ones counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// Alone: `open` must refuse the settings, with this in its message.
    pub(super) refused: Option<String>,
    /// Alone: `score` must answer with an error that has this in its message.
    pub(super) fails: Option<String>,
    /// Samples whose score is NaN.
    #[serde(default)]
    pub(super) not_judged: Vec<Span>,
    /// Samples whose score is at most 1.
    #[serde(default)]
    pub(super) normal: Vec<Span>,
    /// Samples whose score is above 1.
    #[serde(default)]
    pub(super) anomalous: Vec<Span>,
    /// Bounds at given samples.
    #[serde(default)]
    pub(super) at: Vec<At>,
    /// Bounds at the last sample.
    pub(super) last: Option<Row>,
    /// The largest state after the last sample.
    pub(super) max_state_bytes: Option<usize>,
    /// A part of the remark on the last sample.
    pub(super) note: Option<String>,
}

/// One sample, or a run from a first to a last one.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected the index of a sample, or [first, last]")]
pub(super) enum Span {
    /// An index.
    One(usize),
    /// First and last index.
    Run(usize, usize),
}

impl Span {
    pub(super) fn indexes(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Span::One(index) => index..=index,
            Span::Run(first, last) => first..=last,
        }
    }
}

/// Bounds on what is answered for some samples.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    /// Which.
    pub(super) sample: Span,
    /// How unusual it is: 0 or above, and above 1 means anomalous.
    score: Option<Bound>,
    /// The value that was expected.
    expected: Option<Bound>,
    /// Lower edge of the band.
    lower: Option<Bound>,
    /// Upper edge of the band.
    upper: Option<Bound>,
}

impl At {
    pub(super) fn row(&self) -> Row {
        let Self { score, expected, lower, upper, .. } = self;
        Row { score: score.clone(), expected: expected.clone(), lower: lower.clone(), upper: upper.clone() }
    }
}

/// Bounds on what is answered for a sample.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// How unusual it is: 0 or above, and above 1 means anomalous.
    pub(super) score: Option<Bound>,
    /// The value that was expected.
    pub(super) expected: Option<Bound>,
    /// Lower edge of the band.
    pub(super) lower: Option<Bound>,
    /// Upper edge of the band.
    pub(super) upper: Option<Bound>,
}
