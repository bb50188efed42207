//! The kinds of facts, in the order of an incident's life.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Alert, Asked, CloseReason, DecidedBy, EndedAlert, Evidence, Guard, Health, IncidentId, LeftOut, MemberEnd, Message,
    Origin, Proposal, Refusal, RequestId, RunResult, SecondOpinion, TracePoint, Verified, WithdrawReason,
};
use crate::labels::Labels;
use crate::rules::{Mode, Severity};
use crate::terms::Quorum;
use crate::time::Timestamp;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// The host came up; runs that were going on are lost from sight.
    HostStarted {
        /// Its version.
        version: String,
    },
    /// Something is wrong with a group.
    IncidentOpened {
        /// Its name.
        incident: IncidentId,
        /// What it is about.
        #[serde(flatten)]
        origin: Origin,
        /// Labels of the group.
        labels: Labels,
        /// How bad it is.
        severity: Severity,
        /// When the trouble began.
        since: Timestamp,
        /// What happens to proposals.
        mode: Mode,
        /// True where a policy will be asked.
        has_policy: bool,
        /// True where nothing is run.
        dry_run: bool,
        /// The first member series, for anomalies.
        evidence: Option<Box<Evidence>>,
        /// The first alerts, for alerts.
        alerts: Vec<Alert>,
        /// Who caused or requested it, by any name, as far as is known.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        caused_by: BTreeSet<String>,
        /// True where the detectors are to be asked about its alerts before the policy is.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        wants_opinion: bool,
    },
    /// Another series of the group became anomalous.
    MemberJoined {
        /// The incident.
        incident: IncidentId,
        /// What was seen.
        evidence: Box<Evidence>,
        /// Who else caused or requested it, by any name, as far as is known.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        caused_by: BTreeSet<String>,
    },
    /// A series of the group is no longer part of the trouble.
    MemberEnded {
        /// The incident.
        incident: IncidentId,
        /// The series.
        series: Labels,
        /// In which way.
        how: MemberEnd,
    },
    /// Alerts of the group began to fire or resolved.
    AlertsChanged {
        /// The incident.
        incident: IncidentId,
        /// Their state as delivered.
        alerts: Vec<Alert>,
        /// Who else caused or requested it, by any name, as far as is known.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        caused_by: BTreeSet<String>,
    },
    /// Alerts ended that nobody knew to fire: deliveries may come in any order. Copies of their firing open nothing.
    EndsSeen {
        /// Which firing of which alert.
        alerts: Vec<EndedAlert>,
    },
    /// A delivery did not hold all alerts of the group. They are to be fetched.
    AlertsLeftOut {
        /// The incident.
        incident: IncidentId,
        /// The group that was delivered, by Alertmanager's key.
        group_key: String,
        /// What is missing, and where it is.
        left_out: LeftOut,
    },
    /// What had been left out was fetched, and what was new is said before this; or it was not to be had.
    AlertsCompleted {
        /// The incident.
        incident: IncidentId,
        /// How many alerts of the group there were, those that were known already included.
        found: u64,
    },
    /// Alertmanager holds it back: nothing is asked or done about it.
    IncidentHeld {
        /// The incident.
        incident: IncidentId,
        /// By what: a silence, or another alert.
        by: String,
    },
    /// Alertmanager does not hold it back any more.
    IncidentReleased {
        /// The incident.
        incident: IncidentId,
    },
    /// Somebody silenced alerts in Alertmanager by way of this host.
    SilenceMade {
        /// The incident whose alerts they are; None where the silence was made by its matchers alone.
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
    /// Somebody ended a silence by way of this host.
    SilenceEnded {
        /// The open incident that it was made for, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
        /// Alertmanager's name for it.
        silence: String,
        /// Who.
        by: DecidedBy,
    },
    /// The detectors were asked about the series behind its alerts.
    SecondOpinionGiven {
        /// The incident.
        incident: IncidentId,
        /// One for each alert that was looked at.
        opinions: Vec<SecondOpinion>,
    },
    /// Samples of one of its series, as they were judged: what a chart of it is drawn from.
    SeriesTraced {
        /// The incident.
        incident: IncidentId,
        /// The series.
        series: Labels,
        /// Oldest first, later than those of an earlier such event.
        points: Vec<TracePoint>,
    },
    /// It got worse.
    SeverityRaised {
        /// The incident.
        incident: IncidentId,
        /// The new severity.
        severity: Severity,
    },
    /// It is over.
    IncidentClosed {
        /// The incident.
        incident: IncidentId,
        /// Why.
        reason: CloseReason,
    },
    /// The policy asked Prometheus before it answered. Recorded together with the answer, just before it.
    PolicyAsked {
        /// The incident.
        incident: IncidentId,
        /// SHA-256 of the policy component.
        policy_digest: String,
        /// What it asked, and what it was told.
        #[serde(flatten)]
        asked: Asked,
    },
    /// The policy chose to do nothing.
    PolicyLeft {
        /// The incident.
        incident: IncidentId,
        /// In the policy's words.
        reason: String,
        /// SHA-256 of the policy component.
        policy_digest: String,
    },
    /// The policy could not answer.
    PolicyFailed {
        /// The incident.
        incident: IncidentId,
        /// What went wrong.
        error: String,
        /// When it is asked again.
        retry_at: Timestamp,
    },
    /// In mode `observe`: what would have been asked.
    ProposalObserved {
        /// The incident.
        incident: IncidentId,
        /// What would have been asked.
        proposal: Box<Proposal>,
    },
    /// A plan did not become a request.
    ProposalRefused {
        /// The incident.
        incident: IncidentId,
        /// The action that the plan named.
        action: String,
        /// Why.
        refusal: Refusal,
        /// When the policy is asked again; never where that could not change anything.
        retry_at: Option<Timestamp>,
    },
    /// The target is held by another incident's request; this one waits for its outcome.
    IncidentJoined {
        /// The incident.
        incident: IncidentId,
        /// The request that holds the target.
        request: RequestId,
    },
    /// A repair waits for a decision.
    RequestOpened {
        /// Its name.
        request: RequestId,
        /// The incident.
        incident: IncidentId,
        /// What is asked.
        proposal: Box<Proposal>,
    },
    /// People were told that it waits.
    RequestAnnounced {
        /// The request.
        request: RequestId,
        /// By which channel.
        via: String,
        /// The message, where it can be changed later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Message>,
        /// How it stood when the message was written. None in a journal from before messages were brought up to date:
        /// those are left as they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<String>,
    },
    /// What people were told of a request was brought up to date.
    RequestTold {
        /// The request.
        request: RequestId,
        /// By which channel.
        via: String,
        /// How it stood, as [`Request::stage`](crate::book::Request::stage).
        stage: String,
    },
    /// People were reminded that it waits.
    RequestReminded {
        /// The request.
        request: RequestId,
    },
    /// Nobody had answered for a while: these groups may decide as well.
    RequestEscalated {
        /// The request.
        request: RequestId,
        /// Names of groups.
        to: Vec<String>,
    },
    /// A person said yes, and that is not enough yet.
    ApprovalGiven {
        /// The request.
        request: RequestId,
        /// Who.
        by: DecidedBy,
        /// The digest of what they were shown; empty in a journal from before it was kept here.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        digest: String,
        /// Why, where they said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// How many more are needed, of whom.
        missing: Vec<Quorum>,
    },
    /// A person said yes, and that was enough.
    RequestApproved {
        /// The request.
        request: RequestId,
        /// Who.
        by: DecidedBy,
        /// As in [`Self::ApprovalGiven`].
        #[serde(default, skip_serializing_if = "String::is_empty")]
        digest: String,
        /// Why, where they said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The config let it pass.
    RequestAutoApproved {
        /// The request.
        request: RequestId,
        /// The higher of severity and risk.
        level: Severity,
        /// Up to where the config lets pass.
        limit: Severity,
        /// Where it passed because the action has proved itself: how many verified fixes in a row it had.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        earned: Option<u32>,
    },
    /// A person said no.
    RequestDenied {
        /// The request.
        request: RequestId,
        /// Who.
        by: DecidedBy,
        /// As in [`Self::ApprovalGiven`].
        #[serde(default, skip_serializing_if = "String::is_empty")]
        digest: String,
        /// Why.
        reason: String,
    },
    /// Nobody answered in time.
    RequestExpired {
        /// The request.
        request: RequestId,
        /// When the policy is asked again, while the incident lasts.
        retry_at: Timestamp,
    },
    /// It was taken back before anybody decided.
    RequestWithdrawn {
        /// The request.
        request: RequestId,
        /// Why.
        reason: WithdrawReason,
        /// When the policy is asked again, where the incident is not over; not while it is held back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    },
    /// A guard stopped it just before it ran.
    ExecutionRefused {
        /// The request.
        request: RequestId,
        /// Which guard.
        guard: Guard,
        /// When the policy is asked again.
        retry_at: Timestamp,
    },
    /// It is being run. Committed before the attempt.
    ExecutionStarted {
        /// The request.
        request: RequestId,
        /// 1, or more where an idempotent action is run again after it was lost from sight.
        run: u32,
    },
    /// It ran.
    ExecutionFinished {
        /// The request.
        request: RequestId,
        /// How it ended.
        #[serde(flatten)]
        result: RunResult,
    },
    /// The group was looked at while a repair is being verified.
    VerificationObserved {
        /// The request.
        request: RequestId,
        /// Time of the newest sample.
        sample_at: Timestamp,
        /// What was seen.
        health: Health,
    },
    /// The required expressions were evaluated.
    RequirementsChecked {
        /// The request.
        request: RequestId,
        /// The expressions that do not hold, each with what came back; empty when all hold.
        unmet: BTreeMap<String, String>,
    },
    /// Verification came to its end.
    VerificationFinished {
        /// The request.
        request: RequestId,
        /// What it found.
        outcome: Verified,
        /// Why, in a few words.
        reason: String,
    },
    /// The same group broke again too soon.
    FixRevoked {
        /// The request that had been called fixed.
        request: RequestId,
        /// The new incident.
        incident: IncidentId,
    },
    /// Many things are breaking at once; every proposal is held.
    StormStarted {
        /// What it was recognised by.
        reason: String,
    },
    /// It goes on.
    StormContinued {},
    /// It has been quiet for long enough.
    StormEnded {},
    /// Other people than before are in a group whose members come from elsewhere.
    RosterChanged {
        /// The group.
        group: String,
        /// Names of the people who are in it now.
        members: BTreeSet<String>,
    },
    /// Somebody stopped all repairs.
    Paused {
        /// Who.
        by: DecidedBy,
    },
    /// Somebody let them go on.
    Resumed {
        /// Who.
        by: DecidedBy,
    },
}
