//! The labels of an incident as a rule sees them.

use std::collections::BTreeMap;

use tidegate_guest::{Incident, Label};

/// The labels of the incident's group, and those that all of its alerts share.
pub(crate) struct Labels<'a> {
    by_name: BTreeMap<&'a str, &'a str>,
}

impl<'a> Labels<'a> {
    pub(crate) fn of(incident: &'a Incident) -> Self {
        let pair = |label: &'a Label| (label.name.as_str(), label.value.as_str());
        let mut by_name = BTreeMap::new();
        if let Some((first, others)) = incident.alerts.split_first() {
            let shared = first.labels.iter().filter(|label| others.iter().all(|alert| alert.labels.contains(label)));
            by_name.extend(shared.map(pair));
        }
        by_name.extend(incident.labels.iter().map(pair));
        Labels { by_name }
    }

    /// The value of a label; `None` where the incident has no such label or an empty one, which is the same to Prometheus.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.by_name.get(name).copied().filter(|value| !value.is_empty())
    }

    /// All of them, for people: `{job="shop", service="checkout"}`.
    pub(crate) fn describe(&self) -> String {
        let pairs: Vec<String> = self.by_name.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{{{}}}", pairs.join(", "))
    }
}
