//! The shipped policy as a component, on its own cases.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};
use tidegate_guest as guest;
use tidegate_guest::Policy as _;
use tidegate_guest::testing::policy_cases::{self, PolicySubject};
use tidegate_sandbox as host;

use crate::found::{load, shared, texts_of};

/// A component as the policy's own tests see it.
struct Component(host::Policy);

/// Shipped policies never ask.
struct Nobody;

impl host::MetricsSource for Nobody {
    fn query(&self, expr: &str, _within: Duration) -> Result<Vec<host::InstantSample>, String> {
        panic!("asked for {expr}")
    }
}

impl PolicySubject for Component {
    fn propose(&mut self, incident: &guest::Incident) -> Result<guest::Decision, guest::Error> {
        match self.0.propose(&hosts(incident), &Nobody) {
            Ok(host::Decision::Leave(reason)) => Ok(guest::Decision::Leave(reason)),
            Ok(host::Decision::Propose(plan)) => Ok(guest::Decision::Propose(guest::Plan {
                summary: plan.summary,
                rationale: plan.rationale,
                action: plan.action,
                arguments: Value::Object(plan.arguments).to_string(),
            })),
            Err(error) => Err(guest::Error::Internal(error.to_string())),
        }
    }
}

fn hosts(incident: &guest::Incident) -> host::Incident {
    host::Incident {
        id: incident.id.clone(),
        source: match incident.source {
            guest::Source::Anomaly => host::Source::Anomaly,
            guest::Source::Absence => host::Source::Absence,
            guest::Source::Alert => host::Source::Alert,
        },
        watch: incident.watch.clone(),
        labels: labels(&incident.labels),
        severity: match incident.severity {
            guest::Severity::Low => host::Severity::Low,
            guest::Severity::Medium => host::Severity::Medium,
            guest::Severity::High => host::Severity::High,
            guest::Severity::Critical => host::Severity::Critical,
        },
        since: incident.since,
        value: incident.value,
        expected: incident.expected,
        lower: incident.lower,
        upper: incident.upper,
        window: incident.window.timestamps.iter().copied().zip(incident.window.values.iter().copied()).collect(),
        alerts: incident.alerts.iter().map(alert).collect(),
        attempts: incident.attempts.iter().map(attempt).collect(),
    }
}

fn labels(labels: &[guest::Label]) -> Vec<host::Label> {
    labels.iter().map(|label| host::Label { name: label.name.clone(), value: label.value.clone() }).collect()
}

fn alert(alert: &guest::Alert) -> host::Alert {
    host::Alert {
        labels: labels(&alert.labels),
        annotations: labels(&alert.annotations),
        starts_at: alert.starts_at,
        fingerprint: alert.fingerprint.clone(),
        firing: alert.firing,
    }
}

fn attempt(attempt: &guest::Attempt) -> host::Attempt {
    host::Attempt {
        proposed_at: attempt.proposed_at,
        this_incident: attempt.this_incident,
        action: attempt.action.clone(),
        arguments: object(&attempt.arguments),
        outcome: match attempt.outcome {
            guest::Outcome::Fixed => host::Outcome::Fixed,
            guest::Outcome::Ineffective => host::Outcome::Ineffective,
            guest::Outcome::Inconclusive => host::Outcome::Inconclusive,
            guest::Outcome::Failed => host::Outcome::Failed,
            guest::Outcome::Unknown => host::Outcome::Unknown,
            guest::Outcome::Denied => host::Outcome::Denied,
            guest::Outcome::Expired => host::Outcome::Expired,
            guest::Outcome::Refused => host::Outcome::Refused,
        },
        reason: attempt.reason.clone(),
    }
}

fn object(arguments: &str) -> Map<String, Value> {
    serde_json::from_str(arguments).expect("arguments of a case")
}

fn open(guest: &host::Guest, settings: &str, actions: Vec<guest::ActionInfo>) -> Result<Component, guest::Error> {
    let settings = serde_json::from_str(settings).expect("settings of a case");
    let offers: Vec<_> = actions
        .into_iter()
        .map(|action| host::ActionOffer {
            name: action.name,
            summary: action.summary,
            arguments_schema: serde_json::from_str(&action.arguments_schema).expect("a schema"),
        })
        .collect();
    match guest.open_policy(&settings, &offers) {
        Ok(policy) => Ok(Component(policy)),
        Err(host::OpenError::Call {
            error: host::CallError::Guest(host::GuestError::InvalidSettings(text)), ..
        }) => Err(guest::Error::InvalidSettings(text)),
        Err(other) => Err(guest::Error::InvalidSettings(other.to_string())),
    }
}

/// As with detectors: a refusal only has to be one, since here the schema comes before the guest's own words.
#[test]
fn cases() {
    let guest = load(&shared(), runbook::Runbook::NAME);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-remediations/runbook/cases");
    let cases = policy_cases::read(&folder).expect("cases");
    let texts = texts_of(&folder);
    assert_eq!(cases.len(), texts.len());
    for (case, json) in cases.iter().zip(&texts) {
        if json["expect"]["refused"].is_string() {
            let settings = json["settings"].to_string();
            let refused = case.check(|_, actions| open(&guest, &settings, actions));
            let why = refused.err().unwrap_or_default();
            assert!(why.is_empty() || why.contains("InvalidSettings"), "{why}");
        } else {
            case.check(|settings, actions| open(&guest, settings, actions)).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }
}
