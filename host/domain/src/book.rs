//! The book: incidents, requests, decisions and executions, as the fold of the journal's events.
//!
//! [`Book::apply`] knows no config and no clock: whatever it needs, the event carries. What is owed and when the next
//! deadline falls is computed from the book ([`crate::owed`]), never stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{
    Alert, CloseReason, DecidedBy, Evidence, Guard, Health, IncidentId, LeftOut, MemberEnd, Message, OpinionVerdict,
    Origin, Proposal, RequestId, RunResult, SecondOpinion, Verified, WithdrawReason,
};
use crate::labels::Labels;
use crate::rules::{Mode, Severity};
use crate::time::Timestamp;

mod apply;
mod ends;
mod lookup;

use lookup::Index;

/// Everything that has been decided and done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    pub(crate) incidents: BTreeMap<IncidentId, Incident>,
    pub(crate) requests: BTreeMap<RequestId, Request>,
    /// The incidents that are open: what most questions are about.
    pub(crate) open: BTreeSet<IncidentId>,
    /// The requests that have not come to their end.
    pub(crate) active: BTreeSet<RequestId>,
    pub(crate) index: Index,
    pub(crate) storm: Option<Storm>,
    pub(crate) paused: Option<DecidedBy>,
    /// Members of groups that come from elsewhere, by group.
    pub(crate) rosters: BTreeMap<String, BTreeSet<String>>,
    /// Everybody who has ever been among them, by group.
    pub(crate) rostered: BTreeMap<String, BTreeSet<String>>,
    /// Alerts that ended before anybody knew them to fire, by fingerprint: when that was learnt, and since when they had
    /// fired.
    pub(crate) ends: BTreeMap<String, (Timestamp, Timestamp)>,
    /// Requests of which people know an older stage.
    pub(crate) untold: BTreeSet<RequestId>,
}

/// Something is wrong with a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// What it is about.
    pub origin: Origin,
    /// Labels of the group: for alerts, those that all of them share.
    pub labels: Labels,
    /// How bad it is.
    pub severity: Severity,
    /// When the trouble began.
    pub since: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What happens to proposals.
    pub mode: Mode,
    /// True where a policy will be asked.
    pub has_policy: bool,
    /// True where nothing is run.
    pub dry_run: bool,
    /// Its series, for anomalies.
    pub members: BTreeMap<Labels, Member>,
    /// Its alerts by fingerprint, for alerts.
    pub alerts: BTreeMap<String, Alert>,
    /// When something was last learnt of its alerts.
    pub alerts_at: Timestamp,
    /// Alerts of it that a delivery did not hold, until they are fetched.
    pub left_out: Option<Missing>,
    /// What Alertmanager holds it back by, as far as is known.
    pub held: Option<Held>,
    /// The silences that people made for it by way of this host, oldest first.
    pub silences: Vec<Silencing>,
    /// True where the detectors are to be asked about its alerts before the policy is.
    pub wants_opinion: bool,
    /// What they said last, and when.
    pub opinions: Option<(Timestamp, Vec<SecondOpinion>)>,
    /// Who caused or requested it, by any name, as far as is known.
    pub caused_by: BTreeSet<String>,
    /// Whether the policy is to be asked.
    pub consult: Consult,
    /// What stood in the way of its last proposal, until another one is made.
    pub refused: Option<Guard>,
    /// How often in a row the policy has failed to answer.
    pub stumbles: u32,
    /// Its requests, oldest first.
    pub requests: Vec<RequestId>,
    /// When a repair of what it is about was first started while it was open, by whatever request; dry runs do not count.
    pub touched: Option<Timestamp>,
    /// Set once a repair was ineffective because something required did not hold: recovery then needs that as well.
    pub unmet: bool,
    /// When and why it ended.
    pub closed: Option<(Timestamp, CloseReason)>,
}

/// Alerts that a delivery did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Since when that is known.
    pub at: Timestamp,
    /// The group that was delivered, by Alertmanager's key.
    pub group_key: String,
    /// How many, and where they are.
    pub left_out: LeftOut,
}

/// Alertmanager holds an incident back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Since when that is known.
    pub at: Timestamp,
    /// When it was last learnt by what.
    pub noted_at: Timestamp,
    /// A silence, or another alert.
    pub by: String,
}

/// A silence that a person made for an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silencing {
    /// When.
    pub at: Timestamp,
    /// Alertmanager's name for it.
    pub silence: String,
    /// Until when it holds, unless it is ended before.
    pub until: Timestamp,
    /// Who.
    pub by: DecidedBy,
}

/// One series of an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// What was seen.
    pub evidence: Evidence,
    /// The first anomalous sample of each of its streaks in this incident, the present one's last.
    pub streaks: Vec<Timestamp>,
    /// When and how it stopped being part of the trouble.
    pub ended: Option<(Timestamp, MemberEnd)>,
}

/// What the book knows of a streak of anomalous samples: where the series table disagrees, this is what holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streak {
    /// No incident has it.
    Unknown,
    /// It is part of an open incident.
    Lasting,
    /// It ended, or its incident did, at this time by the host's clock. Of a series whose cursor is before it, the samples
    /// up to then are to be folded in once more, and will say so themselves.
    Over(Timestamp),
}

/// Whether the policy is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consult {
    /// From this time on.
    Due(Timestamp),
    /// No: this request of the incident comes first.
    Waiting(RequestId),
    /// No: another incident's request holds the target.
    Joined(RequestId),
    /// No.
    Done,
}

/// A repair that was proposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// The incident that it is for.
    pub incident: IncidentId,
    /// What is asked.
    pub proposal: Proposal,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Channels that have told people, with what they know.
    pub announced: BTreeMap<String, Announcement>,
    /// When people were reminded.
    pub reminded: Option<Timestamp>,
    /// The groups that may decide as well since it was escalated, and since when.
    pub escalated: Option<(Timestamp, Vec<String>)>,
    /// Who said yes, in order, the last one included.
    pub yeses: Vec<Yes>,
    /// What was decided.
    pub approval: Approval,
    /// What was done.
    pub run: Run,
    /// When it was last started, a dry run included.
    pub last_start: Option<Timestamp>,
    /// What came of it.
    pub verification: Option<Verification>,
}

/// What one channel has told people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The message, where it can be changed.
    pub message: Option<Message>,
    /// How the request stood when they were told last, as [`Request::stage`]. None where that is not kept up to date.
    pub stage: Option<String>,
}

/// One person's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yes {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: DecidedBy,
    /// Why, where they said.
    pub reason: Option<String>,
}

/// What was decided. Leaves `Pending` at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Nothing yet.
    Pending,
    /// Yes; nobody is named where the config let it pass.
    Approved {
        /// When.
        at: Timestamp,
        /// Who.
        by: Option<DecidedBy>,
    },
    /// No.
    Denied {
        /// When.
        at: Timestamp,
        /// Who.
        by: DecidedBy,
        /// Why.
        reason: String,
    },
    /// Nobody answered in time.
    Expired {
        /// When.
        at: Timestamp,
    },
    /// Taken back before anybody decided.
    Withdrawn {
        /// When.
        at: Timestamp,
        /// Why.
        reason: WithdrawReason,
    },
}

impl Approval {
    /// `pending`, `approved`, `auto_approved`, `denied`, `expired` or `withdrawn`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Approval::Pending => "pending",
            Approval::Approved { by: Some(_), .. } => "approved",
            Approval::Approved { by: None, .. } => "auto_approved",
            Approval::Denied { .. } => "denied",
            Approval::Expired { .. } => "expired",
            Approval::Withdrawn { .. } => "withdrawn",
        }
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// Nothing yet.
    NotStarted,
    /// A guard stopped it.
    Refused {
        /// When.
        at: Timestamp,
        /// Which.
        guard: Guard,
    },
    /// It was started, and nothing was heard yet.
    Running {
        /// When.
        at: Timestamp,
        /// Which run it is, from 1.
        run: u32,
    },
    /// It was lost from sight: run again where it is idempotent, else about to be recorded as unknown.
    Lost {
        /// Runs so far.
        runs: u32,
    },
    /// It ended.
    Finished {
        /// When it was started.
        started: Timestamp,
        /// When it ended.
        at: Timestamp,
        /// How.
        result: RunResult,
    },
}

/// Whether a repair helped.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// Nothing is judged before this.
    pub settled: Timestamp,
    /// It must have helped by then.
    pub until: Timestamp,
    /// Healthy observations in a row.
    pub healthy: u32,
    /// True once an observation was unhealthy.
    pub was_unhealthy: bool,
    /// Time of the newest sample observed.
    pub last_sample: Option<Timestamp>,
    /// What the newest observation that could be judged said.
    pub last_health: Option<Health>,
    /// The required expressions that did not hold when last checked; None before the first check.
    pub unmet: Option<BTreeMap<String, String>>,
    /// What it found, and why.
    pub outcome: Option<(Timestamp, Verified, String)>,
    /// True where the group broke again too soon.
    pub revoked: bool,
}

/// Many things are breaking at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storm {
    /// Since when.
    pub since: Timestamp,
    /// What fed it last.
    pub fed_at: Timestamp,
    /// What it was recognised by.
    pub reason: String,
}

impl Incident {
    /// True until it is closed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// The member that shows the trouble best: one still in trouble before one that is not, then the one with the
    /// highest score, of equals the first.
    #[must_use]
    pub fn worst(&self) -> Option<&Evidence> {
        let rank = |member: &Member| {
            let score = member.evidence.score.0;
            (member.ended.is_none(), if score.is_nan() { 0.0 } else { score })
        };
        let worse = |worst: Option<&'_ Member>, next: &Member| worst.is_none_or(|worst| rank(next) > rank(worst));
        let worst = self.members.values().fold(None, |worst, next| if worse(worst, next) { Some(next) } else { worst });
        worst.map(|member| &member.evidence)
    }

    /// True when no series and no alert of it is in trouble any more. Never for an absence: that ends by a return.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        match self.origin {
            Origin::Anomaly { .. } => self.members.values().all(|member| member.ended.is_some()),
            Origin::Alert { .. } => self.alerts.values().all(|alert| !alert.firing),
            Origin::Absence { .. } => false,
        }
    }

    /// The second opinion that tells most: one of something unusual before one that is not known, and that before one of
    /// something usual. So it is a usual one only where every alert that fires was found usual; where one was not looked
    /// at and the others were, there is none. Opinions on alerts that fire no more do not count.
    #[must_use]
    pub fn second_opinion(&self) -> Option<&SecondOpinion> {
        let (_, opinions) = self.opinions.as_ref()?;
        let fires = |opinion: &&SecondOpinion| self.alerts.get(&opinion.fingerprint).is_some_and(|alert| alert.firing);
        let most = opinions.iter().filter(fires).min_by_key(|opinion| opinion.verdict.rank())?;
        (most.verdict != OpinionVerdict::Usual || self.unjudged() == 0).then_some(most)
    }

    /// How many alerts fire that the detectors have not been asked about.
    #[must_use]
    pub fn unjudged(&self) -> usize {
        let opinions = self.opinions.iter().flat_map(|(_, opinions)| opinions);
        let judged: BTreeSet<&str> = opinions.map(|opinion| opinion.fingerprint.as_str()).collect();
        let firing = self.alerts.values().filter(|alert| alert.firing);
        firing.filter(|alert| !judged.contains(alert.fingerprint.as_str())).count()
    }

    /// True when a series of it was taken for the new normal at this time or later.
    #[must_use]
    pub fn is_accepted_since(&self, since: Timestamp) -> bool {
        self.members.values().any(|member| matches!(member.ended, Some((at, MemberEnd::Accepted)) if at >= since))
    }
}

impl Request {
    /// True while it may still change: waiting, running, or being verified. It holds its target for as long.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match (&self.approval, &self.run) {
            (Approval::Pending, _)
            | (Approval::Approved { .. }, Run::NotStarted | Run::Running { .. } | Run::Lost { .. }) => true,
            (Approval::Approved { .. }, Run::Finished { .. }) => self.is_verifying(),
            _ => false,
        }
    }

    /// True between the end of the run and the end of verification.
    #[must_use]
    pub fn is_verifying(&self) -> bool {
        self.verification.as_ref().is_some_and(|verification| verification.outcome.is_none())
    }

    /// True from its approval to the end of verification: it is being seen to. Never for a dry run, which sees to nothing.
    #[must_use]
    pub fn is_handled(&self) -> bool {
        let approved = matches!(self.approval, Approval::Approved { .. });
        approved && self.is_active() && !self.proposal.action.dry_run
    }

    /// True where it was verified to have helped, and that was not taken back.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        let verification = self.verification.as_ref().filter(|verification| !verification.revoked);
        verification.is_some_and(|v| matches!(v.outcome, Some((_, Verified::Fixed, _))))
    }

    /// When it was last started, whatever came of it. Dry runs that have ended do not count.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        self.last_start.filter(|_| !matches!(self.run, Run::Finished { result: RunResult::DryRun, .. }))
    }

    /// True when it is time to remind people that it waits, and nobody has done so yet.
    #[must_use]
    pub fn wants_reminder(&self, now: Timestamp) -> bool {
        let due = self.proposal.terms.remind_at.is_some_and(|at| at <= now && now < self.proposal.deadline);
        due && self.approval == Approval::Pending && self.reminded.is_none()
    }

    /// How it stands, in one word for people, `N of M` yeses aside: what a message about it is brought up to date with.
    #[must_use]
    pub fn stage(&self) -> String {
        let waits = if self.escalated.is_some() { "escalated" } else { "pending" };
        match (&self.approval, &self.run, &self.verification) {
            (Approval::Pending, ..) if self.yeses.is_empty() => waits.to_owned(),
            (Approval::Pending, ..) => format!("{waits}_{}", self.yeses.len()),
            (Approval::Approved { .. }, Run::NotStarted, _) => self.approval.name().to_owned(),
            (Approval::Approved { .. }, Run::Refused { .. }, _) => "refused".to_owned(),
            (Approval::Approved { .. }, Run::Running { .. } | Run::Lost { .. }, _) => "running".to_owned(),
            (_, _, Some(Verification { outcome: Some((_, outcome, _)), revoked, .. })) => match outcome {
                Verified::Fixed if *revoked => "revoked",
                Verified::Fixed => "fixed",
                Verified::Ineffective => "ineffective",
                Verified::Inconclusive => "inconclusive",
            }
            .to_owned(),
            (_, _, Some(_)) => "verifying".to_owned(),
            (Approval::Approved { .. }, Run::Finished { result, .. }, None) => match result {
                RunResult::Succeeded { .. } => "verifying",
                RunResult::Failed { .. } => "failed",
                RunResult::Unknown { .. } => "unknown",
                RunResult::DryRun => "dry_run",
            }
            .to_owned(),
            _ => self.approval.name().to_owned(),
        }
    }

    /// When it was approved.
    #[must_use]
    pub fn approved_at(&self) -> Option<Timestamp> {
        match self.approval {
            Approval::Approved { at, .. } => Some(at),
            _ => None,
        }
    }
}
