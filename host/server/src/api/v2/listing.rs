//! The alerts that there are: those that the upstream Alertmanagers list, and those that are only known here.

use std::collections::BTreeMap;

use tidegate_domain::event::Alert;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use super::fault::Fault;
use crate::alertmanager::{AlertStatus, ListedAlert, OutgoingAlert, Receiver, fingerprint};
use crate::clock;
use crate::host::Host;
use crate::inbox::{RESOLVE_TIMEOUT, SentAlert};

/// Who is told of alerts that are only known here.
pub(super) const RECEIVER: &str = "tidegate";

/// All of them, by fingerprint. What an upstream lists is as it says: it knows who is told, and what holds an alert back.
pub(super) async fn alerts(host: &Host) -> Result<BTreeMap<String, ListedAlert>, Fault> {
    let mut alerts = here(host);
    if let Some(fleet) = &host.setup().alertmanager {
        // Without an answer it is not known what there is: a list that only holds what is known here would say that all
        // else is well.
        let listing = fleet.look().await.map_err(|error| Fault::failed(error.to_string()))?;
        alerts.extend(listing.alerts.clone());
    }
    Ok(alerts)
}

/// Those that were sent here and fire, the host's own, and those of open incidents.
pub(super) fn here(host: &Host) -> BTreeMap<String, ListedAlert> {
    let now = clock::now();
    let mut alerts = BTreeMap::new();
    let mut list = |alert: ListedAlert| alerts.insert(alert.fingerprint.clone(), alert);
    for alert in host.keeper.book().open_incidents().flat_map(|open| open.alerts.values()).filter(|alert| alert.firing)
    {
        list(delivered(alert, now));
    }
    for alert in host.notices.standing() {
        list(own(&alert, now));
    }
    // These come last: whoever sends an alert says until when it stands.
    for alert in host.inbox.firing(now) {
        list(sent(&alert));
    }
    alerts
}

fn delivered(alert: &Alert, now: Timestamp) -> ListedAlert {
    let times = [alert.starts_at, now.plus(RESOLVE_TIMEOUT), now];
    listed(&alert.labels, &alert.annotations, times, alert.generator_url.as_deref())
}

fn own(alert: &OutgoingAlert, now: Timestamp) -> ListedAlert {
    let times = [alert.starts_at, now.plus(RESOLVE_TIMEOUT), now];
    listed(&alert.labels, &alert.annotations, times, None)
}

fn sent(alert: &SentAlert) -> ListedAlert {
    let times = [alert.starts_at, alert.ends_at, alert.updated_at];
    listed(&alert.labels, &alert.annotations, times, alert.generator_url.as_deref())
}

/// `times` are when it began, until when it stands, and when it last came.
fn listed(labels: &Labels, annotations: &Labels, times: [Timestamp; 3], generator_url: Option<&str>) -> ListedAlert {
    let [starts_at, ends_at, updated_at] = times.map(clock::rfc3339);
    ListedAlert {
        fingerprint: fingerprint(labels),
        labels: labels.clone(),
        annotations: annotations.clone(),
        starts_at,
        ends_at,
        updated_at,
        generator_url: generator_url.unwrap_or("").to_owned(),
        receivers: vec![Receiver { name: RECEIVER.to_owned() }],
        status: AlertStatus { state: "active".to_owned(), ..AlertStatus::default() },
    }
}
