//! One Alertmanager.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{DATE, HeaderMap};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tidegate_domain::time::Timestamp;

use super::wire::{ListedGroup, ListedSilence, Made, NewSilence, Status, posted};
use super::{AlertmanagerError, ListedAlert, OutgoingAlert, said};
use crate::clock;
use crate::http_client::{BaseUrl, HttpClient, TransportError, read_capped};

/// Longest list that is read: some hundred thousand alerts.
const MOST_BYTES: usize = 64 << 20;
/// Longest body of a status that is read. It holds the whole config.
const MOST_STATUS_BYTES: usize = 16 << 20;
/// Longest body of an error that is read.
const MOST_ERROR_BYTES: usize = 1 << 20;
/// As many alerts a request as Prometheus sends at most, unless it is told otherwise.
const MOST_ALERTS: usize = 256;
/// So many refusals are followed up while the bad alerts of one call are searched for. Whoever refuses more than that
/// refuses everything, as a proxy does that knows no such path.
const MOST_REFUSALS: usize = 200;

/// Parameters of a request, by name. A name can be there several times.
pub(super) type Query = Vec<(String, String)>;

/// One Alertmanager, at one address.
#[derive(Debug)]
pub(crate) struct Client {
    base: BaseUrl,
    url: String,
    http: HttpClient,
    timeout: Duration,
    ailing: AtomicBool,
}

/// The alerts of one Alertmanager.
pub(super) struct Seen {
    pub(super) alerts: Vec<ListedAlert>,
    /// For how long it runs; None where it does not say.
    pub(super) up: Option<Duration>,
}

impl Client {
    /// A client of the Alertmanager at `base`. `at` says where that is, for messages, where the URL does not.
    pub(crate) fn new(base: BaseUrl, at: Option<&str>, http: HttpClient, timeout: Duration) -> Client {
        let url = at.map_or_else(|| base.to_string(), |at| format!("{base} ({at})"));
        Client { base, url, http, timeout, ailing: AtomicBool::new(false) }
    }

    /// Its URL, for messages.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// True when it did not answer the last time it was looked at.
    pub(crate) fn is_ailing(&self) -> bool {
        self.ailing.load(Ordering::Relaxed)
    }

    /// Remembers whether it answered, and logs where that has changed.
    pub(super) fn note<T>(&self, outcome: &Result<T, AlertmanagerError>) {
        if matches!(outcome, Err(AlertmanagerError::Refused { status: 404 | 405, .. })) {
            // It has answered, and does not have what was asked for.
            return;
        }
        let was = self.ailing.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Err(error) if !was => {
                tracing::warn!(%error, "an Alertmanager cannot be asked; that is tried again each time")
            }
            Ok(_) if was => tracing::info!(alertmanager = self.url, "an Alertmanager can be asked again"),
            _ => {}
        }
    }

    /// All alerts that have not ended, held back or not.
    pub(super) async fn alerts(&self) -> Result<Vec<ListedAlert>, AlertmanagerError> {
        self.list("/api/v2/alerts", &[]).await
    }

    /// All alerts, and for how long it has had the time to be sent them.
    pub(super) async fn look(&self) -> Result<Seen, AlertmanagerError> {
        let alerts = self.alerts().await?;
        // Asked behind the list and every time: one that has started anew between the two counts as new.
        let up = self.status_and_clock().await.ok().and_then(|(status, now)| up_for(&status, now));
        Ok(Seen { alerts, up })
    }

    /// Alerts in the groups in which they are told.
    pub(crate) async fn groups(&self, query: &[(String, String)]) -> Result<Vec<ListedGroup>, AlertmanagerError> {
        self.list("/api/v2/alerts/groups", query).await
    }

    /// All silences, those that have ended lately included.
    pub(crate) async fn silences(&self, query: &[(String, String)]) -> Result<Vec<ListedSilence>, AlertmanagerError> {
        self.list("/api/v2/silences", query).await
    }

    /// One silence; None where there is none of this id.
    pub(crate) async fn silence(&self, id: &str) -> Result<Option<ListedSilence>, AlertmanagerError> {
        let Some(path) = silence_path(id) else { return Ok(None) };
        match self.list(&path, &[]).await {
            Ok(silence) => Ok(Some(silence)),
            Err(AlertmanagerError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a silence, or changes one; returns its id.
    pub(super) async fn make_silence(&self, wanted: &NewSilence) -> Result<String, AlertmanagerError> {
        let response = self.send(Method::POST, "/api/v2/silences", &[], Some(&wanted.posted())).await?;
        let body = self.read(response, MOST_ERROR_BYTES).await?;
        let made: Made = self.parse(&body)?;
        Ok(made.id)
    }

    /// Ends a silence.
    pub(super) async fn expire(&self, id: &str) -> Result<(), AlertmanagerError> {
        let Some(path) = silence_path(id) else { return Ok(()) };
        self.send(Method::DELETE, &path, &[], None).await.map(drop)
    }

    /// What it says about itself.
    pub(crate) async fn status(&self) -> Result<Status, AlertmanagerError> {
        Ok(self.status_and_clock().await?.0)
    }

    /// The same with the time by its own clock, where it says that as well.
    async fn status_and_clock(&self) -> Result<(Status, Timestamp), AlertmanagerError> {
        let response = self.send(Method::GET, "/api/v2/status", &[], None).await?;
        let now = date(response.headers()).unwrap_or_else(clock::now);
        let body = self.read(response, MOST_STATUS_BYTES).await?;
        Ok((self.parse(&body)?, now))
    }

    /// Sends alerts. A refused batch may have been stored in part, so it is sent again by halves until the alerts are
    /// found that are refused by themselves; those are returned, each with the reason.
    pub(crate) async fn post(
        &self,
        alerts: &[OutgoingAlert],
    ) -> Result<Vec<(OutgoingAlert, AlertmanagerError)>, AlertmanagerError> {
        let (mut refused, mut refusals) = (Vec::new(), 0);
        let mut batches: Vec<&[OutgoingAlert]> = alerts.chunks(MOST_ALERTS).rev().collect();
        while let Some(batch) = batches.pop() {
            let body = batch.iter().map(posted).collect();
            match self.send(Method::POST, "/api/v2/alerts", &[], Some(&body)).await {
                Ok(_) => {}
                // 422 is for a field of one of them, for which none is stored; 413 comes from a proxy to which the batch is
                // too long.
                Err(error @ AlertmanagerError::Refused { status: 400 | 413 | 422, .. }) => {
                    refusals += 1;
                    if batch.len() > 1 && refusals < MOST_REFUSALS {
                        let (first, second) = batch.split_at(batch.len() / 2);
                        batches.extend([second, first]);
                    } else {
                        refused.extend(batch.iter().map(|alert| (alert.clone(), error.clone())));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// Is it ready to be used?
    pub(crate) async fn ready(&self) -> Result<(), AlertmanagerError> {
        self.send(Method::GET, "/-/ready", &[], None).await.map(drop)
    }

    async fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
        query: &[(String, String)],
    ) -> Result<T, AlertmanagerError> {
        let response = self.send(Method::GET, path, query, None).await?;
        let body = self.read(response, MOST_BYTES).await?;
        // Long lists take their time, which the others on this thread need.
        let parsed =
            tokio::task::spawn_blocking(move || serde_json::from_slice(&body).map_err(|error| error.to_string()));
        parsed.await.unwrap_or_else(|panic| Err(panic.to_string())).map_err(|said| self.garbage(said))
    }

    fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, AlertmanagerError> {
        serde_json::from_slice(body).map_err(|error| self.garbage(error.to_string()))
    }

    async fn read(&self, response: Response, most: usize) -> Result<Vec<u8>, AlertmanagerError> {
        read_capped(response, most).await.map_err(|cause| self.transport(cause))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Result<Response, AlertmanagerError> {
        let mut request = self.http.request(method, self.base.at(path))?.timeout(self.timeout);
        if !query.is_empty() {
            request = request.query(query);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|cause| self.transport(cause))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let said = match status {
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT | StatusCode::FOUND => elsewhere(&response),
            _ => said(&self.read(response, MOST_ERROR_BYTES).await?),
        };
        Err(AlertmanagerError::Refused { url: self.url.clone(), status: status.as_u16(), said })
    }

    fn transport(&self, cause: TransportError) -> AlertmanagerError {
        AlertmanagerError::Transport { url: self.url.clone(), cause }
    }

    fn garbage(&self, said: String) -> AlertmanagerError {
        AlertmanagerError::Garbage { url: self.url.clone(), said }
    }
}

/// Ids are UUIDs. Anything else is no silence, and must not become another path.
fn silence_path(id: &str) -> Option<String> {
    let fits = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fits.then(|| format!("/api/v2/silence/{id}"))
}

/// A redirect that was not followed, because it leads to another host or the config forbids it.
fn elsewhere(response: &Response) -> String {
    let to = response.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
    format!("a redirect to {:?}, which is not followed", to.chars().take(200).collect::<String>())
}

/// The time of the answer, to the second.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(Timestamp(at.timestamp().as_millisecond()))
}

fn up_for(status: &Status, now: Timestamp) -> Option<Duration> {
    let since: jiff::Timestamp = status.uptime.parse().ok()?;
    Some(now.since(Timestamp(since.as_millisecond())))
}
