//! The book: incidents, requests, decisions and executions, as the fold of the journal's events.
//!
//! [`Book::apply`] knows no config and no clock: whatever it needs, the event carries. What is owed and when the next
//! deadline falls is computed from the book ([`crate::owed`]), never stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{
    Alert, CloseReason, DecidedBy, Evidence, Guard, IncidentId, LeftOut, MemberEnd, OpinionVerdict, Origin, RequestId,
    SecondOpinion,
};
use crate::labels::Labels;
use crate::rules::{Mode, Severity};
use crate::time::Timestamp;

mod apply;
mod change;
mod ends;
mod lookup;
mod request;

use lookup::Index;
pub use request::{Announcement, Approval, Request, Run, Verification, Yes};

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
