//! Asking a policy: what it is told of an incident, and what its answer means to the domain.

use std::collections::BTreeMap;

use tidegate_domain::book::{Book, Incident};
use tidegate_domain::decide::{attempts, outcome_of};
use tidegate_domain::event::{Asked, Evidence, Origin};
use tidegate_domain::input::{Plan, PolicyAnswer};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Severity;
use tidegate_sandbox as sandbox;
use tidegate_sandbox::{MetricsSource, Policy};

use crate::questions;

/// How many earlier attempts a policy is told of: those of the contract.
const MOST_ATTEMPTS: usize = 20;

/// The opened policies of all watches and alert routes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    /// By the name of the watch.
    pub(crate) watches: BTreeMap<String, Policy>,
    /// By the name of the alert route.
    pub(crate) routes: BTreeMap<String, Policy>,
}

impl Policies {
    /// The policy that answers for incidents of this origin.
    pub(crate) fn of(&self, origin: &Origin) -> Option<&Policy> {
        match origin {
            Origin::Anomaly { watch, .. } | Origin::Absence { watch, .. } => self.watches.get(watch),
            Origin::Alert { route, .. } => self.routes.get(route),
        }
    }
}

/// Asks. Blocks for as long as the guest thinks. Returns what it asked meanwhile, and its answer.
pub(crate) fn ask(policy: &Policy, incident: &sandbox::Incident, metrics: &dyn MetricsSource) -> (Asked, PolicyAnswer) {
    let consultation = policy.consult(incident, metrics);
    let answer = match consultation.decision {
        Ok(sandbox::Decision::Leave(reason)) => PolicyAnswer::Leave(reason),
        Ok(sandbox::Decision::Propose(plan)) => PolicyAnswer::Propose(Plan {
            summary: plan.summary,
            rationale: plan.rationale,
            action: plan.action,
            arguments: serde_json::Value::Object(plan.arguments).to_string(),
        }),
        Err(error) => PolicyAnswer::Failed(error.to_string()),
    };
    (questions::evidence(consultation.questions), answer)
}

/// Everything that a person would want to see, for the policy.
pub(crate) fn describe(book: &Book, incident: &Incident) -> sandbox::Incident {
    // Of alerts the detectors have seen what they were asked about, if anybody could be asked.
    let told = || incident.second_opinion().and_then(|opinion| opinion.evidence.as_deref());
    let worst = incident.worst().or_else(told);
    let of = |number: fn(&Evidence) -> f64| worst.map_or(f64::NAN, number);
    sandbox::Incident {
        id: incident.id.0.clone(),
        source: match incident.origin {
            Origin::Anomaly { .. } => sandbox::Source::Anomaly,
            Origin::Absence { .. } => sandbox::Source::Absence,
            Origin::Alert { .. } => sandbox::Source::Alert,
        },
        watch: incident.origin.name().to_owned(),
        labels: labels(&incident.labels),
        severity: match incident.severity {
            Severity::Low => sandbox::Severity::Low,
            Severity::Medium => sandbox::Severity::Medium,
            Severity::High => sandbox::Severity::High,
            Severity::Critical => sandbox::Severity::Critical,
        },
        since: incident.since.0,
        value: of(|evidence| evidence.value.0),
        expected: of(|evidence| evidence.expected.0),
        lower: of(|evidence| evidence.lower.0),
        upper: of(|evidence| evidence.upper.0),
        window: worst.map(|e| e.window.iter().map(|(at, value)| (at.0, value.0)).collect()).unwrap_or_default(),
        alerts: incident.alerts.values().map(alert).collect(),
        attempts: told_attempts(book, incident),
    }
}

fn told_attempts(book: &Book, incident: &Incident) -> Vec<sandbox::Attempt> {
    let mut latest: Vec<sandbox::Attempt> = attempts(book, incident)
        .rev()
        .filter_map(|request| {
            let (name, reason) = outcome_of(request);
            Some(sandbox::Attempt {
                proposed_at: request.opened_at.0,
                this_incident: request.incident == incident.id,
                action: request.proposal.action.name.clone(),
                arguments: request.proposal.action.arguments.clone(),
                outcome: outcome(name)?,
                reason,
            })
        })
        .take(MOST_ATTEMPTS)
        .collect();
    latest.reverse();
    latest
}

fn outcome(name: &str) -> Option<sandbox::Outcome> {
    Some(match name {
        "fixed" => sandbox::Outcome::Fixed,
        "ineffective" => sandbox::Outcome::Ineffective,
        "inconclusive" => sandbox::Outcome::Inconclusive,
        "failed" => sandbox::Outcome::Failed,
        "unknown" => sandbox::Outcome::Unknown,
        "denied" => sandbox::Outcome::Denied,
        "expired" => sandbox::Outcome::Expired,
        "refused" => sandbox::Outcome::Refused,
        _ => return None,
    })
}

fn alert(alert: &tidegate_domain::event::Alert) -> sandbox::Alert {
    sandbox::Alert {
        labels: labels(&alert.labels),
        annotations: labels(&alert.annotations),
        starts_at: alert.starts_at.0,
        fingerprint: alert.fingerprint.clone(),
        firing: alert.firing,
    }
}

fn labels(labels: &Labels) -> Vec<sandbox::Label> {
    labels.iter().map(|(name, value)| sandbox::Label { name: name.to_owned(), value: value.to_owned() }).collect()
}
