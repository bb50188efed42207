//! The host's own alerts in every Alertmanager: one for each anomaly that is an incident, as long as it lasts; one for each
//! repair that is being carried out; and one for each request that reaches nobody.
//!
//! Computed from the book, so a restart goes on where it was. An alert that came from Alertmanager is not sent back.

mod board;
mod handling;
mod members;
mod record;
mod undelivered;
mod wording;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_domain::book::{Book, Incident};
use tidegate_domain::event::{Origin, RequestId};
use tidegate_domain::rules::Severity;
use tidegate_domain::time::Timestamp;

use crate::alertmanager::fingerprint;
use crate::clock;
use crate::config::Config;
use crate::host::Host;
use board::{Board, KEEP_RESOLVED, Wanted};
pub(crate) use members::Notices;
use undelivered::Undelivered;

/// How often the book is compared with the board where nothing has happened: time alone makes requests undelivered.
const EVERY: Duration = Duration::from_secs(1);
/// The shortest pause between two comparisons: a book may change a thousand times a second.
const LULL: Duration = Duration::from_millis(50);
/// And the pause is so many times as long as the comparison was: with very many incidents this must not take a core.
const REST: u32 = 10;
/// What is about to be done waits at most so long for the Alertmanagers to know of it. A dead one is not waited for.
const FIRST_TELL: Duration = Duration::from_secs(2);

/// Runs until the host stops. What stands is left standing: it lapses by itself.
pub(crate) async fn run(host: Arc<Host>) {
    let mut board = Board::default();
    let mut undelivered = Undelivered::default();
    let (mut revisions, mut setups) = (host.keeper.revisions(), host.setups());
    loop {
        let began = Instant::now();
        let setup = host.setup();
        let now = clock::now();
        let mut wanted = wanted(&host.keeper.book(), &host.keeper.rules().own_alertname, &setup.config, now);
        wanted.firing.extend(undelivered.compare(&host, &setup));
        if board.compare(wanted, now) {
            host.notices.show(&board);
        }
        members::fit(&host);
        tokio::select! {
            () = host.stopped() => return,
            () = tokio::time::sleep(LULL.max(began.elapsed() * REST)) => {}
        }
        // The senders live as long as the host, so these only end by news.
        tokio::select! {
            () = host.stopped() => return,
            _ = revisions.changed() => {}
            _ = setups.changed() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What the book says of anomalies and repairs.
fn wanted(book: &Book, own_alertname: &str, config: &Config, now: Timestamp) -> Wanted {
    let alert = |incident: &Incident| wording::alert_of(own_alertname, config, incident);
    let over =
        book.closed_since(now.minus(KEEP_RESOLVED)).filter_map(|closed| Some((alert(closed)?, closed.closed?.0)));
    let mut wanted = Wanted { firing: book.open_incidents().filter_map(alert).collect(), over: over.collect() };
    handling::want(book, own_alertname, config, now, &mut wanted);
    wanted
}

/// Waits a moment for the Alertmanagers to have the alert of an anomaly: only of an alert that they have do they say whether
/// it is held back.
pub(crate) async fn told_of(host: &Host, incident: &Incident) {
    let labels = wording::labels_of(&host.keeper.rules().own_alertname, incident, incident.severity);
    host.notices.told(&labels, FIRST_TELL).await;
}

/// True where an Alertmanager has been sent the alert of an anomaly, or would not take it. Not where it took nothing lately.
pub(crate) fn is_told(host: &Host, incident: &Incident) -> bool {
    let labels = wording::labels_of(&host.keeper.rules().own_alertname, incident, incident.severity);
    host.notices.any_knows(&labels)
}

/// Waits a moment for the Alertmanagers to know that a repair is being carried out, which may hold back pages about what it
/// is about to stir up.
pub(crate) async fn told_of_handling(host: &Host, request: &RequestId) {
    let labels = {
        let book = host.keeper.book();
        let request = book.request(request).filter(|request| request.is_handled());
        let Some((request, incident)) = request.and_then(|r| Some((r, book.incident(&r.incident)?))) else { return };
        handling::labels_of(&host.keeper.rules().own_alertname, incident, request)
    };
    host.notices.told(&labels, FIRST_TELL).await;
}

/// Under which names Alertmanager may know an incident. One whose severity has risen is another alert since then, and both
/// may be there for a moment.
pub(crate) fn fingerprints(host: &Host, incident: &Incident) -> BTreeSet<String> {
    let own_alertname = &host.keeper.rules().own_alertname;
    let all = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    match incident.origin {
        Origin::Alert { .. } => incident.alerts.keys().cloned().collect(),
        _ => {
            let until_now = all.into_iter().filter(|severity| *severity <= incident.severity);
            until_now.map(|severity| fingerprint(&wording::labels_of(own_alertname, incident, severity))).collect()
        }
    }
}

/// The fingerprints of this host's own alerts that it handles something, those that have just ended included: an
/// Alertmanager may still be inhibiting by them.
pub(crate) fn own_handling(host: &Host) -> BTreeSet<String> {
    let mut own = host.notices.handling();
    let own_alertname = &host.keeper.rules().own_alertname;
    let book = host.keeper.book();
    // What was approved a moment ago may not be on the board yet.
    for request in book.active_requests().filter(|request| request.is_handled()) {
        let Some(incident) = book.incident(&request.incident) else { continue };
        own.insert(fingerprint(&handling::labels_of(own_alertname, incident, request)));
    }
    own
}

#[cfg(test)]
mod testing {
    use tidegate_domain::labels::Labels;
    use tidegate_domain::time::Timestamp;

    use crate::alertmanager::OutgoingAlert;

    /// An alert of this severity that began then.
    pub(super) fn alert(severity: &str, starts_at: i64) -> OutgoingAlert {
        OutgoingAlert {
            labels: Labels::new([("alertname", "TidegateAnomaly"), ("severity", severity)]),
            annotations: Labels::empty(),
            starts_at: Timestamp(starts_at),
            ends_at: Timestamp(0),
            generator_url: None,
        }
    }
}
