//! The JSON of Prometheus' query API, read straight into columns.
//!
//! A cycle over 100,000 series is one answer of some 15 MB, so nothing is built in between: no tree of values, no
//! record a point, each label set once. Whatever a body holds, the outcome is an answer or an error, never a panic.

mod rules;
mod wire;

use std::collections::HashSet;
use std::time::{self, Duration};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;
use tidegate_pipeline::frame::Frame;

use super::error::QueryError;
pub(crate) use rules::AlertRule;
#[cfg(test)]
pub(crate) use rules::RuleAlert;
pub(super) use rules::parse_rules;
use wire::{Elements, Instant, InstantResult, Matrix};

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

#[cfg(test)]
mod tests;
