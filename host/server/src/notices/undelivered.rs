//! A request that no channel takes is an alert of its own: nobody can decide about what nobody is told of.
//!
//! It goes another way than the request did, and it opens no incident here: see
//! [`REQUEST_UNDELIVERED`].

use std::time::Duration;

use tidegate_domain::book::{Approval, Book, Incident, Request};
use tidegate_domain::decide::REQUEST_UNDELIVERED;
use tidegate_domain::event::RequestId;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use super::wording::{beside_own, page_of};
use crate::alertmanager::OutgoingAlert;
use crate::clock;
use crate::host::Host;
use crate::setup::Setup;

/// A channel that is only slow, or limits how much it takes, has had several tries by then.
const AFTER: Duration = Duration::from_secs(30);

/// The requests that nobody was told of.
#[derive(Default)]
pub(super) struct Undelivered {
    standing: Vec<RequestId>,
}

impl Undelivered {
    /// The alerts of those that wait now. Logs which are new, and which are over.
    pub(super) fn compare(&mut self, host: &Host, setup: &Setup) -> Vec<OutgoingAlert> {
        let (book, now) = (host.keeper.book(), clock::now());
        let (mut standing, mut alerts) = (Vec::new(), Vec::new());
        for (request, incident) in undelivered(&book, now) {
            if !self.standing.contains(&request.id) {
                tracing::error!(
                    request = %request.id,
                    "nobody could be told that the request waits; it ends {} unless somebody finds it by \
                     `tidegate approval list`; see the errors before this one",
                    clock::rfc3339(request.proposal.deadline)
                );
            }
            alerts.push(alert(setup, request, incident));
            standing.push(request.id.clone());
        }
        for over in self.standing.iter().filter(|id| !standing.contains(id)) {
            tracing::info!(request = %over, "the request has been delivered, or is over");
        }
        host.metrics.undelivered(standing.len());
        self.standing = standing;
        alerts
    }
}

fn undelivered(book: &Book, now: Timestamp) -> impl Iterator<Item = (&Request, &Incident)> {
    let waiting = book.active_requests().filter(|request| request.approval == Approval::Pending);
    let unheard = waiting.filter(move |request| request.announced.is_empty() && now.since(request.opened_at) >= AFTER);
    unheard.filter_map(|request| Some((request, book.incident(&request.incident)?)))
}

fn alert(setup: &Setup, request: &Request, incident: &Incident) -> OutgoingAlert {
    // As bad as it gets, whatever the incident is: the gate itself does not work.
    let own = [("alertname", REQUEST_UNDELIVERED), ("request", &request.id.0), ("severity", "critical")];
    let action = &request.proposal.action;
    let mut annotations = vec![
        ("summary", format!("nobody could be told that request {} waits for a decision", request.id)),
        (
            "description",
            format!(
                "{} on {} waits until {}, and no answer means no; no configured channel took the message",
                action.name,
                action.target,
                clock::rfc3339(request.proposal.deadline)
            ),
        ),
        ("incident", incident.id.0.clone()),
    ];
    if let Some(url) = &setup.config.server.external_url {
        annotations.push(("tidegate_url", format!("{url}/requests/{}", request.id)));
    }
    OutgoingAlert {
        labels: beside_own(incident.labels.iter(), &own),
        annotations: Labels::new(annotations),
        starts_at: request.opened_at,
        ends_at: Timestamp(0),
        generator_url: page_of(&setup.config, incident),
    }
}
