//! The host's answers as JSON. Unknown fields are ignored: the host may be newer than this program.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_domain::number::Number;
use tidegate_domain::terms::Quorum;

#[derive(Debug, Deserialize)]
pub(super) struct Incidents {
    pub(super) incidents: Vec<Incident>,
    /// True where older ones were left out.
    #[serde(default)]
    pub(super) more: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Incident {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) source: String,
    pub(super) watch: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) severity: String,
    pub(super) since: String,
    pub(super) opened_at: String,
    pub(super) value: Option<Number>,
    pub(super) expected: Option<Number>,
    pub(super) lower: Option<Number>,
    pub(super) upper: Option<Number>,
    #[serde(default)]
    pub(super) requests: Vec<Request>,
    pub(super) closed: Option<Closed>,
    #[serde(default)]
    pub(super) alerts: Vec<Alert>,
    /// What Alertmanager holds it back by.
    pub(super) held: Option<Held>,
    /// The silences that people made for it.
    #[serde(default)]
    pub(super) silences: Vec<Silencing>,
    /// The request that is being carried out or verified.
    pub(super) handling: Option<String>,
    pub(super) second_opinion: Option<SecondOpinion>,
    /// What was found wrong, in words.
    pub(super) finding: Option<String>,
    /// There where it counts by a static bound.
    pub(super) cold_start: Option<ByStaticBound>,
    /// What each detector said of it.
    #[serde(default)]
    pub(super) detectors: Vec<DetectorSaid>,
    #[serde(default)]
    pub(super) timeline: Vec<Moment>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Alert {
    #[serde(default)]
    pub(super) firing: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct ByStaticBound {}

#[derive(Debug, Deserialize)]
pub(super) struct DetectorSaid {
    pub(super) name: String,
    pub(super) score: Number,
    pub(super) note: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Watches {
    pub(super) watches: Vec<Watch>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Watch {
    pub(super) name: String,
    pub(super) mode: String,
    pub(super) detectors: Vec<String>,
    pub(super) cold_start: Bounds,
    pub(super) error: Option<Failing>,
    /// Not there before the first.
    pub(super) last_cycle: Option<Cycle>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Bounds {
    pub(super) above: Option<Number>,
    pub(super) below: Option<Number>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Failing {
    pub(super) since: String,
    pub(super) why: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cycle {
    pub(super) series: u64,
    #[serde(default)]
    pub(super) anomalous: u64,
    pub(super) young: Option<Young>,
    #[serde(default)]
    pub(super) awaiting_history: u64,
    /// The known events that last now.
    #[serde(default)]
    pub(super) events: BTreeMap<String, InEvent>,
}

/// Series for which a known event lasts.
#[derive(Debug, Deserialize)]
pub(super) struct InEvent {
    pub(super) judged: u64,
    pub(super) learning: u64,
}

/// Series that are too young for the detectors.
#[derive(Debug, Deserialize)]
pub(super) struct Young {
    pub(super) series: u64,
    pub(super) until: String,
    pub(super) so_far: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Held {
    pub(super) at: String,
    pub(super) by: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Silencing {
    pub(super) id: String,
    pub(super) until: String,
    pub(super) by: String,
    #[serde(default)]
    pub(super) surface: String,
}

/// What the detectors say of the series behind an alert.
#[derive(Debug, Deserialize)]
pub(super) struct SecondOpinion {
    pub(super) verdict: String,
    pub(super) why: Option<String>,
    #[serde(default)]
    pub(super) expr: String,
    pub(super) value: Option<Number>,
    pub(super) expected: Option<Number>,
    pub(super) lower: Option<Number>,
    pub(super) upper: Option<Number>,
    #[serde(default)]
    pub(super) detectors: Vec<DetectorSaid>,
}

/// A list of incidents names its requests, a single incident holds them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Request {
    Id(String),
    Whole(Box<Approval>),
}

#[derive(Debug, Deserialize)]
pub(super) struct Closed {
    pub(super) at: String,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Moment {
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) text: String,
    /// What a policy asked Prometheus.
    #[serde(default)]
    pub(super) questions: Vec<Question>,
    /// How many more were refused.
    #[serde(default)]
    pub(super) unlisted: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Question {
    pub(super) expr: String,
    /// Its length, where only the beginning is kept.
    pub(super) cut_from: Option<u64>,
    pub(super) reply: String,
    #[serde(default)]
    pub(super) samples: Vec<Sample>,
    pub(super) error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sample {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: Number,
}

#[derive(Debug, Deserialize)]
pub(super) struct Approvals {
    pub(super) approvals: Vec<Approval>,
    /// True where older ones were left out.
    #[serde(default)]
    pub(super) more: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Approval {
    pub(super) id: String,
    pub(super) incident: String,
    pub(super) status: String,
    pub(super) action: Action,
    pub(super) summary: String,
    pub(super) rationale: String,
    #[serde(default)]
    pub(super) shown: Vec<String>,
    pub(super) deadline: Option<String>,
    pub(super) digest: String,
    #[serde(default)]
    pub(super) opened_at: String,
    /// How it stands, in a finer word than the status.
    pub(super) stage: Option<String>,
    /// Who has said yes so far.
    #[serde(default)]
    pub(super) yeses: Vec<Decided>,
    /// Whose yes is still needed.
    #[serde(default)]
    pub(super) missing: Vec<Quorum>,
    /// Who may decide now.
    #[serde(default)]
    pub(super) deciders: Vec<String>,
    pub(super) terms: Option<Terms>,
    pub(super) escalated: Option<Escalated>,
    pub(super) decided: Option<Decided>,
    pub(super) execution: Option<Execution>,
    pub(super) verification: Option<Verification>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Action {
    pub(super) name: String,
    #[serde(default)]
    pub(super) target: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) arguments: serde_json::Map<String, serde_json::Value>,
    pub(super) risk: String,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Terms {
    #[serde(default)]
    pub(super) require_reason: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Escalated {
    pub(super) at: String,
    #[serde(default)]
    pub(super) to: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Decided {
    /// Nobody, where it passed by itself or nobody answered.
    pub(super) by: Option<String>,
    pub(super) surface: Option<String>,
    pub(super) address: Option<String>,
    pub(super) at: String,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Execution {
    pub(super) status: String,
    pub(super) outcome: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) output: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Verification {
    /// Not there yet while it is being watched.
    pub(super) outcome: Option<String>,
    pub(super) reason: Option<String>,
}
