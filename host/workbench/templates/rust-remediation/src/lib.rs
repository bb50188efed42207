//! Proposes one action for the incidents that it is meant for, and stops when it does not help.
//!
//! A policy reads and answers; it never acts, and a person may say no. Replace the settings and the decision by your
//! own; how they become a component is the SDK's business.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use tidegate_guest::{ActionInfo, Attempt, Decision, Error, Incident, Outcome, Plan, Policy, Severity};

/// What a user can set. These comments are what `tidegate guest inspect` shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The action to propose: one of those that the watch or route offers.
    action: String,
    /// Labels that an incident must have, with these values; at least one.
    labels: BTreeMap<String, String>,
    /// Less severe incidents are left alone.
    #[serde(default = "high")]
    min_severity: Level,
    /// So many attempts that did not help are enough.
    #[serde(default = "two")]
    #[schemars(range(min = 1))]
    most_attempts: usize,
}

/// A severity as it is written in settings.
#[derive(Clone, Copy, Debug, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    Medium,
    High,
    Critical,
}

fn high() -> Level {
    Level::High
}

fn two() -> usize {
    2
}

/// The configured policy.
#[derive(Debug)]
pub struct Repeat {
    settings: Settings,
}

impl Policy for Repeat {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "One action for incidents with certain labels, a few times at most.";
    type Settings = Settings;

    fn open(settings: Settings, actions: Vec<ActionInfo>) -> Result<Self, Error> {
        if !actions.iter().any(|offered| offered.name == settings.action) {
            let offered: Vec<&str> = actions.iter().map(|offered| offered.name.as_str()).collect();
            return Err(Error::InvalidSettings(format!(
                "action: `{}` is not on offer; there are: {}",
                settings.action,
                offered.join(", ")
            )));
        }
        if settings.labels.is_empty() {
            return Err(Error::InvalidSettings("labels: is empty; name at least one label and its value".to_owned()));
        }
        Ok(Repeat { settings })
    }

    fn propose(&self, incident: &Incident) -> Result<Decision, Error> {
        let Settings { action, labels, min_severity, most_attempts } = &self.settings;

        // The reason for doing nothing is read by people; say what was missing.
        for (name, wanted) in labels {
            match incident.labels.iter().find(|label| label.name == *name) {
                Some(label) if label.value == *wanted => {}
                Some(label) => return leave(format!("{name} is {}, not {wanted}", label.value)),
                None => return leave(format!("the incident has no label {name}")),
            }
        }
        if incident.severity < Severity::from(*min_severity) {
            return leave(format!("severity is {:?}, below {min_severity:?}", incident.severity).to_lowercase());
        }

        // What became of earlier proposals. A denied one is not made again: a person decided.
        let tried = |attempt: &&Attempt| attempt.this_incident && attempt.action == *action;
        if let Some(no) = incident.attempts.iter().filter(tried).find(|attempt| attempt.outcome == Outcome::Denied) {
            return leave(format!("{action} was denied: {}", no.reason));
        }
        let in_vain = |attempt: &&Attempt| matches!(attempt.outcome, Outcome::Ineffective | Outcome::Failed);
        let in_vain = incident.attempts.iter().filter(tried).filter(in_vain).count();
        if in_vain >= *most_attempts {
            return leave(format!("{action} was tried {in_vain} times and did not help"));
        }

        Ok(Decision::Propose(Plan {
            summary: format!("Run {action}"),
            rationale: format!("Attempt {} of {most_attempts} for an incident of this kind.", in_vain + 1),
            action: action.clone(),
            // What the action needs to know besides its target, which the host fills in; within the action's schema.
            arguments: "{}".to_owned(),
        }))
    }
}

fn leave(reason: String) -> Result<Decision, Error> {
    Ok(Decision::Leave(reason))
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Low => Severity::Low,
            Level::Medium => Severity::Medium,
            Level::High => Severity::High,
            Level::Critical => Severity::Critical,
        }
    }
}

tidegate_guest::export_policy!(Repeat);
