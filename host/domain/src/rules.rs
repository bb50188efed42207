//! What the config means, once it has been read and found valid. Every value here exists and is in range.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arguments::ArgumentBounds;
use crate::calendar::{KnownEvent, Maintenance};
use crate::labels::{Labels, Matcher};
use crate::people::People;
use crate::terms::Terms;
use crate::time::duration_ms;

/// Everything that decisions depend on besides the book.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The approval gate.
    pub gate: Gate,
    /// When many things break at once.
    pub storm: StormBrake,
    /// Watches by name.
    pub watches: BTreeMap<String, Watch>,
    /// Alert routes, first match wins.
    pub routes: Vec<Route>,
    /// What the `severity` label of a foreign alert means. A value that is not here is `high`.
    pub severity_labels: BTreeMap<String, Severity>,
    /// Actions by name.
    pub actions: BTreeMap<String, Action>,
    /// Who may do what.
    pub people: People,
    /// When nothing is repaired, and where.
    pub maintenance: Vec<Maintenance>,
    /// `alertname` of the alerts that this host sends; they never open an incident.
    pub own_alertname: String,
}

/// How bad an incident is, and how risky an action. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth noting.
    Low,
    /// Worth looking at.
    Medium,
    /// Worth waking up for.
    High,
    /// Everything else can wait.
    Critical,
}

impl Severity {
    /// The lower-case name that configs, alerts and the API use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// What happens to proposals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Detect and alert; only say what would have been proposed.
    Observe,
    /// A person decides.
    Ask,
    /// Passes by itself up to [`Terms::auto_approve`], above it a person decides.
    Auto,
}

/// The approval gate.
#[derive(Clone, Debug)]
pub struct Gate {
    /// How a request is decided, where its action does not say otherwise.
    pub terms: Terms,
    /// Labels of an incident, and annotations of its alerts, that name whoever caused it.
    pub causer_labels: Vec<String>,
    /// An approval not started within this time is asked again.
    pub start_within: Duration,
    /// Samples older than this update state but propose nothing.
    pub max_age: Duration,
    /// How long after an unanswered or refused request the policy is asked again while the incident lasts.
    pub ask_again: Duration,
    /// A new incident of the same group within this time takes back the word fixed.
    pub relapse_within: Duration,
    /// Blast radius: how many targets may be under repair at once.
    pub max_targets: usize,
    /// Run nothing; record what would have run.
    pub dry_run: bool,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate {
            terms: Terms::default(),
            causer_labels: Vec::new(),
            start_within: Duration::from_secs(2 * 60),
            max_age: Duration::from_secs(10 * 60),
            ask_again: Duration::from_secs(30 * 60),
            relapse_within: Duration::from_secs(60 * 60),
            max_targets: 3,
            dry_run: false,
        }
    }
}

/// When to hold every proposal, because something larger than one incident is going on.
#[derive(Clone, Debug)]
pub struct StormBrake {
    /// More incidents than this within [`Self::window`] are a storm.
    pub incidents: usize,
    /// The window in which incidents are counted.
    pub window: Duration,
    /// A larger share of one watch's groups anomalous at once is a storm; 0 to 1.
    pub share: f64,
    /// The share is only looked at where a watch has at least this many groups.
    pub min_groups: usize,
    /// A storm ends when nothing has fed it for this long.
    pub quiet: Duration,
}

impl Default for StormBrake {
    fn default() -> StormBrake {
        StormBrake {
            incidents: 10,
            window: Duration::from_secs(10 * 60),
            share: 0.2,
            min_groups: 10,
            quiet: Duration::from_secs(15 * 60),
        }
    }
}

/// On which side of the expectation a sample counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both sides.
    Both,
    /// Only values above the expected one.
    AboveExpected,
    /// Only values below the expected one.
    BelowExpected,
}

/// What to do about a group that stopped coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAbsent {
    /// Count it and show it.
    Show,
    /// Open an incident.
    Incident,
}

/// Judgement of a series that is too young for the detectors.
#[derive(Clone, Debug, Default)]
pub struct ColdStart {
    /// How much of its own history a series needs before detectors judge it.
    pub history: Duration,
    /// Until then, values above this are anomalous.
    pub above: Option<f64>,
    /// Until then, values below this are anomalous.
    pub below: Option<f64>,
}

/// From which score on an incident has which severity. Ascending; below all of them it is `low`.
#[derive(Clone, Copy, Debug)]
pub struct SeverityScores {
    /// Default 1: every anomaly is at least medium.
    pub medium: f64,
    /// Default 5/3, that is z > 5 at threshold 3.
    pub high: f64,
    /// Default: never.
    pub critical: f64,
}

impl Default for SeverityScores {
    fn default() -> SeverityScores {
        SeverityScores { medium: 1.0, high: 5.0 / 3.0, critical: f64::INFINITY }
    }
}

impl SeverityScores {
    /// The severity of a score.
    #[must_use]
    pub fn of(&self, score: f64) -> Severity {
        if score > self.critical {
            Severity::Critical
        } else if score > self.high {
            Severity::High
        } else if score > self.medium {
            Severity::Medium
        } else {
            Severity::Low
        }
    }
}

/// One watched query.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Unique name.
    pub name: String,
    /// What happens to proposals.
    pub mode: Mode,
    /// Time between two samples of a series.
    pub step: Duration,
    /// Names of the configured detectors, at least one, in the order of their states.
    pub detectors: Vec<String>,
    /// How many detectors must agree: 1 for `any`, all of them for `all`. From 1 to the number of detectors.
    pub quorum: usize,
    /// On which side samples count.
    pub direction: Direction,
    /// Smaller distances from the expected value are normal, in the unit of the series.
    pub min_dev: f64,
    /// Smaller distances are normal, as a share of the expected value.
    pub min_rel_dev: f64,
    /// How many anomalous samples in a row open an incident; at least 1.
    pub consecutive: u32,
    /// How many healthy samples in a row close it; at least 1.
    pub recover_after: u32,
    /// Below this score a sample is healthy; at most 1.
    pub recover_below: f64,
    /// Judgement of young series.
    pub cold_start: ColdStart,
    /// A group silent for this long is absent.
    pub absent_after: Duration,
    /// What to do about it.
    pub on_absent: OnAbsent,
    /// A level that has lasted this long is accepted as the new normal.
    pub accept_after: Duration,
    /// What is expected at times: while such an event lasts, series are judged and learnt apart. Where several do, the
    /// first one counts.
    pub known_events: Vec<Arc<KnownEvent>>,
    /// Labels that stay when a series returns under new churning ones. None: all labels.
    pub identity: Option<Vec<String>>,
    /// Labels that make one incident. None: every series is its own group.
    pub group_by: Option<Vec<String>>,
    /// From score to severity.
    pub severity: SeverityScores,
    /// True where a policy is configured.
    pub has_policy: bool,
    /// Names of the actions that its policy may propose.
    pub actions: Vec<String>,
    /// Run nothing for this watch.
    pub dry_run: bool,
}

impl Watch {
    /// The labels by which incidents of this watch are grouped.
    #[must_use]
    pub fn group_of(&self, series: &Labels) -> Labels {
        match (&self.group_by, &self.identity) {
            (Some(names), _) => series.only(names),
            // A pod that comes back under a new name is still the same group.
            (None, Some(names)) => series.only(names),
            (None, None) => series.clone(),
        }
    }

    /// The labels by which a returning series is recognised.
    #[must_use]
    pub fn identity_of(&self, series: &Labels) -> Labels {
        match &self.identity {
            Some(names) => series.only(names),
            None => series.clone(),
        }
    }
}

/// Which alerts are looked at, and by which policy.
#[derive(Clone, Debug)]
pub struct Route {
    /// Unique name.
    pub name: String,
    /// All must match; never empty.
    pub matchers: Vec<Matcher>,
    /// What happens to proposals.
    pub mode: Mode,
    /// True where a policy is configured.
    pub has_policy: bool,
    /// Names of the actions that its policy may propose.
    pub actions: Vec<String>,
    /// Run nothing for this route.
    pub dry_run: bool,
    /// Labels that make one incident of alerts that come without a group. None: each alert is an incident of its own.
    pub group_by: Option<Vec<String>>,
    /// True where the detectors are asked about the series behind the alerts.
    pub second_opinion: bool,
    /// What to do where they find the values usual.
    pub when_usual: WhenUsual,
}

impl Route {
    /// The labels by which alerts without a group are put together.
    #[must_use]
    pub fn group_of(&self, alert: &Labels) -> Labels {
        match &self.group_by {
            Some(names) => alert.only(names),
            None => alert.clone(),
        }
    }
}

/// What to do about alerts whose values are usual for their time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUsual {
    /// The same as about others.
    #[default]
    Ask,
    /// Nothing, for as long as they are.
    Leave,
}

/// A repair that the host can carry out.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Unique name.
    pub name: String,
    /// What it does, for people.
    pub summary: String,
    /// How it is carried out.
    pub kind: ActionKind,
    /// Names of the labels that name the target; never empty.
    pub target: Vec<String>,
    /// How risky it is.
    pub risk: Severity,
    /// How long one run may take.
    pub timeout: Duration,
    /// Pause between two runs on one target.
    pub cooldown: Duration,
    /// Most runs on one target in an hour.
    pub max_per_hour: u32,
    /// Running it twice does no more than running it once.
    pub idempotent: bool,
    /// Run nothing; record what would have run.
    pub dry_run: bool,
    /// Which arguments a plan may give.
    pub arguments: BTreeMap<String, ArgumentBounds>,
    /// How success is judged.
    pub verify: Verify,
    /// How a request for it is decided: the gate's terms where it says nothing else.
    pub terms: Terms,
    /// How much may be under repair at once, by label. All must hold.
    pub blast_radius: Vec<BlastRadius>,
    /// When runs that did not help stop further ones. None: never.
    pub breaker: Option<Breaker>,
}

/// At most so many values of a label may be under repair at once.
#[derive(Clone, Debug, PartialEq)]
pub struct BlastRadius {
    /// A label of the target.
    pub label: String,
    /// How many.
    pub most: Most,
}

/// How many is too many.
#[derive(Clone, Debug, PartialEq)]
pub enum Most {
    /// This many; at least 1.
    Count(u32),
    /// A share of all values, rounded down, but one is always allowed.
    Share {
        /// Above 0 and up to 1.
        share: f64,
        /// A PromQL selector whose series have all values of the label.
        of: String,
    },
}

/// A circuit breaker: runs in a row that did not help stop further ones, on whatever target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// So many in a row; at least 1.
    pub after: u32,
    /// For so long after the last of them. Then one is let through, to see.
    pub reset: Duration,
}

/// How an action is carried out. Secrets are named by file, never held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ActionKind {
    /// One HTTP request with a JSON body.
    Http {
        /// Absolute URL.
        url: String,
        /// Upper-case method, `POST` by default.
        method: String,
        /// Headers with nothing secret in them.
        headers: BTreeMap<String, String>,
        /// File that holds a bearer token.
        bearer_token_file: Option<String>,
    },
    /// One program, no shell.
    Command {
        /// Absolute path, or a name looked up when the config is read.
        program: String,
        /// Its arguments; `{name}` stands for an argument of the plan or a label of the target.
        args: Vec<String>,
        /// The whole environment.
        env: BTreeMap<String, String>,
    },
}

/// How success is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verify {
    /// Nothing is judged for this long after the action.
    #[serde(with = "duration_ms")]
    pub settle: Duration,
    /// After this long, counted from the end of the action, it is ineffective.
    #[serde(with = "duration_ms")]
    pub within: Duration,
    /// How many healthy observations in a row make it fixed; at least 1.
    pub healthy_for: u32,
    /// PromQL that must hold besides: a vector with an element, or a scalar other than zero.
    pub require: Vec<String>,
}

impl Default for Verify {
    fn default() -> Verify {
        Verify {
            settle: Duration::from_secs(60),
            within: Duration::from_secs(10 * 60),
            healthy_for: 3,
            require: Vec::new(),
        }
    }
}
