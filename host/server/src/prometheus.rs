//! Prometheus' query API: questions out, columns in.
//!
//! Speaks to Prometheus and to what speaks like it (VictoriaMetrics, Mimir, Thanos). Knows neither watches nor
//! detectors; a failed query is an error with a kind, never an empty answer.

mod answer;
mod chunks;
mod error;

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

#[cfg(test)]
pub(crate) use answer::RuleAlert;
pub(crate) use answer::{AlertRule, InstantAnswer, InstantSample, InstantValue, RangeAnswer, parse_range};
pub(crate) use chunks::plan_chunks;
pub(crate) use error::QueryError;

use crate::http_client::{BaseUrl, HttpClient, TransportError, read_capped, read_start};

/// First pause before a query is tried again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Error texts longer than this are cut.
const MAX_ERROR_TEXT: usize = 64 * 1024;

/// Smaller bodies are parsed where they are read; larger ones would hold up the async runtime.
const PARSE_APART: usize = 256 * 1024;

/// What one query may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryLimits {
    /// How long Prometheus may evaluate.
    pub(crate) timeout: Duration,
    /// How much longer we wait. Prometheus' own message says more than ours, and it comes after its timeout.
    pub(crate) grace: Duration,
    /// How long an answer may be, in bytes.
    pub(crate) max_body: usize,
    /// How often a query is tried where trying again can help; at least 1.
    pub(crate) tries: u32,
}

impl Default for QueryLimits {
    fn default() -> QueryLimits {
        // 256 MiB: ten times what 100,000 series of one sample take.
        QueryLimits {
            timeout: Duration::from_secs(30),
            grace: Duration::from_secs(5),
            max_body: 256 * 1024 * 1024,
            tries: 3,
        }
    }
}

/// One Prometheus.
#[derive(Debug)]
pub(crate) struct Client {
    base: BaseUrl,
    http: HttpClient,
    limits: QueryLimits,
    /// Set once a POST was refused and the same as GET was answered.
    get_only: AtomicBool,
}

impl Client {
    /// A client of the Prometheus at `base`.
    pub(crate) fn new(base: BaseUrl, http: HttpClient, limits: QueryLimits) -> Client {
        Client { base, http, limits, get_only: AtomicBool::new(false) }
    }

    /// Evaluates `expr` at every step from `start` to `end`, both included. The caller cuts long stretches with
    /// [`plan_chunks`].
    pub(crate) async fn query_range(
        &self,
        expr: &str,
        start: Timestamp,
        end: Timestamp,
        step: Duration,
    ) -> Result<RangeAnswer, QueryError> {
        self.query_range_up_to(expr, start, end, step, self.limits.max_body).await
    }

    /// As [`Self::query_range`], for an answer of at most so many bytes. For expressions that somebody else has chosen.
    pub(crate) async fn query_range_up_to(
        &self,
        expr: &str,
        start: Timestamp,
        end: Timestamp,
        step: Duration,
        max_body: usize,
    ) -> Result<RangeAnswer, QueryError> {
        let parameters = [
            ("query", expr.to_owned()),
            ("start", seconds(start)),
            ("end", seconds(end)),
            ("step", step.as_secs_f64().to_string()),
            ("timeout", format!("{}ms", self.limits.timeout.as_millis())),
        ];
        let body = self.ask("/api/v1/query_range", &parameters, max_body.min(self.limits.max_body)).await?;
        let answer = if body.len() < PARSE_APART {
            parse_range(&body)?
        } else {
            let parsed = tokio::task::spawn_blocking(move || parse_range(&body)).await;
            parsed.map_err(|stopped| QueryError::Garbage(format!("reading it was stopped: {stopped}")))??
        };
        let (series, bytes) = (answer.frame.series.len(), answer.body_bytes);
        tracing::debug!(expr, series, bytes, infos = ?answer.infos, "a range query was answered");
        Ok(answer)
    }

    /// Evaluates `expr` now.
    pub(crate) async fn query(&self, expr: &str) -> Result<InstantAnswer, QueryError> {
        self.query_up_to(expr, self.limits.max_body).await
    }

    /// Evaluates `expr` now, for an answer of at most so many bytes. For expressions that somebody else has chosen.
    pub(crate) async fn query_up_to(&self, expr: &str, max_body: usize) -> Result<InstantAnswer, QueryError> {
        let timeout = format!("{}ms", self.limits.timeout.as_millis());
        let parameters = [("query", expr.to_owned()), ("timeout", timeout)];
        let body = self.ask("/api/v1/query", &parameters, max_body.min(self.limits.max_body)).await?;
        answer::parse_instant(&body)
    }

    /// Evaluates `expr` at a point in time, for an answer of at most so many bytes.
    pub(crate) async fn query_at(
        &self,
        expr: &str,
        at: Timestamp,
        max_body: usize,
    ) -> Result<InstantAnswer, QueryError> {
        let timeout = format!("{}ms", self.limits.timeout.as_millis());
        let parameters = [("query", expr.to_owned()), ("time", seconds(at)), ("timeout", timeout)];
        let body = self.ask("/api/v1/query", &parameters, max_body.min(self.limits.max_body)).await?;
        answer::parse_instant(&body)
    }

    /// The alerting rules of these names. A server that does not know the filter lists all of its rules.
    pub(crate) async fn alert_rules(
        &self,
        names: &BTreeSet<&str>,
        max_body: usize,
    ) -> Result<Vec<AlertRule>, QueryError> {
        let mut parameters = vec![("type", "alert".to_owned())];
        parameters.extend(names.iter().map(|name| ("rule_name[]", (*name).to_owned())));
        let response = self.send(Method::GET, "/api/v1/rules", &parameters).await?;
        let body = self.read(response, max_body.min(self.limits.max_body)).await?;
        let mut rules = answer::parse_rules(&body)?;
        rules.retain(|rule| names.contains(rule.name.as_str()));
        Ok(rules)
    }

    /// The labels of all alerts that fire.
    pub(crate) async fn alerts(&self) -> Result<Vec<Labels>, QueryError> {
        // Looked up again by whoever needs it, so a failure is not tried again here.
        let response = self.send(Method::GET, "/api/v1/alerts", &[]).await?;
        let body = self.read(response, self.limits.max_body).await?;
        answer::parse_alerts(&body)
    }

    async fn ask(&self, path: &str, parameters: &[(&str, String)], max_body: usize) -> Result<Vec<u8>, QueryError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..self.limits.tries {
            match self.ask_once(path, parameters, max_body).await {
                Err(error) if error.is_passing() => {
                    tracing::debug!(%error, "a query is tried again");
                    tokio::time::sleep(jittered(pause)).await;
                    pause *= 2;
                }
                settled => return settled,
            }
        }
        self.ask_once(path, parameters, max_body).await
    }

    async fn ask_once(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        max_body: usize,
    ) -> Result<Vec<u8>, QueryError> {
        if !self.get_only.load(Ordering::Relaxed) {
            let response = self.send(Method::POST, path, parameters).await?;
            // Read-only proxies let GET alone through; long expressions need POST, so that comes first.
            if !matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED) {
                return self.read(response, max_body).await;
            }
        }
        let body = self.read(self.send(Method::GET, path, parameters).await?, max_body).await?;
        self.get_only.store(true, Ordering::Relaxed);
        Ok(body)
    }

    async fn send(&self, method: Method, path: &str, parameters: &[(&str, String)]) -> Result<Response, QueryError> {
        let by_form = method == Method::POST;
        let request = self.http.request(method, self.base.at(path))?.timeout(self.limits.timeout + self.limits.grace);
        let request = if by_form { request.form(parameters) } else { request.query(parameters) };
        request.send().await.map_err(|error| self.failed(error))
    }

    async fn read(&self, response: Response, max_body: usize) -> Result<Vec<u8>, QueryError> {
        match response.status() {
            StatusCode::OK => read_capped(response, max_body).await.map_err(|error| self.failed(error)),
            status => {
                let text = read_start(response, MAX_ERROR_TEXT).await.map_err(|error| self.failed(error))?;
                Err(QueryError::of_answer(status, &text))
            }
        }
    }

    fn failed(&self, error: TransportError) -> QueryError {
        QueryError::of_transport(error, &self.base.to_string())
    }
}

/// Seconds with a fraction where there is one, as the API wants it.
fn seconds(at: Timestamp) -> String {
    (at.0 as f64 / 1000.0).to_string()
}

/// Between half the pause and the whole: hosts that failed together do not come back together. Each `RandomState`
/// hashes with a key of its own, which is randomness enough for this.
fn jittered(pause: Duration) -> Duration {
    let share = RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64;
    pause.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests;
