//! Repairs that helped, in a row: what an action has to show for itself on one watch or route.

use super::{Book, Request};
use crate::event::{Origin, RequestId};

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
}
