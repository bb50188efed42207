//! Proposes one action for the incidents that it is meant for, and stops when it does not help.
//!
//! A policy reads and answers; it never acts, and a person may say no. Replace the settings and
//! the decision by your own; how they become a component is the SDK's business.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_guest::{ActionInfo, Decision, Error, Incident, Outcome, Plan, Policy, Severity};

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
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize, Serialize, JsonSchema)]
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
    const SUMMARY: &'static str = "One action for incidents with certain labels, a few times.";
    type Settings = Settings;

    fn open(settings: Settings, actions: Vec<ActionInfo>) -> Result<Self, Error> {
        let offered: Vec<&str> = actions.iter().map(|action| action.name.as_str()).collect();
        if !offered.contains(&settings.action.as_str()) {
            let (action, offered) = (&settings.action, offered.join(", "));
            return invalid(format!(
                "action: `{action}` is not on offer; there are: {offered}"
            ));
        }
        if settings.labels.is_empty() {
            return invalid("labels: is empty; name at least one label and its value".to_owned());
        }
        if settings.most_attempts == 0 {
            return invalid("most_attempts: is 0; it must be at least 1".to_owned());
        }
        Ok(Repeat { settings })
    }

    fn propose(&self, incident: &Incident) -> Result<Decision, Error> {
        let action = &self.settings.action;

        // The reason for doing nothing is read by people; say what was missing.
        for (name, wanted) in &self.settings.labels {
            match incident.labels.iter().find(|label| label.name == *name) {
                Some(label) if label.value == *wanted => {}
                Some(label) => return leave(format!("{name} is {}, not {wanted}", label.value)),
                None => return leave(format!("the incident has no label {name}")),
            }
        }
        let (severity, least) = (Level::from(incident.severity), self.settings.min_severity);
        if severity < least {
            return leave(format!("severity is {severity:?}, below {least:?}").to_lowercase());
        }

        // What became of earlier proposals. A denied one is not made again: a person decided.
        let mut in_vain = 0;
        for attempt in &incident.attempts {
            if !attempt.this_incident || attempt.action != *action {
                continue;
            }
            match attempt.outcome {
                Outcome::Denied => return leave(format!("was denied: {}", attempt.reason)),
                Outcome::Ineffective | Outcome::Failed => in_vain += 1,
                _ => {}
            }
        }
        let most = self.settings.most_attempts;
        if in_vain >= most {
            return leave(format!("{action} did not help, tried {in_vain} times"));
        }

        Ok(Decision::Propose(Plan {
            summary: format!("Run {action}"),
            rationale: format!(
                "Meant for incidents like this. Attempt {} of {most}.",
                in_vain + 1
            ),
            action: action.clone(),
            // What the action needs to know besides its target, which the host fills in.
            arguments: "{}".to_owned(),
        }))
    }
}

fn invalid<T>(why: String) -> Result<T, Error> {
    Err(Error::InvalidSettings(why))
}

fn leave(reason: String) -> Result<Decision, Error> {
    Ok(Decision::Leave(reason))
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Low => Level::Low,
            Severity::Medium => Level::Medium,
            Severity::High => Level::High,
            Severity::Critical => Level::Critical,
        }
    }
}

tidegate_guest::export_policy!(Repeat);
