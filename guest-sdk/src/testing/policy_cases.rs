//! Test cases of policies as JSON files: settings, the actions on offer, an incident, and what must be answered.
//!
//! ```json
//! {
//!   "what": "One sentence: what this case shows.",
//!   "settings": { "rules": [{ "action": "restart" }] },
//!   "actions": ["restart"],
//!   "incident": {
//!     "source": "anomaly", "severity": "high", "labels": { "service": "checkout" },
//!     "alerts": [{ "alertname": "Slow" }],
//!     "attempts": [{ "action": "restart", "arguments": {}, "outcome": "denied", "reason": "not now", "this_incident": true }]
//!   },
//!   "expect": { "propose": { "action": "restart", "arguments": {}, "summary": "a part", "rationale": "a part" } }
//! }
//! ```
//!
//! Parts of an incident that are left out are empty; the severity is `medium`. Under `expect` stands `propose`, or
//! `"leave": "a part of the reason"`, or `"refused": "a part of the message"` for settings that must fail to open.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::cases;
use crate::{ActionInfo, Alert, Attempt, Decision, Error, Incident, Label, Outcome, Samples, Severity, Source};

/// A configured policy, native or behind a host.
pub trait PolicySubject {
    /// One question, as in the contract.
    ///
    /// # Errors
    /// As in the contract; a trap or a limit that bit is [`Error::Internal`].
    fn propose(&mut self, incident: &Incident) -> Result<Decision, Error>;
}

impl<P: crate::Policy> PolicySubject for super::Configured<P> {
    fn propose(&mut self, incident: &Incident) -> Result<Decision, Error> {
        super::Configured::propose(self, incident)
    }
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyCase {
    what: String,
    settings: Value,
    actions: Vec<String>,
    #[serde(default)]
    incident: IncidentCase,
    expect: Expect,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct IncidentCase {
    source: Option<String>,
    severity: Option<String>,
    labels: BTreeMap<String, String>,
    alerts: Vec<BTreeMap<String, String>>,
    attempts: Vec<AttemptCase>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptCase {
    action: String,
    #[serde(default)]
    arguments: Value,
    outcome: String,
    #[serde(default)]
    reason: String,
    this_incident: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Expect {
    Refused(String),
    Leave(String),
    Propose(PlanPart),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanPart {
    action: String,
    #[serde(default)]
    arguments: Option<Value>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    rationale: String,
}

/// Reads all cases of a folder, in the order of their file names.
///
/// # Errors
/// The file or folder that could not be read, and why; a folder without any case is an error.
pub fn read(folder: &Path) -> Result<Vec<PolicyCase>, String> {
    cases::read_all(folder)
}

impl PolicyCase {
    /// Opens a policy with the settings of this case, asks it, and compares.
    ///
    /// # Errors
    /// What this case shows, and what the policy answered instead.
    pub fn check<S: PolicySubject>(
        &self,
        open: impl FnOnce(&str, Vec<ActionInfo>) -> Result<S, Error>,
    ) -> Result<(), String> {
        let actions = self
            .actions
            .iter()
            .map(|name| ActionInfo { name: name.clone(), summary: String::new(), arguments_schema: "{}".to_owned() })
            .collect();
        let opened = open(&self.settings.to_string(), actions);
        let wrong = |got: String| Err(format!("case \"{}\": expected {:?}, got {got}", self.what, self.expect));
        let mut subject = match (opened, &self.expect) {
            (Err(Error::InvalidSettings(message)), Expect::Refused(part)) if message.contains(part) => return Ok(()),
            (Err(error), _) => return wrong(format!("{error:?}")),
            (Ok(_), Expect::Refused(_)) => return wrong("a policy that opens".to_owned()),
            (Ok(subject), _) => subject,
        };
        let incident = self.incident.build().map_err(|why| format!("case \"{}\": {why}", self.what))?;
        let answer = subject.propose(&incident);
        let as_expected = match (&answer, &self.expect) {
            (Ok(Decision::Leave(reason)), Expect::Leave(part)) => reason.contains(part),
            (Ok(Decision::Propose(plan)), Expect::Propose(wanted)) => {
                let arguments = serde_json::from_str::<Value>(&plan.arguments).ok();
                plan.action == wanted.action
                    && (wanted.arguments.is_none() || arguments == wanted.arguments)
                    && plan.summary.contains(&wanted.summary)
                    && plan.rationale.contains(&wanted.rationale)
            }
            _ => false,
        };
        if as_expected { Ok(()) } else { wrong(format!("{answer:?}")) }
    }
}

impl IncidentCase {
    fn build(&self) -> Result<Incident, String> {
        let mut built = incident(&[]);
        built.labels = labels(&self.labels);
        if let Some(source) = &self.source {
            built.source = match source.as_str() {
                "anomaly" => Source::Anomaly,
                "absence" => Source::Absence,
                "alert" => Source::Alert,
                other => return Err(format!("`{other}` is no source")),
            };
        }
        if let Some(severity) = &self.severity {
            built.severity = match severity.as_str() {
                "low" => Severity::Low,
                "medium" => Severity::Medium,
                "high" => Severity::High,
                "critical" => Severity::Critical,
                other => return Err(format!("`{other}` is no severity")),
            };
        }
        built.alerts = self
            .alerts
            .iter()
            .map(|alert| Alert {
                labels: labels(alert),
                annotations: vec![],
                starts_at: built.since,
                fingerprint: "0000000000000000".to_owned(),
                firing: true,
            })
            .collect();
        built.attempts = self.attempts.iter().map(AttemptCase::build).collect::<Result<_, _>>()?;
        Ok(built)
    }
}

impl AttemptCase {
    fn build(&self) -> Result<Attempt, String> {
        let outcome = match self.outcome.as_str() {
            "fixed" => Outcome::Fixed,
            "ineffective" => Outcome::Ineffective,
            "inconclusive" => Outcome::Inconclusive,
            "failed" => Outcome::Failed,
            "unknown" => Outcome::Unknown,
            "denied" => Outcome::Denied,
            "expired" => Outcome::Expired,
            "refused" => Outcome::Refused,
            other => return Err(format!("`{other}` is no outcome")),
        };
        let arguments = if self.arguments.is_null() { "{}".to_owned() } else { self.arguments.to_string() };
        Ok(Attempt {
            proposed_at: 0,
            this_incident: self.this_incident,
            action: self.action.clone(),
            arguments,
            outcome,
            reason: self.reason.clone(),
        })
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

fn labels(map: &BTreeMap<String, String>) -> Vec<Label> {
    map.iter().map(|(name, value)| Label { name: name.clone(), value: value.clone() }).collect()
}
