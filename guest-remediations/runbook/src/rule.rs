//! One rule: when it applies, and what it proposes then.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tidegate_guest::{ActionInfo, Attempt, Incident, Plan, Severity, Source};

use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::template;

/// A rule as it is written in the settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSettings {
    /// Label matchers that must all hold, for example `service="checkout"` or `pod=~"web-.*"`, against the labels of the
    /// incident and those that all its alerts share. Left out: every incident that this policy is asked about.
    #[serde(rename = "match")]
    matchers: Option<Vec<String>>,
    /// The least severity at which the rule applies. Left out: any.
    min_severity: Option<Level>,
    /// Only where the values of its alerts are `unusual` for their time, only where they are `usual`, or wherever they are
    /// not known to be usual (`not_usual`). Known from the second opinion that the host asks its detectors for; what they
    /// found themselves is unusual. Left out: whatever they say.
    when: Option<When>,
    /// The action to propose; one of those that the watch or route offers.
    action: String,
    /// Its arguments. `{{name}}` in a text stands for the value of that label.
    #[serde(default)]
    arguments: Map<String, Value>,
    /// One line for people: what will happen. May hold `{{name}}` as well.
    summary: Option<String>,
    /// Why this should help, for the person who decides. May hold `{{name}}` as well.
    rationale: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    Medium,
    High,
    Critical,
}

/// What the values of an incident must be for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum When {
    Unusual,
    Usual,
    NotUsual,
}

impl When {
    fn holds(self, seen: Seen) -> bool {
        match self {
            When::Unusual => seen == Seen::Unusual,
            When::Usual => seen == Seen::Usual,
            When::NotUsual => seen != Seen::Usual,
        }
    }

    fn words(self) -> &'static str {
        match self {
            When::Unusual => "values that are unusual for their time",
            When::Usual => "values that are usual for their time",
            When::NotUsual => "values that are not known to be usual for their time",
        }
    }
}

/// What the values of an incident are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Unusual,
    Usual,
    /// Nobody was asked, or nobody could tell.
    Unknown,
}

impl Seen {
    fn of(incident: &Incident) -> Seen {
        let Incident { value, expected, lower, upper, .. } = *incident;
        match incident.source {
            Source::Anomaly | Source::Absence => Seen::Unusual,
            Source::Alert if value.is_nan() || expected.is_nan() => Seen::Unknown,
            Source::Alert if (lower..=upper).contains(&value) => Seen::Usual,
            Source::Alert => Seen::Unusual,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Seen::Unusual => "are unusual",
            Seen::Usual => "are usual",
            Seen::Unknown => "are neither known to be usual nor to be unusual",
        }
    }
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

/// A rule that can work.
#[derive(Debug)]
pub(crate) struct Rule {
    matchers: Vec<Matcher>,
    min_severity: Severity,
    when: Option<When>,
    action: String,
    arguments: Map<String, Value>,
    summary: Option<String>,
    rationale: Option<String>,
}

/// What a rule proposes for one incident.
pub(crate) struct Proposal {
    action: String,
    arguments: Value,
    summary: Option<String>,
    rationale: Option<String>,
}

impl Rule {
    /// Checks a rule against the actions on offer.
    ///
    /// # Errors
    /// The key, what is wrong with it and what would do.
    pub(crate) fn new(settings: RuleSettings, actions: &[ActionInfo]) -> Result<Self, String> {
        let RuleSettings { matchers, min_severity, when, action, arguments, summary, rationale } = settings;
        if !actions.iter().any(|offered| offered.name == action) {
            let offered: Vec<&str> = actions.iter().map(|offered| offered.name.as_str()).collect();
            return Err(format!(
                "action: `{action}` is not on offer here; offered are: {}",
                if offered.is_empty() { "none".to_owned() } else { offered.join(", ") }
            ));
        }
        if matchers.as_ref().is_some_and(Vec::is_empty) {
            return Err("match: is empty; leave it out to mean every incident, or write a label matcher".to_owned());
        }
        let matchers = matchers
            .unwrap_or_default()
            .iter()
            .enumerate()
            .map(|(index, text)| Matcher::parse(text).map_err(|why| format!("match[{index}]: {why}")))
            .collect::<Result<_, _>>()?;
        for (key, text) in [("summary", &summary), ("rationale", &rationale)] {
            if let Some(text) = text {
                template::check(text).map_err(|why| format!("{key}: {why}"))?;
            }
        }
        for (key, value) in &arguments {
            fill(value, &|text| template::check(text).map(|()| String::new()))
                .map_err(|why| format!("arguments.{key}: {why}"))?;
        }
        let min_severity = min_severity.map_or(Severity::Low, Severity::from);
        Ok(Rule { matchers, min_severity, when, action, arguments, summary, rationale })
    }

    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    /// Whether the labels are those it is meant for, at whatever severity.
    pub(crate) fn is_for(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    /// Whether it applies; `Err` says why not, in words that follow its name.
    pub(crate) fn applies(&self, labels: &Labels, incident: &Incident) -> Result<(), String> {
        let severity = incident.severity;
        if let Some(failed) = self.matchers.iter().find(|matcher| !matcher.matches(labels)) {
            let found = match labels.get(failed.name()) {
                Some(value) => format!("has {}={value:?}", failed.name()),
                None => format!("has no label `{}`", failed.name()),
            };
            return Err(format!("is meant for {failed}, and the incident {found}"));
        }
        if (severity as u8) < (self.min_severity as u8) {
            return Err(format!(
                "is meant for severity {} and above, and the incident is {}",
                word(self.min_severity),
                word(severity)
            ));
        }
        let seen = Seen::of(incident);
        if let Some(when) = self.when.filter(|when| !when.holds(seen)) {
            return Err(format!("is meant for {}, and these {}", when.words(), seen.words()));
        }
        Ok(())
    }

    /// Whom it is meant for, in words.
    pub(crate) fn meant_for(&self) -> String {
        let matchers: Vec<String> = self.matchers.iter().map(ToString::to_string).collect();
        let labels = if matchers.is_empty() { "every incident".to_owned() } else { matchers.join(", ") };
        let severity = match self.min_severity {
            Severity::Low => String::new(),
            severity => format!(", severity {} and above", word(severity)),
        };
        let when = self.when.map(|when| format!(", {}", when.words())).unwrap_or_default();
        format!("{labels}{severity}{when}")
    }

    /// What it proposes; `Err` says what the incident lacks for that, in words that follow the rule's name.
    pub(crate) fn propose(&self, labels: &Labels) -> Result<Proposal, String> {
        let fill_text = |text: &Option<String>| text.as_ref().map(|text| template::fill(text, labels)).transpose();
        Ok(Proposal {
            action: self.action.clone(),
            arguments: self.arguments(labels)?,
            summary: fill_text(&self.summary)?,
            rationale: fill_text(&self.rationale)?,
        })
    }

    /// Whether an attempt is what this rule would propose.
    pub(crate) fn proposed(&self, attempt: &Attempt, labels: &Labels) -> bool {
        attempt.action == self.action
            && serde_json::from_str::<Value>(&attempt.arguments).ok() == self.arguments(labels).ok()
    }

    fn arguments(&self, labels: &Labels) -> Result<Value, String> {
        fill(&Value::Object(self.arguments.clone()), &|text| template::fill(text, labels))
    }
}

impl Proposal {
    pub(crate) fn into_plan(self, labels: &Labels, why: String) -> Plan {
        Plan {
            summary: self.summary.unwrap_or_else(|| format!("Run {} for {}", self.action, labels.describe())),
            rationale: self.rationale.map_or_else(|| why.clone(), |rationale| format!("{rationale} {why}")),
            action: self.action,
            arguments: self.arguments.to_string(),
        }
    }
}

/// A JSON value with every text in it filled in.
fn fill(value: &Value, text: &dyn Fn(&str) -> Result<String, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(string) => Value::String(text(string)?),
        Value::Array(list) => Value::Array(list.iter().map(|value| fill(value, text)).collect::<Result<_, _>>()?),
        Value::Object(map) => Value::Object(
            map.iter().map(|(key, value)| Ok((key.clone(), fill(value, text)?))).collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}
