//! Looking at Alertmanager for the open incidents: which of their alerts still fire, and whether they are held back.
//!
//! An alert that resolves while it is silenced sends no message, ever; and a silence sends none either.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::book::Incident;
use tidegate_domain::event::Origin;
use tidegate_domain::input::{Input, Look};

use crate::alertmanager::Listing;
use crate::clock;
use crate::host::Host;
use crate::notices::fingerprints;
use crate::setup::Setup;

/// How often the interval is compared with the time: a reload may change it.
const EVERY: Duration = Duration::from_secs(1);
/// An Alertmanager that has just been started lists nothing until Prometheus has sent everything again, once a minute.
const GONE_AFTER: Duration = Duration::from_secs(120);

/// Runs until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    let mut last: Option<tokio::time::Instant> = None;
    loop {
        tokio::select! {
            () = host.stopped() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let setup = host.setup();
        let Some(config) = &setup.config.alertmanager else { continue };
        if last.is_some_and(|at| at.elapsed() < config.poll_interval) {
            continue;
        }
        last = Some(tokio::time::Instant::now());
        look(&host, &setup).await;
    }
}

async fn look(host: &Arc<Host>, setup: &Setup) {
    let open: Vec<Incident> = host.keeper.book().open_incidents().cloned().collect();
    let Some(fleet) = setup.alertmanager.as_ref().filter(|_| !open.is_empty()) else { return };
    // A look may be shared that is a second old.
    let asked_at = clock::now().minus(Duration::from_secs(1));
    let listing = match fleet.look().await {
        Ok(listing) => listing,
        Err(error) => return tracing::warn!(%error, "Alertmanager could not be asked for the alerts of open incidents"),
    };
    let mut looks = BTreeMap::new();
    for incident in &open {
        looks.insert(incident.id.clone(), look_of(host, setup, incident, &listing).await);
    }
    host.keeper.insist(Input::Looked { asked_at, looks }).await;
}

async fn look_of(host: &Host, setup: &Setup, incident: &Incident, listing: &Listing) -> Look {
    let silence = listing.silence_of(&fingerprints(host, incident));
    let mut look = Look { firing: Default::default(), gone: Default::default(), silence };
    if !matches!(incident.origin, Origin::Alert { .. }) {
        return look;
    }
    let (here, gone) = incident.alerts.keys().cloned().partition(|alert| listing.alerts.contains_key(alert));
    look.firing = here;
    let absent = look.firing.is_empty() && gone_from_prometheus(setup, incident).await;
    let absent_for = host.pulse.alerts_looked_up(&incident.id, clock::now(), absent);
    let verifying = host.keeper.book().verifying(incident).is_some();
    // A repair is judged by several looks in a row anyway.
    if absent && (verifying || listing.whole || absent_for >= GONE_AFTER) {
        look.gone = gone;
    }
    look
}

/// Alertmanager also drops the alerts of a Prometheus that died, so the source has to say it as well.
async fn gone_from_prometheus(setup: &Setup, open: &Incident) -> bool {
    match setup.prometheus.alerts().await {
        Ok(firing) => !open.alerts.values().any(|alert| firing.iter().any(|labels| labels.within(&alert.labels))),
        Err(_) => false,
    }
}
