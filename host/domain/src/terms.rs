//! On which terms a request is decided: by whom, by how many, until when, and what passes without anybody.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::labels::Labels;
use crate::rules::Severity;
use crate::time::Timestamp;

/// What the config says: for the whole gate, and for an action where that says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// How long a request waits for a decision. Nobody answering means no.
    pub deadline: Duration,
    /// People are reminded this long before the deadline. None: they are not.
    pub remind_before: Option<Duration>,
    /// Who is asked as well when nobody has answered for a while.
    pub escalate: Option<Escalate>,
    /// Names of people and groups that may decide; never an empty list. None: every approver.
    pub approvers: Option<Vec<String>>,
    /// How many must say yes; all of these must be met. Never empty.
    pub quorum: Vec<Quorum>,
    /// A yes needs a reason, as a no always does.
    pub require_reason: bool,
    /// Whoever caused or requested the incident may decide about it.
    pub allow_own: bool,
    /// In mode `auto`, and nowhere else: up to here a request passes by itself.
    pub auto_approve: Severity,
    /// In mode `auto`, and nowhere else: what has proved itself passes by itself. None: nothing does.
    pub autonomy: Option<Autonomy>,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            deadline: Duration::from_secs(5 * 60),
            remind_before: Some(Duration::from_secs(60)),
            escalate: None,
            approvers: None,
            quorum: vec![Quorum::default()],
            require_reason: false,
            allow_own: false,
            auto_approve: Severity::Low,
            autonomy: None,
        }
    }
}

/// Who is asked as well when nobody has answered for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalate {
    /// For how long nobody has answered; shorter than the deadline.
    pub after: Duration,
    /// Names of groups; never empty. From then on their members may decide too.
    pub to: Vec<String>,
}

/// How many people must say yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    /// How many different people; at least 1.
    pub count: u32,
    /// Of which group. None: of all who may decide.
    pub of: Option<String>,
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            None => write!(f, "{}", self.count),
            Some(group) => write!(f, "{} of {group}", self.count),
        }
    }
}

/// How many more must say yes, as people say it: `1 more`, `2 more of payments and 1 more of dba`.
#[must_use]
pub fn more(missing: &[Quorum]) -> String {
    let part = |quorum: &Quorum| match &quorum.of {
        None => format!("{} more", quorum.count),
        Some(group) => format!("{} more of {group}", quorum.count),
    };
    missing.iter().map(part).collect::<Vec<_>>().join(" and ")
}

impl Default for Quorum {
    fn default() -> Quorum {
        Quorum { count: 1, of: None }
    }
}

/// What has proved itself passes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autonomy {
    /// How many verified fixes in a row of an action for a watch earn it; at least 1. One that did not help takes it away.
    pub after: u32,
    /// The higher of severity and risk may be at most this.
    pub up_to: Severity,
}

/// The terms of one request, as of when it was opened. A later config does not change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedTerms {
    /// As [`Terms::approvers`].
    pub approvers: Option<Vec<String>>,
    /// As [`Terms::quorum`].
    pub quorum: Vec<Quorum>,
    /// As [`Terms::require_reason`].
    pub require_reason: bool,
    /// As [`Terms::allow_own`].
    pub allow_own: bool,
    /// When people are reminded.
    pub remind_at: Option<Timestamp>,
    /// When which groups are asked as well.
    pub escalate: Option<Escalation>,
    /// The labels of the incident as they were shown: a group decides only where it covers these as well as those of now.
    /// None in a journal that was written before these were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
}

/// When which groups are asked as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub to: Vec<String>,
}

/// Those of a journal that was written before there were any.
impl Default for AskedTerms {
    fn default() -> AskedTerms {
        AskedTerms {
            approvers: None,
            quorum: vec![Quorum::default()],
            require_reason: false,
            allow_own: true,
            remind_at: None,
            escalate: None,
            labels: None,
        }
    }
}
