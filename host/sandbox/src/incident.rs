//! What a policy is told and what it answers, as plain data; a mirror of `interface remediation` in the contract.
//!
//! Times are milliseconds since the Unix epoch, UTC.

use serde_json::{Map, Value};

use crate::bindings::detector::tidegate::plugin::types as wit_types;
use crate::bindings::remediation::exports::tidegate::plugin::remediation as wit;

/// One label. Lists of labels are sorted by name, and names are unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The label's name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How bad an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// Where an incident comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A detector found the samples of a watched query unusual.
    Anomaly,
    /// The series of a watched query stopped coming.
    Absence,
    /// An alert that Alertmanager delivered.
    Alert,
}

/// How an earlier repair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The metric recovered and stayed so.
    Fixed,
    /// The action ran, the metric did not recover.
    Ineffective,
    /// The action ran, and no samples came to judge it by.
    Inconclusive,
    /// The action ran and reported a failure.
    Failed,
    /// The host lost sight of the action while it ran.
    Unknown,
    /// A person said no.
    Denied,
    /// Nobody answered before the deadline.
    Expired,
    /// The host refused to run it.
    Refused,
}

/// An action that a policy may choose.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionOffer {
    /// The name that the config gives it.
    pub name: String,
    /// What it does, for people. May be empty.
    pub summary: String,
    /// JSON Schema (draft 2020-12) of the arguments object.
    pub arguments_schema: Value,
}

/// One alert concerned by the incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// All labels, `alertname` included where there is one.
    pub labels: Vec<Label>,
    /// All annotations.
    pub annotations: Vec<Label>,
    /// When the alert began to fire.
    pub starts_at: i64,
    /// Alertmanager's fingerprint, 16 hexadecimal digits.
    pub fingerprint: String,
    /// False once it has resolved.
    pub firing: bool,
}

/// An earlier request on the same target.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// When it was proposed.
    pub proposed_at: i64,
    /// True when it belonged to this incident.
    pub this_incident: bool,
    /// The action's name.
    pub action: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why: the reason given with a denial, the guard that refused, the error of a failed action. May be empty.
    pub reason: String,
}

/// Everything a policy gets to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// The host's name for it.
    pub id: String,
    /// Where it comes from.
    pub source: Source,
    /// The watch or alert route that it came by.
    pub watch: String,
    /// The labels of the group.
    pub labels: Vec<Label>,
    /// How bad it is.
    pub severity: Severity,
    /// When the trouble began.
    pub since: i64,
    /// The value of the latest anomalous sample. For alerts: the value when the detectors were asked for a second opinion.
    /// NaN where there is none, and for absence.
    pub value: f64,
    /// What was expected, instead or as well. NaN where nobody could tell, and for absence.
    pub expected: f64,
    /// Lower edge of the expected band: the value of an alert is within it where that is usual for its time. May be minus
    /// infinity. NaN where `expected` is.
    pub lower: f64,
    /// Upper edge of the expected band. May be plus infinity. NaN where `expected` is.
    pub upper: f64,
    /// The recent samples (time, value) of the series that is worst off, oldest first. Empty for alerts without a
    /// second opinion.
    pub window: Vec<(i64, f64)>,
    /// The alerts concerned. Empty for anomalies.
    pub alerts: Vec<Alert>,
    /// Earlier attempts on the same target, oldest first.
    pub attempts: Vec<Attempt>,
}

/// One action to run, chosen among those offered.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// One line for people: what will happen.
    pub summary: String,
    /// Why this should help.
    pub rationale: String,
    /// The name of an action that was offered.
    pub action: String,
    /// The arguments. Not yet held against the action's bounds.
    pub arguments: Map<String, Value>,
}

/// A policy's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Do nothing; the text is the reason, for people.
    Leave(String),
    /// Run this.
    Propose(Plan),
}

fn labels(labels: &[Label]) -> Vec<wit_types::Label> {
    labels.iter().map(|label| wit_types::Label { name: label.name.clone(), value: label.value.clone() }).collect()
}

/// JSON of a map of strings to values cannot fail to be written.
fn json(arguments: &Map<String, Value>) -> String {
    Value::Object(arguments.clone()).to_string()
}

impl From<&ActionOffer> for wit::ActionInfo {
    fn from(offer: &ActionOffer) -> Self {
        Self {
            name: offer.name.clone(),
            summary: offer.summary.clone(),
            arguments_schema: offer.arguments_schema.to_string(),
        }
    }
}

impl From<&Incident> for wit::Incident {
    fn from(incident: &Incident) -> Self {
        let (timestamps, values) = incident.window.iter().copied().unzip();
        Self {
            id: incident.id.clone(),
            source: match incident.source {
                Source::Anomaly => wit::Source::Anomaly,
                Source::Absence => wit::Source::Absence,
                Source::Alert => wit::Source::Alert,
            },
            watch: incident.watch.clone(),
            labels: labels(&incident.labels),
            severity: match incident.severity {
                Severity::Low => wit::Severity::Low,
                Severity::Medium => wit::Severity::Medium,
                Severity::High => wit::Severity::High,
                Severity::Critical => wit::Severity::Critical,
            },
            since: incident.since,
            value: incident.value,
            expected: incident.expected,
            lower: incident.lower,
            upper: incident.upper,
            window: wit_types::Samples { timestamps, values },
            alerts: incident.alerts.iter().map(Into::into).collect(),
            attempts: incident.attempts.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Alert> for wit::Alert {
    fn from(alert: &Alert) -> Self {
        Self {
            labels: labels(&alert.labels),
            annotations: labels(&alert.annotations),
            starts_at: alert.starts_at,
            fingerprint: alert.fingerprint.clone(),
            firing: alert.firing,
        }
    }
}

impl From<&Attempt> for wit::Attempt {
    fn from(attempt: &Attempt) -> Self {
        Self {
            proposed_at: attempt.proposed_at,
            this_incident: attempt.this_incident,
            action: attempt.action.clone(),
            arguments: json(&attempt.arguments),
            outcome: match attempt.outcome {
                Outcome::Fixed => wit::Outcome::Fixed,
                Outcome::Ineffective => wit::Outcome::Ineffective,
                Outcome::Inconclusive => wit::Outcome::Inconclusive,
                Outcome::Failed => wit::Outcome::Failed,
                Outcome::Unknown => wit::Outcome::Unknown,
                Outcome::Denied => wit::Outcome::Denied,
                Outcome::Expired => wit::Outcome::Expired,
                Outcome::Refused => wit::Outcome::Refused,
            },
            reason: attempt.reason.clone(),
        }
    }
}
