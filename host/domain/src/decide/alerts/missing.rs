//! Alerts that a delivery left out for length: which incident lacks them, and when nobody waits for them any more.

use std::collections::BTreeSet;

use crate::book::Incident;
use crate::decide::Context;
use crate::event::{Alert, Fact, IncidentId, LeftOut, Origin};
use crate::time::Timestamp;

/// A delivery did not hold all alerts of its group. `facts` is what follows from those that it did.
pub(in crate::decide) fn incomplete(
    context: &Context<'_>,
    group_key: &str,
    alerts: &[Alert],
    facts: &[Fact],
    left_out: &LeftOut,
) -> Option<Fact> {
    let missing = |incident: IncidentId| {
        let (group_key, left_out) = (group_key.to_owned(), left_out.clone());
        Some(Fact::AlertsLeftOut { incident, group_key, left_out })
    };
    if left_out.count == 0 {
        return None;
    }
    let opened = facts.iter().find_map(|fact| match fact {
        Fact::IncidentOpened { incident, .. } => Some(incident.clone()),
        _ => None,
    });
    if let Some(opened) = opened {
        return missing(opened);
    }
    let of_group = of_group(context, group_key);
    // Every repetition leaves out the same alerts: those that are known are not missing.
    let given: BTreeSet<&str> = alerts.iter().map(|alert| alert.fingerprint.as_str()).collect();
    let known = of_group.iter().flat_map(|incident| incident.alerts.values());
    let others = known.filter(|alert| alert.firing && !given.contains(alert.fingerprint.as_str()));
    if u64::try_from(others.count()).is_ok_and(|others| others >= left_out.count) {
        return None;
    }
    // All that were given may belong to incidents of other groups. Where none of them is known there is no incident, and
    // what is left out by itself opens none.
    let elsewhere = || alerts.iter().filter_map(|alert| context.book.latest_with_alert(&alert.fingerprint));
    let incident = of_group.first().copied().or_else(|| elsewhere().find(|incident| incident.is_open()))?;
    let known = incident
        .left_out
        .as_ref()
        .is_some_and(|missing| missing.group_key == group_key && missing.left_out == *left_out);
    if known { None } else { missing(incident.id.clone()) }
}

/// The open incidents of a group: one for each route that its alerts go to.
fn of_group<'a>(context: &Context<'a>, group_key: &str) -> Vec<&'a Incident> {
    let routes = context.rules.routes.iter().map(|route| route.name.as_str()).chain([""]);
    let origins = routes.map(|route| Origin::Alert { route: route.to_owned(), group_key: group_key.to_owned() });
    origins.filter_map(|origin| context.book.open_for(&origin)).collect()
}

/// They were fetched: those that are new join the incidents of their group.
pub(in crate::decide) fn completed(context: &Context<'_>, id: &IncidentId, alerts: &[Alert]) -> Vec<Fact> {
    let incident = context.book.incident(id).filter(|incident| incident.is_open());
    let Some(missing) = incident.and_then(|incident| incident.left_out.as_ref()) else {
        return Vec::new();
    };
    let mut facts = super::delivered(context, &missing.group_key, alerts, None);
    facts.push(Fact::AlertsCompleted { incident: id.clone(), found: u64::try_from(alerts.len()).unwrap_or(u64::MAX) });
    facts
}

/// From when on nobody waits for them any more. Alertmanager tells of them again with its next repetition.
pub(crate) fn given_up_at(max_age: std::time::Duration, incident: &Incident) -> Option<Timestamp> {
    incident.left_out.as_ref().map(|missing| missing.at.plus(max_age))
}

/// Called as time goes by.
pub(in crate::decide) fn not_to_be_had(context: &Context<'_>, incident: &Incident) -> Option<Fact> {
    let at = given_up_at(context.rules.gate.max_age, incident)?;
    (context.now >= at).then(|| Fact::AlertsCompleted { incident: incident.id.clone(), found: 0 })
}
