//! Ways into the book that need not look at everything: a book keeps every incident that there ever was.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::ends::Trade;
use super::{Book, Incident, Request, Run, Storm, Streak};
use crate::event::{DecidedBy, Event, IncidentId, Origin, RequestId};
use crate::labels::Labels;
use crate::time::Timestamp;

/// Follows from the rest of the book; made by the same fold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    /// Incidents in the order in which they were opened.
    pub(crate) opened: Vec<IncidentId>,
    /// Requests in the order in which they were opened.
    pub(crate) asked: Vec<RequestId>,
    /// The incidents of one origin, oldest first.
    pub(crate) by_origin: BTreeMap<Origin, Vec<IncidentId>>,
    /// The incidents of one watch or route, by the kind and the name of their origin, oldest first.
    pub(crate) by_name: BTreeMap<(&'static str, String), Vec<IncidentId>>,
    /// The latest incident that had an alert, by fingerprint.
    pub(crate) by_alert: BTreeMap<String, IncidentId>,
    /// The open incidents whose policy is to be asked, by the time from which on it is.
    pub(crate) due: BTreeSet<(Timestamp, IncidentId)>,
    /// The open incidents that time may bring something for, or that may be over. Few: most that are open just go on.
    pub(crate) restless: BTreeSet<IncidentId>,
    /// Incidents by the time at which they ended.
    pub(crate) closed: BTreeSet<(Timestamp, IncidentId)>,
    /// By action, the requests whose runs ended in a way that says whether it helped, in the order of those ends. Where
    /// a fix was taken back, that is when it turned out not to have helped.
    pub(crate) ended: BTreeMap<String, Vec<(Timestamp, RequestId)>>,
    /// The requests for one target, oldest first.
    pub(crate) by_target: BTreeMap<Labels, Vec<RequestId>>,
    /// Which labels name a target: as many sets as there are kinds of targets, which is few.
    pub(crate) target_names: BTreeSet<Vec<String>>,
    /// The repairs that helped since the last one that did not.
    pub(crate) rows: BTreeMap<Trade, Vec<RequestId>>,
}

impl Book {
    /// Folds events, oldest first.
    pub fn fold<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) {
        for event in events {
            self.apply(event);
        }
    }

    /// One incident.
    #[must_use]
    pub fn incident(&self, id: &IncidentId) -> Option<&Incident> {
        self.incidents.get(id)
    }

    /// One request.
    #[must_use]
    pub fn request(&self, id: &RequestId) -> Option<&Request> {
        self.requests.get(id)
    }

    /// Every incident, oldest first.
    #[must_use]
    pub fn incidents(&self) -> Vec<&Incident> {
        self.index.opened.iter().filter_map(|id| self.incidents.get(id)).collect()
    }

    /// Every request, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<&Request> {
        self.index.asked.iter().filter_map(|id| self.requests.get(id)).collect()
    }

    /// Every incident that was opened before this one, the newest first; without one, every incident there is.
    pub fn incidents_before<'a>(&'a self, before: Option<&IncidentId>) -> impl Iterator<Item = &'a Incident> {
        backwards(&self.index.opened, before).filter_map(|id| self.incidents.get(id))
    }

    /// Every request that was opened before this one, the newest first; without one, every request there is.
    pub fn requests_before<'a>(&'a self, before: Option<&RequestId>) -> impl Iterator<Item = &'a Request> {
        backwards(&self.index.asked, before).filter_map(|id| self.requests.get(id))
    }

    /// The incidents that are open.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.open.iter().filter_map(|id| self.incidents.get(id))
    }

    /// The open incidents whose policy is to be asked from a time after `from` on, and up to `until` where there is one; the
    /// earliest first.
    pub(crate) fn due(
        &self,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> impl Iterator<Item = (Timestamp, &Incident)> {
        let after = |at: Timestamp| (Timestamp(at.0.saturating_add(1)), IncidentId(String::new()));
        let start = from.map_or(Bound::Unbounded, |from| Bound::Included(after(from)));
        let end = until.map_or(Bound::Unbounded, |until| Bound::Excluded(after(until)));
        self.index.due.range((start, end)).filter_map(|(at, id)| Some((*at, self.incidents.get(id)?)))
    }

    /// The open incidents that time may bring something for, or that may be over.
    pub(crate) fn restless(&self) -> impl Iterator<Item = &Incident> {
        self.index.restless.iter().filter_map(|id| self.incidents.get(id))
    }

    /// The incidents that ended at this time or later, by the host's clock, in the order of their ends.
    pub fn closed_since(&self, from: Timestamp) -> impl Iterator<Item = &Incident> {
        let first = (from, IncidentId(String::new()));
        self.index.closed.range(first..).filter_map(|(_, id)| self.incidents.get(id))
    }

    /// The requests that have not come to their end.
    pub fn active_requests(&self) -> impl Iterator<Item = &Request> {
        self.active.iter().filter_map(|id| self.requests.get(id))
    }

    /// Many things are breaking at once.
    #[must_use]
    pub fn storm(&self) -> Option<&Storm> {
        self.storm.as_ref()
    }

    /// Who stopped all repairs, while they are stopped.
    #[must_use]
    pub fn paused_by(&self) -> Option<&DecidedBy> {
        self.paused.as_ref()
    }

    /// The members of a group that come from elsewhere, as they were last looked up.
    #[must_use]
    pub fn roster(&self, group: &str) -> Option<&BTreeSet<String>> {
        self.rosters.get(group)
    }

    /// True for somebody whom a group has had from elsewhere, now or before: on a rotation, and perhaps off duty.
    #[must_use]
    pub fn was_rostered(&self, group: &str, name: &str) -> bool {
        self.rostered.get(group).is_some_and(|members| members.contains(name))
    }

    /// The requests of which people know an older stage than the one they are at.
    pub fn untold_requests(&self) -> impl Iterator<Item = &Request> {
        self.untold.iter().filter_map(|id| self.requests.get(id))
    }

    /// The open incident of this origin.
    #[must_use]
    pub fn open_for(&self, origin: &Origin) -> Option<&Incident> {
        self.incidents_of(origin).next().filter(|incident| incident.is_open())
    }

    /// Every incident of this origin, the latest first.
    pub fn incidents_of<'a>(&'a self, origin: &Origin) -> impl Iterator<Item = &'a Incident> {
        let ids = self.index.by_origin.get(origin).map_or(&[][..], Vec::as_slice);
        ids.iter().rev().filter_map(|id| self.incidents.get(id))
    }

    /// Every incident of the same kind and the same watch or route, the latest first.
    pub(crate) fn incidents_named(&self, origin: &Origin) -> impl Iterator<Item = &Incident> {
        let ids = self.index.by_name.get(&(origin.kind(), origin.name().to_owned())).map_or(&[][..], Vec::as_slice);
        ids.iter().rev().filter_map(|id| self.incidents.get(id))
    }

    /// What is known of the streak of a series that began at `since`.
    #[must_use]
    pub fn streak(&self, origin: &Origin, series: &Labels, since: Timestamp) -> Streak {
        let members = self.incidents_of(origin).filter_map(|incident| Some((incident, incident.members.get(series)?)));
        for (incident, member) in members {
            let Some(at) = member.streaks.iter().position(|streak| *streak == since) else { continue };
            // One that was followed by another in the same incident was over by then.
            let next = member.streaks.get(at + 1).copied();
            let over = next.or(member.ended.map(|(at, _)| at)).or(incident.closed.map(|(at, _)| at));
            return over.map_or(Streak::Lasting, Streak::Over);
        }
        Streak::Unknown
    }

    /// The latest incident that had this alert, by Alertmanager's fingerprint.
    #[must_use]
    pub fn latest_with_alert(&self, fingerprint: &str) -> Option<&Incident> {
        self.incidents.get(self.index.by_alert.get(fingerprint)?)
    }

    /// The active request that holds a target, or a part of it.
    #[must_use]
    pub fn holder(&self, target: &Labels) -> Option<&Request> {
        self.active_requests().find(|request| request.proposal.action.target.overlaps(target))
    }

    /// The request whose unmet requirements keep this incident open.
    #[must_use]
    pub fn unmet<'a>(&'a self, incident: &'a Incident) -> Option<&'a Request> {
        let mut verified = self.requests_of(incident).rev().filter(|request| request.verification.is_some());
        verified.find(|request| incident.unmet && !request.is_verifying())
    }

    /// Every request for exactly this target, oldest first.
    pub fn requests_for(&self, target: &Labels) -> impl DoubleEndedIterator<Item = &Request> {
        let ids = self.index.by_target.get(target).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.requests.get(id))
    }

    /// The requests for every target that these labels name, those for one target together.
    pub(crate) fn targeted_within(&self, labels: &Labels) -> impl Iterator<Item = &RequestId> {
        let targets = self.index.target_names.iter().map(|names| labels.only(names));
        // Where a label is missing, what is left is another kind of target, which has its own turn.
        let targets: BTreeSet<Labels> = targets.filter(|target| !target.is_empty()).collect();
        targets.into_iter().filter_map(|target| self.index.by_target.get(&target)).flatten()
    }

    /// The requests of one incident, oldest first.
    pub fn requests_of<'a>(&'a self, incident: &'a Incident) -> impl DoubleEndedIterator<Item = &'a Request> {
        incident.requests.iter().filter_map(|id| self.requests.get(id))
    }

    /// The request of this incident that is being verified.
    #[must_use]
    pub fn verifying<'a>(&'a self, incident: &'a Incident) -> Option<&'a Request> {
        self.requests_of(incident).next_back().filter(|request| request.is_verifying())
    }

    /// Is anything of this incident being run or verified?
    pub(crate) fn is_busy(&self, incident: &Incident) -> bool {
        self.requests_of(incident).next_back().is_some_and(|request| {
            request.is_verifying() || matches!(request.run, Run::Running { .. } | Run::Lost { .. })
        })
    }

    /// The name of the next incident, after so many others that are not in the book yet.
    pub(crate) fn next_incident(&self, others: usize) -> IncidentId {
        IncidentId(format!("i{}", self.incidents.len() + others + 1))
    }

    pub(crate) fn next_request(&self, digest: &str) -> RequestId {
        RequestId(format!("r{}-{}", self.requests.len() + 1, &digest[..4]))
    }
}

/// What comes before `until` in a list, backwards; nothing where it is not in there.
fn backwards<'a, T: PartialEq>(list: &'a [T], until: Option<&T>) -> impl Iterator<Item = &'a T> {
    let end = until.map_or(Some(list.len()), |until| list.iter().rposition(|id| id == until));
    list[..end.unwrap_or(0)].iter().rev()
}
