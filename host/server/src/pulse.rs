//! How fresh the host's view of the world is: when each group last gave a sample. Memory only; a restart knows nothing
//! until it has looked.

use std::collections::HashMap;
use std::sync::Mutex;

use tidegate_domain::book::Incident;
use tidegate_domain::event::{IncidentId, Origin};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

/// When what was last seen.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    groups: HashMap<(String, Labels), Timestamp>,
    watches: HashMap<String, Timestamp>,
    alerts: HashMap<IncidentId, Timestamp>,
}

impl Pulse {
    /// A query of this watch succeeded; these groups with an open incident gave samples.
    pub(crate) fn watched(&self, watch: &str, now: Timestamp, groups: Vec<(Labels, Timestamp)>) {
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.watches.insert(watch.to_owned(), now);
        for (group, at) in groups {
            seen.groups.insert((watch.to_owned(), group), at);
        }
    }

    /// Alerts of an incident were delivered, or seen to fire.
    pub(crate) fn alerted(&self, incident: &IncidentId, now: Timestamp) {
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.alerts.insert(incident.clone(), now);
    }

    /// When the trouble of this incident was last seen with own eyes.
    pub(crate) fn last(&self, incident: &Incident) -> Option<Timestamp> {
        let seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &incident.origin {
            Origin::Anomaly { watch, group } => {
                let opened = incident.members.values().map(|member| member.evidence.at).max();
                seen.groups.get(&(watch.clone(), group.clone())).copied().max(opened)
            }
            // Nothing to see, by nature: that the query still answers is what counts.
            Origin::Absence { watch, .. } => seen.watches.get(watch).copied(),
            // It was opened by a delivery, and that is known after a restart as well.
            Origin::Alert { .. } => seen.alerts.get(&incident.id).copied().max(Some(incident.opened_at)),
        }
    }
}
