//! Telling people about requests: what the book says they have not been told yet.
//!
//! Computed from the book, so a restart goes on where it was. It may tell twice, where the host dies between sending a
//! message and recording it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_domain::book::{Approval, Incident, Request};
use tidegate_domain::event::RequestId;
use tidegate_domain::input::Input;

use crate::host::Host;
use crate::slack;

/// How often the book is looked at where it does not change.
const EVERY: Duration = Duration::from_secs(1);
/// The pause before a message that was not taken is sent again.
const AGAIN: Duration = Duration::from_secs(5);

/// Runs until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    let mut revisions = host.keeper.revisions();
    let mut resting = BTreeMap::new();
    loop {
        announce_all(&host, &mut resting).await;
        tokio::select! {
            () = host.stopped() => return,
            // Fails only where the keeper is gone, which lives as long as the host.
            _ = revisions.changed() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn announce_all(host: &Host, resting: &mut BTreeMap<RequestId, Instant>) {
    resting.retain(|_, until| *until > Instant::now());
    let waiting: Vec<(Request, Incident)> = {
        let book = host.keeper.book();
        let waiting = book.active_requests().filter(|request| request.approval == Approval::Pending);
        let untold = waiting.filter(|request| request.announced.is_empty() && !resting.contains_key(&request.id));
        untold.filter_map(|request| Some((request.clone(), book.incident(&request.incident)?.clone()))).collect()
    };
    for (request, incident) in waiting {
        if !announce(host, &request, &incident).await {
            resting.insert(request.id, Instant::now() + AGAIN);
        }
    }
}

/// True once it is told.
async fn announce(host: &Host, request: &Request, incident: &Incident) -> bool {
    let told = |via: &str| Input::Announced {
        request: request.id.clone(),
        via: via.to_owned(),
        message: None,
        stage: (via != "log").then(|| request.stage()),
    };
    let setup = host.setup();
    let Some(slack) = &setup.slack else {
        // The log has it already, with the event.
        host.keeper.insist(told("log")).await;
        return true;
    };
    let sent = slack.post(&slack::request_message(request, incident)).await;
    host.metrics.count_notification("slack", sent.is_ok());
    match sent {
        Ok(()) => {
            host.keeper.insist(told("slack")).await;
            true
        }
        Err(error) => {
            tracing::error!(request = %request.id, %error, "Slack did not take the message; trying again");
            false
        }
    }
}
