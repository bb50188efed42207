//! An alert that an incident is being seen to: it stands from the approval of a repair to the end of its verification, so
//! that an inhibit rule can hold back the page meanwhile. When the repair ends, however it ends, or this host dies, it goes
//! and the page goes out.

use tidegate_domain::book::{Approval, Book, Incident, Request, Run};
use tidegate_domain::decide::HANDLING;
use tidegate_domain::event::Origin;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use super::board::{KEEP_RESOLVED, Wanted};
use super::wording::{beside_own, page_of};
use crate::alertmanager::OutgoingAlert;
use crate::clock;
use crate::config::Config;

/// Nobody is to be told of it: the severity that `Watchdog` and `InfoInhibitor` have in the rules that most people use, and
/// route to nobody.
const SEVERITY: &str = "none";

/// Adds what is handled, and what was until lately.
pub(super) fn want(book: &Book, own_alertname: &str, config: &Config, now: Timestamp, wanted: &mut Wanted) {
    let alert = |request: &Request| {
        let (approved, incident) = (Approved::of(request)?, book.incident(&request.incident)?);
        Some(alert(own_alertname, config, incident, request, &approved))
    };
    let handled = book.active_requests().filter(|request| request.is_handled());
    wanted.firing.extend(handled.filter_map(alert));
    // A host that was killed while it handled them has to say that it does not any more.
    let lately = now.minus(KEEP_RESOLVED);
    let incidents = book.open_incidents().chain(book.closed_since(lately));
    for request in incidents.flat_map(|incident| book.requests_of(incident)) {
        if let Some(at) = handled_until(request).filter(|at| *at >= lately) {
            wanted.over.extend(alert(request).map(|alert| (alert, at)));
        }
    }
}

/// The labels of the alert that says that this request is being carried out.
///
/// Those of the incident, so that `equal` of an inhibit rule finds them on both sides; but not its severity, by which it would be
/// routed as what it is to hold back.
pub(super) fn labels_of(own_alertname: &str, incident: &Incident, request: &Request) -> Labels {
    let mut own = vec![
        ("alertname", HANDLING),
        ("severity", SEVERITY),
        ("incident", incident.id.0.as_str()),
        ("request", request.id.0.as_str()),
    ];
    match &incident.origin {
        Origin::Alert { .. } => own.extend(incident.labels.get("alertname").map(|name| ("handled_alertname", name))),
        Origin::Anomaly { watch, .. } | Origin::Absence { watch, .. } => {
            own.extend([("handled_alertname", own_alertname), ("watch", watch)]);
        }
    }
    // Of an anomaly these are labels of its own; see `beside_own`.
    let is_alert = matches!(incident.origin, Origin::Alert { .. });
    beside_own(incident.labels.iter().filter(|(name, _)| !is_alert || !["alertname", "severity"].contains(name)), &own)
}

fn alert(
    own_alertname: &str,
    config: &Config,
    incident: &Incident,
    request: &Request,
    approved: &Approved,
) -> OutgoingAlert {
    let action = &request.proposal.action;
    let mut annotations = vec![
        ("summary", format!("tidegate sees to incident {}: {} on {}", incident.id, action.name, action.target)),
        ("description", approved.told(request)),
        ("incident", incident.id.0.clone()),
        ("request", request.id.0.clone()),
    ];
    if let Some(url) = &config.server.external_url {
        annotations.push(("tidegate_url", format!("{url}/requests/{}", request.id)));
    }
    OutgoingAlert {
        labels: labels_of(own_alertname, incident, request),
        annotations: Labels::new(annotations),
        starts_at: approved.at,
        ends_at: Timestamp(0),
        generator_url: page_of(config, incident),
    }
}

/// When a request was approved, and by whom; by nobody where the config let it pass.
struct Approved<'a> {
    at: Timestamp,
    by: Vec<&'a str>,
}

impl Approved<'_> {
    fn of(request: &Request) -> Option<Approved<'_>> {
        let Approval::Approved { at, .. } = &request.approval else { return None };
        Some(Approved { at: *at, by: request.yeses.iter().map(|yes| yes.by.approver.as_str()).collect() })
    }

    fn told(&self, request: &Request) -> String {
        let at = clock::rfc3339(self.at);
        match self.by.as_slice() {
            [] => format!("request {} passed by itself at {at}, as the config allows", request.id),
            by => format!("request {} was approved by {} at {at}", request.id, by.join(" and ")),
        }
    }
}

/// When a request that had been approved came to its end, whatever it was; None before, and where there was nothing to handle.
fn handled_until(request: &Request) -> Option<Timestamp> {
    if request.is_active() || request.proposal.action.dry_run {
        return None;
    }
    let verified = request.verification.as_ref().and_then(|verification| verification.outcome.as_ref());
    match (&request.approval, &request.run) {
        (Approval::Approved { .. }, Run::Refused { at, .. }) => Some(*at),
        (Approval::Approved { .. }, Run::Finished { at, .. }) => Some(verified.map_or(*at, |(at, ..)| *at)),
        _ => None,
    }
}
