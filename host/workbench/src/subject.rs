//! A built guest as the guests' own tests see one: the SDK's traits over the sandbox's calls.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};
use tidegate_guest as guest;
use tidegate_guest::testing::answers::Answers;
use tidegate_guest::testing::policy_cases::PolicySubject;
use tidegate_guest::testing::{Fault, Subject};
use tidegate_sandbox as host;

/// Opens one guest, any number of times, and counts the calls that ended for taking too long.
#[derive(Clone, Debug)]
pub struct Opener {
    guest: host::Guest,
    timed_out: Rc<Cell<u32>>,
}

/// A detector behind the boundary.
#[derive(Debug)]
pub struct Detector {
    detector: host::Detector,
    timed_out: Rc<Cell<u32>>,
}

/// A policy behind the boundary.
#[derive(Debug)]
pub struct Policy {
    policy: host::Policy,
    timed_out: Rc<Cell<u32>>,
}

impl Opener {
    /// For a loaded guest.
    #[must_use]
    pub fn new(guest: host::Guest) -> Self {
        Opener { guest, timed_out: Rc::default() }
    }

    /// How many calls took too long so far.
    #[must_use]
    pub fn timed_out(&self) -> u32 {
        self.timed_out.get()
    }

    /// Opens a detector, as a host would.
    ///
    /// # Errors
    /// A refusal of the settings, by the schema or by the guest; or why there is no answer.
    pub fn detector(&self, settings: &Value, step_ms: u64) -> Result<Detector, Fault> {
        let step = Duration::from_millis(step_ms);
        match self.guest.open_detector(settings, step) {
            Ok(detector) => Ok(Detector { detector, timed_out: Rc::clone(&self.timed_out) }),
            Err(error) => Err(self.refusal(error, || self.guest.open_detector_past_schema(settings, step).err())),
        }
    }

    /// Opens a policy, as a host would.
    ///
    /// # Errors
    /// As [`Opener::detector`].
    pub fn policy(&self, settings: &Value, actions: &[guest::ActionInfo]) -> Result<Policy, Fault> {
        let offers: Vec<host::ActionOffer> = actions
            .iter()
            .map(|action| host::ActionOffer {
                name: action.name.clone(),
                summary: action.summary.clone(),
                arguments_schema: json(&action.arguments_schema),
            })
            .collect();
        match self.guest.open_policy(settings, &offers) {
            Ok(policy) => Ok(Policy { policy, timed_out: Rc::clone(&self.timed_out) }),
            Err(error) => Err(self.refusal(error, || self.guest.open_policy_past_schema(settings, &offers).err())),
        }
    }

    /// A host holds settings against the schema before it asks the guest; natively there is only the guest. A case runs in
    /// both, so it is given the words of both.
    fn refusal(&self, error: host::OpenError, past_schema: impl FnOnce() -> Option<host::OpenError>) -> Fault {
        match error {
            host::OpenError::Call { error, .. } => fault(error, &self.timed_out),
            schema @ host::OpenError::Settings { .. } => {
                let own = match past_schema() {
                    Some(host::OpenError::Call {
                        error: host::CallError::Guest(host::GuestError::InvalidSettings(own)),
                        ..
                    }) => format!("{own}\n"),
                    _ => String::new(),
                };
                Fault::Guest(guest::Error::InvalidSettings(format!("{own}{schema}")))
            }
            host::OpenError::WrongKind { .. } => Fault::Broken(error.to_string()),
        }
    }
}

fn fault(error: host::CallError, timed_out: &Cell<u32>) -> Fault {
    match error {
        host::CallError::Guest(error) => Fault::Guest(match error {
            host::GuestError::InvalidSettings(text) => guest::Error::InvalidSettings(text),
            host::GuestError::UnreadableState(text) => guest::Error::UnreadableState(text),
            host::GuestError::InsufficientData(text) => guest::Error::InsufficientData(text),
            host::GuestError::Internal(text) => guest::Error::Internal(text),
        }),
        host::CallError::BadAnswer { what } => Fault::BadAnswer(what),
        host::CallError::TimedOut { .. } => {
            timed_out.set(timed_out.get() + 1);
            Fault::TimedOut(error.to_string())
        }
        other => Fault::Broken(other.to_string()),
    }
}

/// What a case file held is JSON; only an author's own code could hand over anything else.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

impl Subject for Detector {
    fn needs(&mut self) -> guest::Needs {
        let host::Needs { history, min_samples } = self.detector.needs();
        guest::Needs { history_ms: u64::try_from(history.as_millis()).unwrap_or(u64::MAX), min_samples }
    }

    fn score(&mut self, state: &[u8], fresh: &guest::Samples) -> Result<guest::Scored, Fault> {
        let scored = self
            .detector
            .score(state, &fresh.timestamps, &fresh.values)
            .map_err(|error| fault(error, &self.timed_out))?;
        let host::Verdicts { scores, expected, lower, upper } = scored.verdicts;
        Ok(guest::Scored {
            state: scored.state,
            verdicts: guest::Verdicts { scores, expected, lower, upper },
            note: scored.note,
        })
    }
}

impl PolicySubject for Policy {
    fn propose(&mut self, incident: &guest::Incident, answers: &Answers) -> Result<guest::Decision, Fault> {
        match self.policy.propose(&hosts(incident), &Source(answers)) {
            Ok(host::Decision::Leave(reason)) => Ok(guest::Decision::Leave(reason)),
            Ok(host::Decision::Propose(plan)) => Ok(guest::Decision::Propose(guest::Plan {
                summary: plan.summary,
                rationale: plan.rationale,
                action: plan.action,
                arguments: Value::Object(plan.arguments).to_string(),
            })),
            Err(error) => Err(fault(error, &self.timed_out)),
        }
    }
}

/// A case's answers as the sandbox asks for them.
struct Source<'a>(&'a Answers);

impl host::MetricsSource for Source<'_> {
    fn query(&self, expr: &str, _within: Duration) -> Result<Vec<host::InstantSample>, String> {
        let vector = self.0.answer(expr)?;
        let samples = vector.into_iter().map(|sample| host::InstantSample {
            labels: labels(&sample.labels),
            timestamp: sample.timestamp,
            value: sample.value,
        });
        Ok(samples.collect())
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
        arguments: match json(&attempt.arguments) {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        },
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
