//! Fetching the alerts of a group that a delivery did not hold: Alertmanager cuts them off at `max_alerts` of the receiver.

use std::sync::Arc;

use tidegate_domain::event::{Alert, IncidentId, LeftOut};
use tidegate_domain::input::Input;
use tidegate_domain::time::Timestamp;

use super::AGAIN;
use crate::alertmanager::{ListedAlert, ListedGroup};
use crate::clock;
use crate::host::Host;

/// Fetches them. Where they cannot be had the book gives them up by itself after a while.
pub(super) async fn fetch(host: &Arc<Host>, id: &IncidentId) {
    let Some(missing) = host.keeper.book().incident(id).and_then(|open| open.left_out.clone()) else { return };
    let left_out = missing.left_out;
    let setup = host.setup();
    let Some(fleet) = &setup.alertmanager else {
        // Once is enough.
        if clock::now().since(missing.at) < AGAIN {
            tracing::warn!(
                incident = %id, missing = left_out.count,
                "a delivery did not hold all alerts of its group, and without [alertmanager] they cannot be fetched; name it \
                 in the config, or set max_alerts of the receiver to 0"
            );
        }
        return;
    };
    let receiver = quoted(&left_out.receiver);
    // Those that are held back are not delivered either.
    let query = [("receiver", receiver.as_str()), ("silenced", "false"), ("inhibited", "false")];
    match fleet.groups(&query).await {
        // None at all is an answer as well: what is not there now was resolved meanwhile, and will not be there later.
        Ok(groups) => {
            let alerts = of_group(groups, &left_out);
            host.keeper.insist(Input::LeftOutFetched { incident: id.clone(), alerts }).await;
        }
        // Whether an Alertmanager answers is logged where it changes.
        Err(error) => tracing::debug!(incident = %id, %error, "alerts that were left out could not be fetched yet"),
    }
}

/// The alerts of the group, whichever of several of the same name they are in: two routes may lead to one receiver.
fn of_group(groups: Vec<ListedGroup>, left_out: &LeftOut) -> Vec<Alert> {
    let same = |group: &ListedGroup| group.receiver.name == left_out.receiver && group.labels == left_out.group_labels;
    groups.into_iter().filter(same).flat_map(|group| group.alerts).filter_map(read).collect()
}

/// None for one whose times cannot be read.
fn read(listed: ListedAlert) -> Option<Alert> {
    let starts_at: jiff::Timestamp = listed.starts_at.parse().ok()?;
    Some(Alert {
        fingerprint: listed.fingerprint,
        labels: listed.labels,
        annotations: listed.annotations,
        starts_at: Timestamp(starts_at.as_millisecond()),
        firing: true,
        generator_url: Some(listed.generator_url).filter(|url| !url.is_empty()),
    })
}

/// The name of a receiver as a regular expression that only it matches.
fn quoted(name: &str) -> String {
    let quote = |sign: char| sign.is_ascii_punctuation().then_some('\\').into_iter().chain([sign]);
    name.chars().flat_map(quote).collect()
}

#[cfg(test)]
mod tests {
    use tidegate_domain::labels::Labels;

    use super::*;

    #[test]
    fn alerts_come_from_the_group_that_was_cut_off() {
        let listed = serde_json::json!([
            { "labels": { "service": "a" }, "receiver": { "name": "hook.a" }, "alerts": [
                { "fingerprint": "1", "labels": { "alertname": "A" }, "startsAt": "2026-11-22T09:37:10.5Z",
                  "generatorURL": "http://p/graph", "status": { "state": "active" } },
                { "fingerprint": "2", "labels": { "alertname": "A" }, "startsAt": "never", "status": {} },
            ] },
            { "labels": { "service": "b" }, "receiver": { "name": "hook.a" }, "alerts": [
                { "fingerprint": "3", "labels": {}, "startsAt": "2026-11-22T09:37:10Z", "status": {} } ] },
            { "labels": { "service": "a" }, "receiver": { "name": "hookXa" }, "alerts": [
                { "fingerprint": "4", "labels": {}, "startsAt": "2026-11-22T09:37:10Z", "status": {} } ] },
        ]);
        let groups: Vec<ListedGroup> = serde_json::from_value(listed).expect("groups");
        let left_out = |receiver: &str| LeftOut {
            count: 3,
            receiver: receiver.to_owned(),
            group_labels: Labels::new([("service", "a")]),
        };
        let alerts = of_group(groups.clone(), &left_out("hook.a"));
        assert_eq!(alerts.iter().map(|alert| alert.fingerprint.as_str()).collect::<Vec<_>>(), ["1"]);
        assert_eq!(alerts[0].starts_at, Timestamp(1_795_340_230_500));
        assert_eq!(alerts[0].generator_url.as_deref(), Some("http://p/graph"));
        assert!(alerts[0].firing);
        assert!(of_group(groups, &left_out("another")).is_empty());
    }

    #[test]
    fn names_of_receivers_are_taken_for_themselves() {
        assert_eq!(quoted("team-a/hook.b ü"), r"team\-a\/hook\.b ü");
    }
}
