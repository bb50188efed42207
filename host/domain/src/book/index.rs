//! Ways into the book that need not look at everything: a book keeps every incident that there ever was.

use std::collections::BTreeMap;

use crate::event::{IncidentId, Origin, RequestId};
use crate::labels::Labels;

/// Follows from the rest of the book; made by the same fold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    /// Incidents in the order in which they were opened.
    pub(crate) opened: Vec<IncidentId>,
    /// Requests in the order in which they were opened.
    pub(crate) asked: Vec<RequestId>,
    /// The incidents of one origin, oldest first.
    pub(crate) by_origin: BTreeMap<Origin, Vec<IncidentId>>,
    /// The latest incident that had an alert, by fingerprint.
    pub(crate) by_alert: BTreeMap<String, IncidentId>,
    /// The requests for one target, oldest first.
    pub(crate) by_target: BTreeMap<Labels, Vec<RequestId>>,
}
