//! `GET /api/v2/alerts/groups`: the groups that upstream Alertmanagers make, and those of alerts that are only known here.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use tidegate_domain::labels::Labels;

use super::super::Shared;
use super::super::access::Person;
use super::fault::Fault;
use super::listing::{self, RECEIVER};
use super::query::Filter;
use crate::alertmanager::{ListedAlert, ListedGroup, Receiver};
use crate::host::Host;

pub(in crate::api) async fn list(
    _: Person,
    State(host): Shared,
    filter: Filter,
) -> Result<Json<Vec<ListedGroup>>, Fault> {
    let mut groups = match &host.setup().alertmanager {
        Some(fleet) => fleet.groups(&[]).await.map_err(|error| Fault::failed(error.to_string()))?,
        None => Vec::new(),
    };
    let mut here = listing::here(&host);
    for alert in groups.iter().flat_map(|group| &group.alerts) {
        here.remove(&alert.fingerprint);
    }
    groups.extend(grouped(&host, here));
    groups.retain_mut(|group| {
        group.alerts.retain(|alert| filter.takes(alert) && filter.takes_muted(!alert.status.muted_by.is_empty()));
        for alert in &mut group.alerts {
            alert.receivers.retain(|receiver| filter.takes_receiver(&receiver.name));
        }
        !group.alerts.is_empty() && filter.takes_receiver(&group.receiver.name)
    });
    Ok(Json(groups))
}

/// As incidents are made of them: by the `group_by` of their route, else each by itself.
fn grouped(host: &Host, alerts: BTreeMap<String, ListedAlert>) -> Vec<ListedGroup> {
    let rules = host.keeper.rules();
    let mut groups: BTreeMap<Labels, Vec<ListedAlert>> = BTreeMap::new();
    for alert in alerts.into_values() {
        let route = rules.routes.iter().find(|route| route.matchers.iter().all(|m| m.matches(&alert.labels)));
        let group = route.map_or_else(|| alert.labels.clone(), |route| route.group_of(&alert.labels));
        groups.entry(group).or_default().push(alert);
    }
    let receiver = Receiver { name: RECEIVER.to_owned() };
    groups.into_iter().map(|(labels, alerts)| ListedGroup { labels, receiver: receiver.clone(), alerts }).collect()
}
