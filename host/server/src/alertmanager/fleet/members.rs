//! Who belongs to the fleet: those with a fixed URL, and those that are looked up again and again.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::super::Client;
use super::super::discovery::{Discovery, Place};
use crate::config;
use crate::http_client::{ClientParts, HttpOptionsError};

/// Longest that anybody waits for the first lookups. They have limits of their own; this is for a task that died.
const FIRST_LOOKUP: Duration = Duration::from_secs(30);

/// All members.
#[derive(Debug)]
pub(super) struct Members {
    fixed: Vec<Arc<Client>>,
    found: Option<Arc<Found>>,
}

/// Those that were looked up.
#[derive(Debug)]
struct Found {
    clients: RwLock<Vec<(Place, Arc<Client>)>>,
    /// True once every name was looked up for the first time, with whatever outcome.
    looked_up: watch::Sender<bool>,
    parts: ClientParts,
    timeout: Duration,
    fixed: BTreeSet<String>,
}

impl Members {
    pub(super) fn new(config: &config::Alertmanager) -> Result<Members, HttpOptionsError> {
        // Once for all, so that they share their tokens.
        let parts = config.http.parts()?;
        let mut fixed = Vec::new();
        for url in &config.urls {
            let http = parts.client_for(url, &[])?;
            fixed.push(Arc::new(Client::new(url.clone(), None, http, config.timeout)));
        }
        let Some(dns_sd) = &config.dns_sd else { return Ok(Members { fixed, found: None }) };
        let found = Arc::new(Found {
            clients: RwLock::default(),
            looked_up: watch::Sender::new(false),
            parts,
            timeout: config.timeout,
            fixed: fixed.iter().map(|client| client.url().to_owned()).collect(),
        });
        tokio::spawn(keep_up(Arc::downgrade(&found), Discovery::new(dns_sd.clone())));
        Ok(Members { fixed, found: Some(found) })
    }

    pub(super) fn now(&self) -> Vec<Arc<Client>> {
        let found = self.found.as_ref().map(|found| found.clients()).unwrap_or_default();
        self.fixed.iter().cloned().chain(found).collect()
    }

    pub(super) async fn found(&self) -> Vec<Arc<Client>> {
        if let Some(found) = &self.found {
            let mut looked_up = found.looked_up.subscribe();
            // Whoever has waited long enough goes on with what there is.
            let _ = tokio::time::timeout(FIRST_LOOKUP, looked_up.wait_for(|done| *done)).await;
        }
        self.now()
    }
}

/// Looks the names up until nobody needs them any more.
async fn keep_up(found: Weak<Found>, mut discovery: Discovery) {
    loop {
        let places = discovery.look_up().await;
        let Some(found) = found.upgrade() else { return };
        found.replace(places);
        found.looked_up.send_replace(true);
        drop(found);
        tokio::time::sleep(discovery.refresh_interval()).await;
    }
}

impl Found {
    fn clients(&self) -> Vec<Arc<Client>> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.iter().map(|(_, client)| client.clone()).collect()
    }

    /// Those that were there before stay, with their connections.
    fn replace(&self, places: Vec<Place>) {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let mut next: Vec<(Place, Arc<Client>)> = Vec::new();
        for place in places {
            if self.fixed.contains(&place.base.to_string()) || next.iter().any(|(known, _)| *known == place) {
                continue;
            }
            let known = clients.iter().find(|(known, _)| *known == place);
            match known.map(|(_, client)| client.clone()).map_or_else(|| self.client(&place), Ok) {
                Ok(client) => next.push((place, client)),
                Err(error) => {
                    tracing::warn!(alertmanager = %place.base, %error, "no client for an Alertmanager that was looked up")
                }
            }
        }
        let urls = |clients: &[(Place, Arc<Client>)]| {
            clients.iter().map(|(_, client)| client.url().to_owned()).collect::<BTreeSet<_>>()
        };
        let (before, after) = (urls(&clients), urls(&next));
        if before != after {
            let list = |urls: &BTreeSet<String>| urls.iter().cloned().collect::<Vec<_>>().join(", ");
            tracing::info!(before = list(&before), now = list(&after), "the Alertmanagers found by name have changed");
        }
        *clients = next;
    }

    fn client(&self, place: &Place) -> Result<Arc<Client>, HttpOptionsError> {
        let http = self.parts.client_for(&place.base, &place.addresses)?;
        let at: Vec<String> = place.addresses.iter().map(ToString::to_string).collect();
        let at = Some(at.join(", ")).filter(|at| !at.is_empty());
        Ok(Arc::new(Client::new(place.base.clone(), at.as_deref(), http, self.timeout)))
    }
}
