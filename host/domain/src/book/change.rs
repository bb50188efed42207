//! Changing one incident or one request, and with it the ways into the book that go by how it stands.

use super::{Book, Consult, Incident, Request, Verification};
use crate::event::{IncidentId, Origin, RequestId, Verified};
use crate::time::Timestamp;

impl Book {
    pub(super) fn with_incident(&mut self, id: &IncidentId, change: impl FnOnce(&mut Incident)) {
        let Some(incident) = self.incidents.get_mut(id) else { return };
        let before = incident.due();
        change(incident);
        let due = incident.due();
        if before != due {
            self.index.due.extend(due.map(|at| (at, id.clone())));
            if let Some(before) = before {
                self.index.due.remove(&(before, id.clone()));
            }
        }
        self.note_rest(id);
    }

    /// Whether time may bring something for an incident, or it may be over.
    pub(super) fn note_rest(&mut self, id: &IncidentId) {
        let Some(incident) = self.incidents.get(id) else { return };
        let fixed = self.requests_of(incident).next_back().is_some_and(|request| {
            let outcome = request.verification.as_ref().and_then(|verification| verification.outcome.as_ref());
            outcome.is_some_and(|(_, outcome, _)| *outcome == Verified::Fixed)
        });
        // What is watched may be over because the config does not have the watch any more.
        let watched = !matches!(incident.origin, Origin::Alert { .. });
        let waits = incident.left_out.is_some() || incident.unmet;
        if incident.is_open() && (watched || waits || fixed || incident.is_calm()) {
            self.index.restless.insert(id.clone());
        } else {
            self.index.restless.remove(id);
        }
    }

    pub(super) fn with_request(&mut self, id: &RequestId, change: impl FnOnce(&mut Request)) {
        if let Some(request) = self.requests.get_mut(id) {
            change(request);
            let stage = request.stage();
            if request.announced.values().any(|told| told.stage.as_ref().is_some_and(|told| *told != stage)) {
                self.untold.insert(id.clone());
            } else {
                self.untold.remove(id);
            }
            let incident = request.incident.clone();
            self.note_rest(&incident);
        }
    }

    pub(super) fn with_verification(&mut self, id: &RequestId, change: impl FnOnce(&mut Verification)) {
        self.with_request(id, |request| {
            if let Some(verification) = &mut request.verification {
                change(verification);
            }
        });
    }
}

impl Incident {
    /// From when on the policy is to be asked.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match self.consult {
            Consult::Due(from) => Some(from),
            _ => None,
        }
    }
}
