//! The host's own alerts in Alertmanager: one for each anomaly that is an incident, as long as it lasts, and one for each
//! request that reaches nobody.
//!
//! Computed from the book, so a restart goes on where it was. An alert that came from Alertmanager is not sent back.

mod undelivered;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::book::Incident;
use tidegate_domain::event::{IncidentId, Origin};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::alertmanager::{AlertBoard, Client, OutgoingAlert, fingerprint};
use crate::clock;
use crate::host::Host;
use crate::setup::Setup;
use undelivered::Undelivered;

/// How often the book is compared with what stands in Alertmanager; a minute is when alerts are repeated.
const EVERY: Duration = Duration::from_secs(1);
/// Incidents that closed longer ago are not resolved again after a restart.
const LATELY: Duration = Duration::from_secs(15 * 60);

/// Runs until the host stops. Open incidents' alerts are left standing: they lapse by themselves.
pub(crate) async fn run(host: Arc<Host>) {
    let mut board = AlertBoard::default();
    let mut undelivered = Undelivered::default();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut told = None;
    loop {
        tokio::select! {
            () = host.stopped() => return,
            _ = ticks.tick() => {}
        }
        let setup = host.setup();
        undelivered.compare(&host, &setup);
        let Some(alertmanager) = setup.alertmanager.as_ref().and_then(|fleet| fleet.members().pop()) else { continue };
        compare(&host, &setup, &mut board);
        let failed = send(&host, &alertmanager, &mut board).await;
        let failed = failed.or(send(&host, &alertmanager, undelivered.board()).await);
        match (&failed, &told) {
            (Some(error), _) if failed != told => {
                tracing::error!(error, "alerts could not be sent to Alertmanager; trying again");
            }
            (None, Some(_)) => tracing::info!("Alertmanager takes alerts again"),
            _ => {}
        }
        told = failed;
    }
}

fn compare(host: &Host, setup: &Setup, board: &mut AlertBoard<IncidentId>) {
    let now = clock::now();
    let book = host.keeper.book();
    for incident in book.incidents() {
        match incident.closed {
            None => {
                if let Some(alert) = alert_of(host, setup, incident) {
                    board.raise(&incident.id, alert);
                }
            }
            Some((at, _)) if now.since(at) < LATELY => {
                // After a restart the board is empty: what is resolved must have been raised.
                if let Some(alert) = alert_of(host, setup, incident).filter(|_| !board.knows(&incident.id)) {
                    board.raise(&incident.id, alert);
                }
                board.resolve(&incident.id, at);
            }
            Some(_) => {}
        }
    }
}

/// Returns what went wrong, for the log.
async fn send<Id: Clone + PartialEq>(host: &Host, alertmanager: &Client, board: &mut AlertBoard<Id>) -> Option<String> {
    let now = clock::now();
    let (about, alerts): (Vec<Id>, Vec<OutgoingAlert>) = board.due(now).into_iter().unzip();
    if alerts.is_empty() {
        return None;
    }
    let answer = alertmanager.post(&alerts).await;
    host.metrics.count_notification("alertmanager", answer.as_ref().is_ok_and(Vec::is_empty));
    match answer {
        Ok(refused) => {
            // A refused alert would be refused again; it comes back with the next repetition.
            board.sent(&about, now);
            refused.first().map(|(alert, error)| format!("{} was refused: {error}", alert.labels))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// The alert of an incident; none for one that is an alert already.
pub(crate) fn alert_of(host: &Host, setup: &Setup, incident: &Incident) -> Option<OutgoingAlert> {
    let what = match incident.origin {
        Origin::Alert { .. } => return None,
        Origin::Anomaly { .. } => "is anomalous",
        Origin::Absence { .. } => "stopped coming",
    };
    let watch = incident.origin.name();
    let worst = incident.worst();
    let mut description = format!("incident {} since {}", incident.id, clock::rfc3339(incident.since));
    if let Some(worst) = worst {
        description.push_str(&format!(
            "; value {}, expected {} ({} to {})",
            worst.value.0, worst.expected.0, worst.lower.0, worst.upper.0
        ));
    }
    let mut annotations = vec![
        ("summary", format!("{watch} {what}: {}", incident.labels)),
        ("description", description),
        ("incident", incident.id.0.clone()),
    ];
    if let Some(url) = &setup.config.server.external_url {
        annotations.push(("tidegate_url", format!("{url}/incidents/{}", incident.id)));
    }
    Some(OutgoingAlert {
        labels: labels_of(host, incident),
        annotations: Labels::new(annotations),
        starts_at: incident.since,
        ends_at: Timestamp(0),
    })
}

/// A severity that rises makes another alert, which may be routed to other people; the old one is resolved.
fn labels_of(host: &Host, incident: &Incident) -> Labels {
    let rules = host.keeper.rules();
    let own = [
        ("alertname", rules.own_alertname.as_str()),
        ("watch", incident.origin.name()),
        ("severity", incident.severity.name()),
    ];
    let group = incident.labels.iter().filter(|(name, _)| *name != "__name__");
    Labels::new(group.chain(own))
}

/// Under which names Alertmanager may know an incident.
pub(crate) fn fingerprints(host: &Host, incident: &Incident) -> BTreeSet<String> {
    match incident.origin {
        Origin::Alert { .. } => incident.alerts.keys().cloned().collect(),
        _ => BTreeSet::from([fingerprint(&labels_of(host, incident))]),
    }
}
