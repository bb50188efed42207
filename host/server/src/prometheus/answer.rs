//! The JSON of Prometheus' query API, read straight into columns.
//!
//! A cycle over 100,000 series is one answer of some 15 MB, so nothing is built in between: no tree of values, no
//! record a point, each label set once. Whatever a body holds, the outcome is an answer or an error, never a panic.

use std::collections::HashSet;
use std::fmt;
use std::time::{self, Duration};

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, de::DeserializeOwned};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;
use tidegate_pipeline::frame::{Frame, FrameSeries};

use super::error::QueryError;

/// The answer to a range query.
#[derive(Clone, Debug)]
pub(crate) struct RangeAnswer {
    /// All series that have at least one float sample.
    pub(crate) frame: Frame,
    /// What Prometheus warns of. Any warning means that the data may be partial.
    pub(crate) warnings: Vec<String>,
    /// What Prometheus remarks; nothing is missing.
    pub(crate) infos: Vec<String>,
    /// Samples left out because they are native histograms.
    pub(crate) histograms_skipped: u64,
    /// Length of the body.
    pub(crate) body_bytes: usize,
    /// How long it took to read the body.
    pub(crate) parsing: Duration,
}

/// The answer to an instant query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InstantAnswer {
    /// What the expression evaluated to.
    pub(crate) value: InstantValue,
    /// What Prometheus warns of.
    pub(crate) warnings: Vec<String>,
}

/// What an expression evaluated to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum InstantValue {
    /// One number.
    Scalar(f64),
    /// One sample a series.
    Vector(Vec<InstantSample>),
}

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InstantSample {
    /// All labels of the series.
    pub(crate) labels: Labels,
    /// Time of evaluation.
    pub(crate) at: Timestamp,
    /// Its value; may be NaN or infinite.
    pub(crate) value: f64,
}

/// Reads the answer to a range query.
pub(crate) fn parse_range(body: &[u8]) -> Result<RangeAnswer, QueryError> {
    let began = time::Instant::now();
    let Reply { data, warnings, infos } = reply::<Matrix>(body)?;
    if data.result_type != "matrix" {
        return Err(QueryError::Garbage(format!("a {} where a matrix was expected", data.result_type)));
    }
    let Elements { frame, histograms_skipped } = data.result;
    all_different(&frame)?;
    Ok(RangeAnswer { frame, warnings, infos, histograms_skipped, body_bytes: body.len(), parsing: began.elapsed() })
}

/// Reads the answer to an instant query.
pub(crate) fn parse_instant(body: &[u8]) -> Result<InstantAnswer, QueryError> {
    let Reply { data, warnings, .. } = reply::<Instant>(body)?;
    let value = match (data.result_type.as_str(), data.result) {
        ("scalar", InstantResult::Scalar(point)) => InstantValue::Scalar(point.value),
        ("vector", InstantResult::Vector(samples)) => InstantValue::Vector(samples),
        (other, _) => {
            return Err(QueryError::Garbage(format!("a {other} where a vector or a scalar was expected")));
        }
    };
    Ok(InstantAnswer { value, warnings })
}

/// Reads the labels of the alerts that fire, from `/api/v1/alerts`.
pub(super) fn parse_alerts(body: &[u8]) -> Result<Vec<Labels>, QueryError> {
    #[derive(Deserialize)]
    struct Alerts {
        alerts: Vec<Alert>,
    }
    #[derive(Deserialize)]
    struct Alert {
        labels: Labels,
        state: String,
    }
    let alerts = reply::<Alerts>(body)?.data.alerts;
    Ok(alerts.into_iter().filter(|alert| alert.state == "firing").map(|alert| alert.labels).collect())
}

/// A successful answer, whatever it holds.
struct Reply<D> {
    data: D,
    warnings: Vec<String>,
    infos: Vec<String>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "D: DeserializeOwned"))]
struct Envelope<D> {
    status: String,
    data: Option<D>,
    #[serde(rename = "errorType", default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

fn reply<D: DeserializeOwned>(body: &[u8]) -> Result<Reply<D>, QueryError> {
    let envelope: Envelope<D> = serde_json::from_slice(body).map_err(|cause| QueryError::Garbage(cause.to_string()))?;
    match (envelope.status.as_str(), envelope.data) {
        ("success", Some(data)) => Ok(Reply { data, warnings: envelope.warnings, infos: envelope.infos }),
        ("success", None) => Err(QueryError::Garbage("a success without data".to_owned())),
        ("error", _) => Err(QueryError::of_type(&envelope.error_type, envelope.error)),
        (other, _) => Err(QueryError::Garbage(format!("status {other:?}"))),
    }
}

fn all_different(frame: &Frame) -> Result<(), QueryError> {
    let mut seen = HashSet::with_capacity(frame.series.len());
    match frame.series.iter().find(|series| !seen.insert(&series.labels)) {
        None => Ok(()),
        Some(twice) => Err(QueryError::Garbage(format!("two series with the labels {}", twice.labels))),
    }
}

#[derive(Deserialize)]
struct Matrix {
    #[serde(rename = "resultType")]
    result_type: String,
    result: Elements,
}

#[derive(Deserialize)]
struct Instant {
    #[serde(rename = "resultType")]
    result_type: String,
    result: InstantResult,
}

/// All elements of a result, as columns.
#[derive(Default)]
struct Elements {
    frame: Frame,
    histograms_skipped: u64,
}

/// One element of a matrix. Both lists may be there: a series can change from floats to native histograms.
#[derive(Deserialize)]
struct Element {
    metric: Metric,
    #[serde(default)]
    values: Columns,
    #[serde(default)]
    histograms: Skipped,
}

/// One element of a vector, with one of the two.
#[derive(Deserialize)]
struct Single {
    metric: Metric,
    value: Option<Point>,
    #[serde(rename = "histogram")]
    _histogram: Option<IgnoredAny>,
}

enum InstantResult {
    Scalar(Point),
    Vector(Vec<InstantSample>),
}

struct Metric(Labels);

#[derive(Default)]
struct Columns {
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

/// How many elements a list had.
#[derive(Default)]
struct Skipped(u64);

/// `[seconds, "value"]`.
struct Point {
    at: i64,
    value: f64,
}

/// Seconds as a number, with or without a fraction, read as whole milliseconds.
struct Seconds(i64);

/// A float in a string.
struct Text(f64);

/// Writes the `Deserialize` that hands a type to its visitor.
macro_rules! by_visitor {
    ($type:ty, $method:ident, $visitor:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                from.$method($visitor)
            }
        }
    };
}

by_visitor!(Elements, deserialize_seq, ElementsVisitor);
by_visitor!(InstantResult, deserialize_seq, InstantVisitor);
by_visitor!(Metric, deserialize_map, MetricVisitor);
by_visitor!(Columns, deserialize_seq, ColumnsVisitor);
by_visitor!(Skipped, deserialize_seq, SkippedVisitor);
by_visitor!(Point, deserialize_seq, PointVisitor);
by_visitor!(Seconds, deserialize_any, SecondsVisitor);
by_visitor!(Text, deserialize_str, TextVisitor);

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Elements;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Elements, A::Error> {
        let mut all = Elements::default();
        while let Some(Element { metric, values, histograms }) = list.next_element()? {
            all.histograms_skipped += histograms.0;
            // A series of native histograms alone has nothing that could be judged.
            if !values.timestamps.is_empty() {
                let Columns { timestamps, values } = values;
                all.frame.series.push(FrameSeries { labels: metric.0, timestamps, values });
            }
        }
        Ok(all)
    }
}

struct InstantVisitor;

impl<'de> Visitor<'de> for InstantVisitor {
    type Value = InstantResult;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of samples, or one [seconds, \"value\"]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<InstantResult, A::Error> {
        let mut samples = Vec::new();
        match list.next_element::<Head>()? {
            None => return Ok(InstantResult::Vector(samples)),
            Some(Head::Scalar(Seconds(at))) => {
                let Text(value) = list.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
                return match list.next_element::<IgnoredAny>()? {
                    None => Ok(InstantResult::Scalar(Point { at, value })),
                    Some(_) => Err(de::Error::invalid_length(3, &self)),
                };
            }
            Some(Head::Single(single)) => samples.extend(single.sample()),
        }
        while let Some(single) = list.next_element::<Single>()? {
            samples.extend(single.sample());
        }
        Ok(InstantResult::Vector(samples))
    }
}

impl Single {
    fn sample(self) -> Option<InstantSample> {
        let Point { at, value } = self.value?;
        Some(InstantSample { labels: self.metric.0, at: Timestamp(at), value })
    }
}

/// The first element of an instant result tells which kind it is.
enum Head {
    Scalar(Seconds),
    Single(Single),
}

by_visitor!(Head, deserialize_any, HeadVisitor);

struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sample or a time in seconds")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Head, A::Error> {
        Single::deserialize(MapAccessDeserializer::new(map)).map(Head::Single)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Head, E> {
        SecondsVisitor.visit_u64(seconds).map(Head::Scalar)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Head, E> {
        SecondsVisitor.visit_f64(seconds).map(Head::Scalar)
    }
}

struct MetricVisitor;

impl<'de> Visitor<'de> for MetricVisitor {
    type Value = Metric;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metric, A::Error> {
        let mut pairs: Vec<(String, String)> = Vec::with_capacity(8);
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Metric(Labels::new(pairs)))
    }
}

struct ColumnsVisitor;

impl<'de> Visitor<'de> for ColumnsVisitor {
    type Value = Columns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of samples, oldest first")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Columns, A::Error> {
        // Most answers bring one new sample a series.
        let mut columns = Columns { timestamps: Vec::with_capacity(1), values: Vec::with_capacity(1) };
        while let Some(Point { at, value }) = list.next_element()? {
            if columns.timestamps.last().is_some_and(|last| *last >= at) {
                return Err(de::Error::custom(format_args!("the samples are not in order at {at} ms")));
            }
            columns.timestamps.push(at);
            columns.values.push(value);
        }
        Ok(columns)
    }
}

struct SkippedVisitor;

impl<'de> Visitor<'de> for SkippedVisitor {
    type Value = Skipped;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of histograms")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Skipped, A::Error> {
        let mut count = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Skipped(count))
    }
}

struct PointVisitor;

impl<'de> Visitor<'de> for PointVisitor {
    type Value = Point;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[seconds, \"value\"]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Point, A::Error> {
        let Seconds(at) = pair.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let Text(value) = pair.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
        match pair.next_element::<IgnoredAny>()? {
            None => Ok(Point { at, value }),
            Some(_) => Err(de::Error::invalid_length(3, &self)),
        }
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in seconds")
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Seconds, E> {
        let millis = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000));
        millis.map(Seconds).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(seconds), &self))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Seconds, E> {
        let millis = seconds.checked_mul(1000);
        millis.map(Seconds).ok_or_else(|| E::invalid_value(Unexpected::Signed(seconds), &self))
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Seconds, E> {
        let millis = (seconds * 1000.0).round();
        // Up to here every whole number of milliseconds is a float of its own.
        if millis.abs() < 9_007_199_254_740_992.0 {
            Ok(Seconds(millis as i64))
        } else {
            Err(E::invalid_value(Unexpected::Float(seconds), &self))
        }
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a float in a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        // Rust reads "NaN", "+Inf" and "-Inf" as Go writes them.
        text.parse().map(Text).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests;
