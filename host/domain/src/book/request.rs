//! A request: what is asked, what was decided, what was done, and whether it helped.

use std::collections::BTreeMap;

use crate::event::{
    DecidedBy, Guard, Health, IncidentId, Message, Proposal, RequestId, RunResult, Verified, WithdrawReason,
};
use crate::time::Timestamp;

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
