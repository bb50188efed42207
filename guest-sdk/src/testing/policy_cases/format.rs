//! The keys of a policy's case file. Their documentation ends up in the JSON Schema that editors show.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Pairs;
use crate::metrics::Sample;
use crate::testing::answers::Answer;
use crate::testing::bound::Number;
use crate::testing::samples;
use crate::{ActionInfo, Alert, Attempt, Incident, Label, Outcome, Samples, Severity, Source, Timestamp};

/// A case of a policy for `tidegate guest test`: settings, the actions on offer, an incident, and what must be answered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A policy's case")]
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
    /// The actions on offer.
    #[serde(default)]
    pub(super) actions: Vec<Action>,
    /// Answers to `host-metrics`, by expression.
    #[serde(default)]
    pub(super) metrics: BTreeMap<String, AnswerCase>,
    /// What the policy is asked about.
    #[serde(default)]
    pub(super) incident: IncidentCase,
    /// What must be answered.
    pub(super) expect: Expect,
}

fn no_settings() -> Value {
    Value::Object(Map::new())
}

/// An action on offer: its name, or more about it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected the name of an action, or an object of name, summary and arguments_schema")]
pub(super) enum Action {
    /// Its name.
    Name(String),
    /// All that a policy is told of it.
    Offer(Offer),
}

/// An action as a policy is told of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Offer {
    /// The name that the host's config gives it.
    name: String,
    /// What it does, for people.
    #[serde(default)]
    summary: String,
    /// JSON Schema of the arguments object.
    #[serde(default)]
    arguments_schema: Map<String, Value>,
}

impl Action {
    pub(super) fn build(&self) -> ActionInfo {
        match self {
            Action::Name(name) => {
                ActionInfo { name: name.clone(), summary: String::new(), arguments_schema: "{}".to_owned() }
            }
            Action::Offer(Offer { name, summary, arguments_schema }) => ActionInfo {
                name: name.clone(),
                summary: summary.clone(),
                arguments_schema: Value::Object(arguments_schema.clone()).to_string(),
            },
        }
    }
}

/// What Prometheus answers: an instant vector, or an error.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a list of numbers or of objects with labels and value, or an object with error"
)]
pub(super) enum AnswerCase {
    /// An instant vector.
    Vector(Vec<Element>),
    /// A refusal.
    Refused(Refused),
}

/// A refusal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    /// The text of it.
    error: String,
}

/// An element of an instant vector.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Element {
    /// A value without labels.
    Value(Number),
    /// All of it.
    Sample(SampleCase),
}

/// An element of an instant vector.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleCase {
    /// Its labels.
    #[serde(default)]
    labels: Pairs,
    /// Its value.
    value: Number,
    /// When it was taken, in milliseconds since 1970-01-01 UTC.
    #[serde(default)]
    timestamp_ms: Timestamp,
}

impl AnswerCase {
    pub(super) fn build(&self) -> Answer {
        match self {
            AnswerCase::Refused(Refused { error }) => Err(error.clone()),
            AnswerCase::Vector(elements) => Ok(elements.iter().map(Element::build).collect()),
        }
    }
}

impl Element {
    fn build(&self) -> Sample {
        match self {
            Element::Value(value) => Sample { labels: vec![], timestamp: 0, value: value.0 },
            Element::Sample(SampleCase { labels, value, timestamp_ms }) => {
                Sample { labels: self::labels(labels), timestamp: *timestamp_ms, value: value.0 }
            }
        }
    }
}

/// An incident. What is left out is empty, NaN, or an ordinary value.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IncidentCase {
    /// The host's name for it; `test-1` where left out.
    id: Option<String>,
    /// Where it comes from; `anomaly` where left out.
    source: Option<SourceCase>,
    /// The watch or alert route that it came by; `test` where left out.
    watch: Option<String>,
    /// The labels of the group.
    labels: Pairs,
    /// How bad it is; `medium` where left out.
    severity: Option<SeverityCase>,
    /// When the trouble began, in milliseconds since 1970-01-01 UTC; 1700000000000 where left out.
    since_ms: Option<Timestamp>,
    /// The value of the latest anomalous sample.
    value: Option<Number>,
    /// What was expected instead.
    expected: Option<Number>,
    /// Lower edge of the expected band.
    lower: Option<Number>,
    /// Upper edge of the expected band.
    upper: Option<Number>,
    /// The recent samples of the series that is worst off.
    window: Option<WindowCase>,
    /// The alerts concerned.
    alerts: Vec<AlertCase>,
    /// Earlier attempts on the same target, oldest first.
    attempts: Vec<AttemptCase>,
}

/// Where an incident comes from.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SourceCase {
    Anomaly,
    Absence,
    Alert,
}

/// How bad an incident is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SeverityCase {
    Low,
    Medium,
    High,
    Critical,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OutcomeCase {
    Fixed,
    Ineffective,
    Inconclusive,
    Failed,
    Unknown,
    Denied,
    Expired,
    Refused,
}

/// Samples, either a step apart or with a timestamp each.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WindowCase {
    /// The values, oldest first; null where a sample is missing.
    values: Vec<Option<Number>>,
    /// When the first sample was taken, in milliseconds since 1970-01-01 UTC.
    start_ms: Option<Timestamp>,
    /// The distance between two samples, in milliseconds.
    step_ms: Option<u64>,
    /// Instead of start and step: a timestamp for each value.
    timestamps_ms: Option<Vec<Timestamp>>,
}

/// An alert: its labels, or more about it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected labels, or an object of labels, annotations, starts_at_ms, fingerprint and firing"
)]
enum AlertCase {
    /// Its labels.
    Labels(Pairs),
    /// All of it.
    Alert(FullAlert),
}

/// An alert as it was delivered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FullAlert {
    /// All labels.
    labels: Pairs,
    /// All annotations.
    #[serde(default)]
    annotations: Pairs,
    /// When it began to fire, in milliseconds since 1970-01-01 UTC; as the incident where left out.
    starts_at_ms: Option<Timestamp>,
    /// Alertmanager's fingerprint, 16 hexadecimal digits.
    #[serde(default = "no_fingerprint")]
    fingerprint: String,
    /// False once it has resolved.
    #[serde(default = "yes")]
    firing: bool,
}

fn no_fingerprint() -> String {
    "0".repeat(16)
}

fn yes() -> bool {
    true
}

/// An earlier request on the same target.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AttemptCase {
    /// The action's name.
    action: String,
    /// Its arguments.
    #[serde(default)]
    arguments: Map<String, Value>,
    /// How it ended.
    outcome: OutcomeCase,
    /// Why.
    #[serde(default)]
    reason: String,
    /// True when it belonged to this incident.
    this_incident: bool,
    /// When it was proposed, in milliseconds since 1970-01-01 UTC.
    #[serde(default)]
    proposed_at_ms: Timestamp,
}

/// What must be answered: exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Expect {
    /// A part of the message with which `open` must refuse the settings.
    Refused(String),
    /// A part of the error that `propose` must answer with.
    Fails(String),
    /// A part of the reason for leaving the incident alone.
    Leave(String),
    /// A proposal.
    Propose(PlanPart),
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Refused(part) => write!(f, "open to refuse the settings with `{part}`"),
            Expect::Fails(part) => write!(f, "an error with `{part}`"),
            Expect::Leave(part) => write!(f, "leave, with `{part}` in the reason"),
            Expect::Propose(PlanPart { action, .. }) => {
                write!(f, "propose {}", action.as_deref().unwrap_or("some action"))
            }
        }
    }
}

/// A proposal; what is left out may be anything.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanPart {
    /// The action's name.
    pub(super) action: Option<String>,
    /// All of its arguments.
    pub(super) arguments: Option<Value>,
    /// A part of the summary.
    #[serde(default)]
    pub(super) summary: String,
    /// A part of the rationale.
    #[serde(default)]
    pub(super) rationale: String,
}

impl IncidentCase {
    /// The incident, or which key of it is at fault and why.
    pub(super) fn build(&self) -> Result<Incident, (&'static str, String)> {
        let plain = incident(&[]);
        let since = self.since_ms.unwrap_or(plain.since);
        let number = |number: &Option<Number>| number.map_or(f64::NAN, |number| number.0);
        Ok(Incident {
            id: self.id.clone().unwrap_or(plain.id),
            source: match self.source {
                None | Some(SourceCase::Anomaly) => Source::Anomaly,
                Some(SourceCase::Absence) => Source::Absence,
                Some(SourceCase::Alert) => Source::Alert,
            },
            watch: self.watch.clone().unwrap_or(plain.watch),
            labels: labels(&self.labels),
            severity: match self.severity {
                Some(SeverityCase::Low) => Severity::Low,
                None | Some(SeverityCase::Medium) => Severity::Medium,
                Some(SeverityCase::High) => Severity::High,
                Some(SeverityCase::Critical) => Severity::Critical,
            },
            since,
            value: number(&self.value),
            expected: number(&self.expected),
            lower: number(&self.lower),
            upper: number(&self.upper),
            window: match &self.window {
                None => plain.window,
                Some(window) => window.build().map_err(|what| ("window", what))?,
            },
            alerts: self.alerts.iter().map(|alert| alert.build(since)).collect(),
            attempts: self.attempts.iter().map(AttemptCase::build).collect(),
        })
    }
}

impl WindowCase {
    fn build(&self) -> Result<Samples, String> {
        let timestamps = match (&self.timestamps_ms, self.start_ms, self.step_ms) {
            (Some(timestamps), None, None) if timestamps.len() == self.values.len() => timestamps.clone(),
            (Some(timestamps), None, None) => {
                return Err(format!("has {} timestamps_ms for {} values", timestamps.len(), self.values.len()));
            }
            (None, Some(start), Some(step)) => samples(start, step, self.values.iter().map(|_| 0.0)).timestamps,
            _ => return Err("give it start_ms and step_ms, or timestamps_ms".to_owned()),
        };
        let there = timestamps.into_iter().zip(&self.values).filter_map(|(at, value)| value.map(|value| (at, value.0)));
        let (timestamps, values): (Vec<_>, Vec<_>) = there.unzip();
        if !timestamps.is_sorted_by(|one, next| one < next) {
            return Err("its timestamps do not ascend".to_owned());
        }
        Ok(Samples { timestamps, values })
    }
}

impl AlertCase {
    fn build(&self, since: Timestamp) -> Alert {
        match self {
            AlertCase::Labels(pairs) => Alert {
                labels: labels(pairs),
                annotations: vec![],
                starts_at: since,
                fingerprint: no_fingerprint(),
                firing: true,
            },
            AlertCase::Alert(FullAlert { labels: pairs, annotations, starts_at_ms, fingerprint, firing }) => Alert {
                labels: labels(pairs),
                annotations: labels(annotations),
                starts_at: starts_at_ms.unwrap_or(since),
                fingerprint: fingerprint.clone(),
                firing: *firing,
            },
        }
    }
}

impl AttemptCase {
    fn build(&self) -> Attempt {
        Attempt {
            proposed_at: self.proposed_at_ms,
            this_incident: self.this_incident,
            action: self.action.clone(),
            arguments: Value::Object(self.arguments.clone()).to_string(),
            outcome: match self.outcome {
                OutcomeCase::Fixed => Outcome::Fixed,
                OutcomeCase::Ineffective => Outcome::Ineffective,
                OutcomeCase::Inconclusive => Outcome::Inconclusive,
                OutcomeCase::Failed => Outcome::Failed,
                OutcomeCase::Unknown => Outcome::Unknown,
                OutcomeCase::Denied => Outcome::Denied,
                OutcomeCase::Expired => Outcome::Expired,
                OutcomeCase::Refused => Outcome::Refused,
            },
            reason: self.reason.clone(),
        }
    }
}

/// An incident of medium severity with these labels and nothing else.
pub fn incident(with: &[(&str, &str)]) -> Incident {
    let with = with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Incident {
        id: "test-1".to_owned(),
        source: Source::Anomaly,
        watch: "test".to_owned(),
        labels: labels(&with),
        severity: Severity::Medium,
        since: 1_700_000_000_000,
        value: f64::NAN,
        expected: f64::NAN,
        lower: f64::NAN,
        upper: f64::NAN,
        window: Samples { timestamps: vec![], values: vec![] },
        alerts: vec![],
        attempts: vec![],
    }
}

fn labels(map: &Pairs) -> Vec<Label> {
    map.iter().map(|(name, value)| Label { name: name.clone(), value: value.clone() }).collect()
}
