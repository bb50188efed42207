//! What reaches the domain from outside. Inputs are never stored: they are turned into events by
//! [`decide`](crate::decide::decide).

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{
    Alert, Asked, DecidedBy, Evidence, Health, IncidentId, LeftOut, Message, RequestId, RunResult, SecondOpinion,
    TracePoint,
};
use crate::labels::Labels;
use crate::rules::Severity;
use crate::time::Timestamp;

/// Something happened, or time went by.
#[derive(Clone, Debug)]
pub enum Input {
    /// The host came up.
    Started {
        /// Its version.
        version: String,
    },
    /// Time went by. Also to be handed in after every other input, until nothing follows.
    Tick,
    /// A series or a group of a watch changed.
    Watched {
        /// The watch.
        watch: String,
        /// What changed.
        change: WatchChange,
    },
    /// Alertmanager delivered alerts.
    AlertsDelivered {
        /// Its group key.
        group_key: String,
        /// The alerts, firing and resolved.
        alerts: Vec<Alert>,
        /// The person who delivered them, where it was no program: they requested what follows.
        by: Option<String>,
        /// Alerts of the group that the delivery did not hold.
        left_out: Option<LeftOut>,
    },
    /// The alerts that a delivery had left out were fetched.
    LeftOutFetched {
        /// The incident.
        incident: IncidentId,
        /// All alerts of the group, those that are known already included.
        alerts: Vec<Alert>,
    },
    /// Samples of a series of an open incident were judged.
    Traced {
        /// The incident.
        incident: IncidentId,
        /// The series.
        series: Labels,
        /// Oldest first.
        points: Vec<TracePoint>,
    },
    /// Alertmanager was looked at for the open incidents.
    Looked {
        /// When it was asked, or before: what has been learnt of an incident since then is newer than what it says.
        asked_at: Timestamp,
        /// What it says of each that was looked for.
        looks: BTreeMap<IncidentId, Look>,
    },
    /// The detectors were asked about the series behind the alerts of an incident.
    OpinionsFormed {
        /// The incident.
        incident: IncidentId,
        /// One for each alert that was looked at.
        opinions: Vec<SecondOpinion>,
    },
    /// A policy answered.
    PolicyAnswered {
        /// The incident it was asked about.
        incident: IncidentId,
        /// SHA-256 of the component.
        policy_digest: String,
        /// What it asked Prometheus meanwhile.
        asked: Asked,
        /// What it said.
        answer: PolicyAnswer,
        /// Time of the newest sample of the group, or of the latest look at its alerts; None where none is known.
        /// Of no account for an absence, which is about there being none.
        last_sample: Option<Timestamp>,
        /// Whether Alertmanager held the incident back when the policy was asked.
        silence: Silence,
    },
    /// People were told of a request.
    Announced {
        /// The request.
        request: RequestId,
        /// By which channel.
        via: String,
        /// The message, where it can be changed later.
        message: Option<Message>,
        /// How it stood when the message was written, as [`Request::stage`](crate::book::Request::stage). It may have
        /// been decided while the message was on its way. None where the channel is told of every event by itself.
        stage: Option<String>,
    },
    /// What people were told of a request was brought up to date.
    Told {
        /// The request.
        request: RequestId,
        /// By which channel.
        via: String,
        /// How it stood, as [`Request::stage`](crate::book::Request::stage).
        stage: String,
    },
    /// People were reminded of a request.
    Reminded {
        /// The request.
        request: RequestId,
    },
    /// Who is in a group was looked up where its members come from.
    RosterRead {
        /// The group.
        group: String,
        /// Names of people.
        members: BTreeSet<String>,
    },
    /// A known person said yes or no. Who they are has been checked; whether they may is decided here.
    Decided {
        /// The request.
        request: RequestId,
        /// Who, and from where.
        by: DecidedBy,
        /// What they said.
        verdict: Verdict,
    },
    /// An approved request is about to be run; what the outside says about that.
    StartRequested {
        /// The request.
        request: RequestId,
        /// Whether Alertmanager holds the incident back.
        silence: Silence,
        /// As in [`Input::PolicyAnswered`].
        last_sample: Option<Timestamp>,
        /// SHA-256 of the policy component that is in place now; None where there is none any more.
        policy_digest: Option<String>,
        /// How many values each label has whose blast radius is a share, or why that is not known.
        populations: BTreeMap<String, Result<u64, String>>,
    },
    /// A run ended.
    Ran {
        /// The request.
        request: RequestId,
        /// How.
        result: RunResult,
    },
    /// What was required besides was evaluated.
    RequirementsChecked {
        /// The request.
        request: RequestId,
        /// The expressions that do not hold, each with what came back.
        unmet: BTreeMap<String, String>,
    },
    /// Somebody silenced alerts: the silence stands in Alertmanager.
    Silenced {
        /// The incident whose alerts they are, if it was made for one.
        incident: Option<IncidentId>,
        /// Alertmanager's name for it.
        silence: String,
        /// What it silences, in Alertmanager's syntax.
        matchers: Vec<String>,
        /// Until when.
        until: Timestamp,
        /// Who.
        by: DecidedBy,
        /// Why.
        comment: String,
    },
    /// Somebody ended a silence in Alertmanager.
    SilenceExpired {
        /// Alertmanager's name for it.
        silence: String,
        /// Who.
        by: DecidedBy,
    },
    /// How much of Prometheus' targets is down.
    TargetsSurveyed {
        /// Targets with `up` at 0.
        down: usize,
        /// All targets.
        total: usize,
    },
    /// Stop all repairs.
    Pause {
        /// Who.
        by: DecidedBy,
    },
    /// Let them go on.
    Resume {
        /// Who.
        by: DecidedBy,
    },
}

/// What changed about a series or a group of a watch.
#[derive(Clone, Debug)]
pub enum WatchChange {
    /// A series has been anomalous for long enough.
    Opened {
        /// Labels of its group.
        group: Labels,
        /// Severity of its score.
        severity: Severity,
        /// What was seen.
        evidence: Box<Evidence>,
    },
    /// It got worse.
    Worsened {
        /// Labels of its group.
        group: Labels,
        /// Its new severity.
        severity: Severity,
    },
    /// It has been healthy for long enough, was accepted as the new normal, or is gone for good. To be told of the
    /// streak that the book has for the series, not of an earlier one that is folded in once more after a crash:
    /// [`Book::streak`](crate::book::Book::streak) tells them apart.
    Ended {
        /// Labels of its group.
        group: Labels,
        /// The series.
        series: Labels,
        /// Which of the three.
        how: crate::event::MemberEnd,
    },
    /// A group has not been seen for too long.
    Absent {
        /// Its labels.
        group: Labels,
        /// When it was last seen.
        since: Timestamp,
    },
    /// It is back.
    Returned {
        /// Its labels.
        group: Labels,
    },
    /// A group was looked at; wanted while a repair of it is being verified.
    Observed {
        /// Its labels.
        group: Labels,
        /// Time of its newest sample.
        sample_at: Timestamp,
        /// What was seen.
        health: Health,
    },
    /// How much of the watch is anomalous.
    Surveyed {
        /// Groups with an anomalous series.
        anomalous: usize,
        /// All groups.
        total: usize,
    },
}

/// What a policy said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyAnswer {
    /// Do nothing, because.
    Leave(String),
    /// Do this.
    Propose(Plan),
    /// It could not be asked, or answered with an error.
    Failed(String),
}

/// What a policy proposes, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One line: what will happen.
    pub summary: String,
    /// Why it should help.
    pub rationale: String,
    /// Name of an action.
    pub action: String,
    /// JSON arguments.
    pub arguments: String,
}

/// Yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Approve {
        /// The digest of what the person was shown; must be the request's own.
        digest: Option<String>,
        /// Why, where they say.
        reason: Option<String>,
    },
    /// No.
    Deny {
        /// Why.
        reason: String,
    },
}

/// What one look at Alertmanager says of one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Fingerprints of its alerts that fire.
    pub firing: BTreeSet<String>,
    /// Fingerprints of those that do not any more. Of an alert in neither set it is not known: an Alertmanager that has
    /// just started knows no alerts yet.
    pub gone: BTreeSet<String>,
    /// Whether the incident is held back.
    pub silence: Silence,
}

/// What a [`Silence::By`] begins with where another alert holds an incident back.
pub const INHIBITED_BY: &str = "inhibited by alert ";

/// Whether Alertmanager holds an incident back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// No, or there is no Alertmanager.
    None,
    /// Yes: by a silence, or by another alert.
    By(String),
    /// It could not be asked.
    Unknown(String),
}
