//! Past-tense facts: what the journal holds. Each carries its time and every value that mattered, so that a new config
//! or a new version cannot rewrite history.
//!
//! Fields are only ever added, with a default; a journal of an older version must stay readable. A tagged enum is
//! flattened into its parent only where none of its fields has the name of one of the parent's.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::labels::Labels;
use crate::number::{Bytes, Number};
use crate::rules::{ActionKind, Severity, Verify};
use crate::terms::AskedTerms;
use crate::time::{Timestamp, duration_ms};

mod fact;
mod finding;
mod guard;
mod opinion;
mod question;
mod resolved;

pub use fact::Fact;
pub use finding::BeyondBound;
pub use guard::{Guard, Refusal};
pub use opinion::{OpinionVerdict, SecondOpinion};
pub use question::{Asked, Question, Reply, Sample};
pub use resolved::OptionLike;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// Name of an incident, for example `i7`.
    IncidentId
}
id! {
    /// Name of a request, for example `r12-9f3a`. The part behind the dash is the start of its digest, so that a
    /// mistyped number does not decide another request.
    RequestId
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, by the host's clock.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum Origin {
    /// A detector found a group of a watch unusual.
    Anomaly {
        /// The watch.
        watch: String,
        /// The group's labels.
        group: Labels,
    },
    /// A group of a watch stopped coming.
    Absence {
        /// The watch.
        watch: String,
        /// The group's labels.
        group: Labels,
    },
    /// Alertmanager delivered a group of alerts.
    Alert {
        /// The alert route, empty where none matched.
        route: String,
        /// Alertmanager's group key.
        group_key: String,
    },
}

impl Origin {
    /// The watch or alert route.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Origin::Anomaly { watch, .. } | Origin::Absence { watch, .. } => watch,
            Origin::Alert { route, .. } => route,
        }
    }

    /// `anomaly`, `absence` or `alert`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Origin::Anomaly { .. } => "anomaly",
            Origin::Absence { .. } => "absence",
            Origin::Alert { .. } => "alert",
        }
    }
}

/// What one detector said of the sample that opened an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// Its name in the config.
    pub detector: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// Its score; NaN where it did not judge.
    pub score: Number,
    /// What it said in words.
    pub note: Option<String>,
    /// Its state from before the streak: what verification and replay judge against.
    pub state: Bytes,
}

/// The time in which static bounds judge a series, because it is too young for the detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learning {
    /// Its oldest sample.
    pub since: Timestamp,
    /// When it has enough history: from then on the detectors judge it.
    pub until: Timestamp,
}

/// What was seen, as shown to the person who decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The series.
    pub series: Labels,
    /// Its first anomalous sample.
    pub since: Timestamp,
    /// The sample that opened the incident.
    pub at: Timestamp,
    /// Its value, in the unit of the series.
    pub value: Number,
    /// What was expected.
    pub expected: Number,
    /// Lower edge of the expected band.
    pub lower: Number,
    /// Upper edge of the expected band.
    pub upper: Number,
    /// The score that counted.
    pub score: Number,
    /// True where static bounds judged, because the series was too young for the detectors.
    pub cold_start: bool,
    /// How far it had come towards them, in that case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<Learning>,
    /// The known event by whose states it was judged, which the others do not see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<String>,
    /// Each detector's own view.
    pub opinions: Vec<Opinion>,
    /// Recent samples, oldest first.
    pub window: Vec<(Timestamp, Number)>,
}

/// One alert as delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Alertmanager's fingerprint, 16 hexadecimal digits.
    pub fingerprint: String,
    /// All labels.
    pub labels: Labels,
    /// All annotations.
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// False once resolved.
    pub firing: bool,
    /// Where it came from, as whoever raised it says: often a link with the rule's expression in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_url: Option<String>,
}

/// One firing of an alert that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedAlert {
    /// Alertmanager's fingerprint.
    pub fingerprint: String,
    /// When it had begun to fire.
    pub starts_at: Timestamp,
}

/// What a delivery of alerts did not hold, for length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many alerts.
    pub count: u64,
    /// Alertmanager's receiver that they went to, by its name.
    pub receiver: String,
    /// The labels that name the group there.
    pub group_labels: Labels,
}

/// An action with everything filled in: exactly what will run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResolvedAction {
    /// Its name in the config.
    pub name: String,
    /// How it is carried out.
    pub spec: ActionKind,
    /// What it is carried out on.
    pub target: Labels,
    /// Checked arguments.
    pub arguments: Map<String, Value>,
    /// Its risk.
    pub risk: Severity,
    /// How long it may take.
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    /// Running it twice does no more than running it once.
    pub idempotent: bool,
    /// True where nothing will be run.
    pub dry_run: bool,
    /// How success is judged.
    pub verify: Verify,
}

/// A plan that became a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// What will run.
    pub action: ResolvedAction,
    /// One line: what will happen.
    pub summary: String,
    /// Why it should help.
    pub rationale: String,
    /// SHA-256 of the policy component.
    pub policy_digest: String,
    /// What was shown: one line per fact, in the order shown.
    pub shown: Vec<String>,
    /// SHA-256 over all else of this and the incident's group, in hexadecimal: what an approval is bound to.
    pub digest: String,
    /// Until when it waits for a decision.
    pub deadline: Timestamp,
    /// Until when an approval of it may be started, counted from the approval.
    #[serde(with = "duration_ms")]
    pub start_within: Duration,
    /// How many requests of this incident came before it.
    pub earlier: usize,
    /// How it is decided.
    #[serde(default)]
    pub terms: AskedTerms,
}

/// A message that can be changed or answered later, by the names that the messenger has for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its channel.
    pub channel: String,
    /// Its name within the channel.
    pub ts: String,
}

/// One sample of a series of an incident, as it was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TracePoint {
    /// When.
    pub at: Timestamp,
    /// Its value, in the unit of the series.
    pub value: Number,
    /// What was expected; NaN where nothing was.
    pub expected: Number,
    /// Lower edge of the expected band.
    pub lower: Number,
    /// Upper edge of the expected band.
    pub upper: Number,
    /// The score that counted; NaN where it was not judged by one.
    pub score: Number,
    /// True where it was taken for an anomaly: a high score may be on the side that nobody watches, or too small to matter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anomalous: bool,
}

/// Who decided, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedBy {
    /// Name of the approver in the config.
    pub approver: String,
    /// `http`, `cli`, `slack` or `page`.
    pub surface: String,
    /// Peer address.
    pub address: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum RunResult {
    /// It reported success.
    Succeeded {
        /// What it said, capped.
        output: String,
    },
    /// It reported a failure.
    Failed {
        /// What it said, capped.
        error: String,
    },
    /// Nobody knows: a timeout, a broken connection, a crash of the host.
    Unknown {
        /// What happened.
        error: String,
    },
    /// Nothing was run, as configured.
    DryRun,
}

/// What verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// Recovered, and everything required holds.
    Fixed,
    /// Not recovered in time.
    Ineffective,
    /// No samples to judge by.
    Inconclusive,
}

/// Health of a group at one observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Every series of the group is within its band, on both sides.
    Healthy,
    /// At least one is not.
    Unhealthy,
    /// There was nothing to judge by.
    Unjudged,
}

/// How a series stopped being part of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberEnd {
    /// Healthy for long enough.
    Recovered,
    /// Anomalous for so long that its level is taken for the new normal.
    Accepted,
    /// Gone for so long that nobody waits for it any more.
    Vanished,
}

/// Why an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// It recovered by itself.
    Recovered,
    /// It recovered after a repair that was verified.
    Fixed,
    /// It lasted so long that it is the new normal.
    Accepted,
    /// All its alerts resolved.
    Resolved,
    /// The group came back.
    Returned,
    /// Its series are gone for good.
    Vanished,
}

/// Why a request was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawReason {
    /// The incident ended by itself.
    IncidentClosed,
    /// Alertmanager holds the incident back: it was silenced, or another alert inhibits it.
    HeldBack,
}
