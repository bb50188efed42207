//! How runs ended: which helped, which did not, and how many helped in a row.

use super::{Book, Request};
use crate::event::{Origin, RequestId};
use crate::time::Timestamp;

/// An action by name, and the kind and the name of what its incidents come from.
pub(crate) type Trade = (String, &'static str, String);

impl Book {
    /// The repairs by this action, of incidents of the same kind and the same watch or route as `origin`, that were
    /// found to have helped since the last one that was not, in the order in which that was found. Dry runs do not count.
    pub(crate) fn fixes_in_a_row(&self, action: &str, origin: &Origin) -> impl DoubleEndedIterator<Item = &Request> {
        let trade = (action.to_owned(), origin.kind(), origin.name().to_owned());
        let ids = self.index.rows.get(&trade).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.requests.get(id))
    }

    /// The runs of an action that ended fixed, ineffective, failed or unknown, with when that was known, the latest
    /// first. Dry runs and inconclusive ones say nothing about it.
    pub fn ends_of(&self, action: &str) -> impl Iterator<Item = (Timestamp, &Request)> {
        let ends = self.index.ended.get(action).map_or(&[][..], Vec::as_slice);
        ends.iter().rev().filter_map(|(at, id)| Some((*at, self.requests.get(id)?)))
    }

    /// A repair came to its end, or what had been found of it was taken back.
    pub(super) fn judge(&mut self, id: &RequestId, fixed: bool) {
        let Some(request) = self.requests.get(id) else { return };
        let Some(incident) = self.incidents.get(&request.incident) else { return };
        let origin = &incident.origin;
        let trade = (request.proposal.action.name.clone(), origin.kind(), origin.name().to_owned());
        if fixed {
            self.index.rows.entry(trade).or_default().push(id.clone());
        } else {
            self.index.rows.remove(&trade);
        }
    }

    /// It is known whether a run helped; of one that was noted before, it is known better.
    pub(super) fn note_end(&mut self, at: Timestamp, id: &RequestId) {
        let Some(request) = self.requests.get(id).filter(|request| !request.proposal.action.dry_run) else { return };
        let ends = self.index.ended.entry(request.proposal.action.name.clone()).or_default();
        // Only what is taken back has been noted before, and not long ago.
        let revoked = request.verification.as_ref().is_some_and(|verification| verification.revoked);
        let noted = if revoked { ends.iter_mut().rev().find(|(_, noted)| noted == id) } else { None };
        match noted {
            Some((known, _)) => *known = at,
            None => ends.push((at, id.clone())),
        }
    }
}
