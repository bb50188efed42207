//! What the demo asks the real parts, in their own words: Prometheus', Alertmanager's, tidegate's and the shop's HTTP
//! interfaces. Nothing here waits or judges.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::parts::Addresses;

/// Longer than any answer on loopback takes, short enough to ask again.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How a run ends that nobody verifies.
const ENDS: [&str; 4] = ["failed", "unknown", "refused", "dry_run"];

/// All interfaces, with the token of the approver.
pub(crate) struct Apis {
    agent: ureq::Agent,
    addresses: Addresses,
    token: String,
}

/// An alert that Alertmanager holds for active.
#[derive(Debug)]
pub(crate) struct ActiveAlert {
    pub(crate) labels: Value,
    pub(crate) receivers: Vec<String>,
}

/// An incident as tidegate tells it.
#[derive(Debug, Clone)]
pub(crate) struct Incident {
    pub(crate) id: String,
    pub(crate) open: bool,
    pub(crate) severity: String,
    /// The value that opened it and what was expected instead, as far as it tells.
    pub(crate) value: Option<f64>,
    pub(crate) expected: Option<f64>,
    /// The kinds of its journal events, oldest first. Empty in a list of incidents.
    pub(crate) timeline: Vec<TimelineEntry>,
}

/// One event of the journal.
#[derive(Debug, Clone)]
pub(crate) struct TimelineEntry {
    pub(crate) kind: String,
    pub(crate) text: String,
}

/// A request as tidegate tells it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) action: String,
    pub(crate) summary: String,
    pub(crate) digest: String,
    /// What verification, or the run itself, came to. None while it goes on.
    pub(crate) outcome: Option<String>,
}

/// A call that the shop took.
#[derive(Debug, PartialEq)]
pub(crate) struct ShopCall {
    pub(crate) path: String,
    pub(crate) idempotency_key: Option<String>,
}

impl Apis {
    pub(crate) fn new(addresses: Addresses, token: String) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // All is on loopback, whatever the environment says of proxies.
            .proxy(None);
        Self { agent: config.build().into(), addresses, token }
    }

    /// Whether Prometheus answers queries.
    pub(crate) fn prometheus_is_ready(&self) -> anyhow::Result<bool> {
        Ok(self.get(&self.prometheus("/-/ready"))?.0 == 200)
    }

    /// Whether Alertmanager takes alerts.
    pub(crate) fn alertmanager_is_ready(&self) -> anyhow::Result<bool> {
        Ok(self.get(&self.alertmanager("/-/ready"))?.0 == 200)
    }

    /// Whether tidegate watches.
    pub(crate) fn tidegate_is_ready(&self) -> anyhow::Result<bool> {
        Ok(self.get(&self.tidegate("/-/ready"))?.0 == 200)
    }

    /// Whether Prometheus has scraped the shop: the made history lacks this metric of every scrape.
    pub(crate) fn prometheus_scrapes(&self) -> anyhow::Result<bool> {
        let answer = self.get_json(&self.prometheus("/api/v1/query?query=scrape_samples_scraped"))?;
        Ok(!list(&answer, "/data/result")?.is_empty())
    }

    /// Whether the rule `alertname` fires, by both of Prometheus' lists.
    pub(crate) fn rule_fires(&self, alertname: &str) -> anyhow::Result<bool> {
        let alerts = self.get_json(&self.prometheus("/api/v1/alerts"))?;
        let firing = list(&alerts, "/data/alerts")?
            .iter()
            .any(|alert| alert["labels"]["alertname"] == alertname && alert["state"] == "firing");
        let rules = self.get_json(&self.prometheus("/api/v1/rules?type=alert"))?;
        let rule_firing = list(&rules, "/data/groups")?
            .iter()
            .filter_map(|group| group["rules"].as_array())
            .flatten()
            .any(|rule| rule["name"] == alertname && rule["state"] == "firing");
        Ok(firing && rule_firing)
    }

    /// The alerts called `alertname` that Alertmanager holds for active; it lists no resolved ones.
    pub(crate) fn active_alerts(&self, alertname: &str) -> anyhow::Result<Vec<ActiveAlert>> {
        let answer = self.get_json(&self.alertmanager("/api/v2/alerts"))?;
        let active = list(&answer, "")?
            .iter()
            .filter(|alert| alert["labels"]["alertname"] == alertname && alert["status"]["state"] == "active")
            .map(|alert| ActiveAlert {
                labels: alert["labels"].clone(),
                receivers: alert["receivers"]
                    .as_array()
                    .map(|all| all.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect())
                    .unwrap_or_default(),
            })
            .collect();
        Ok(active)
    }

    /// None when the shop is well, otherwise what it complains of.
    pub(crate) fn shop_ailment(&self) -> anyhow::Result<Option<String>> {
        let (status, body) = self.get(&self.shop("/healthz"))?;
        Ok((status != 200).then(|| body.trim().to_owned()))
    }

    /// Breaks the shop.
    pub(crate) fn break_shop(&self) -> anyhow::Result<()> {
        self.call_shop("/fault")
    }

    /// Mends the shop as an operator would, past tidegate.
    pub(crate) fn repair_shop(&self) -> anyhow::Result<()> {
        self.call_shop("/admin/discard-poisoned-job")
    }

    fn call_shop(&self, path: &str) -> anyhow::Result<()> {
        let url = self.shop(path);
        let answer = self.agent.post(&url).send_empty().with_context(|| format!("POST {url} failed"))?;
        expect_success(&url, answer).map(drop)
    }

    /// The repairs that the shop was called for, oldest first.
    pub(crate) fn shop_repairs(&self) -> anyhow::Result<Vec<ShopCall>> {
        let answer = self.get_json(&self.shop("/calls"))?;
        let calls = list(&answer, "/calls")?.iter().map(|call| ShopCall {
            path: text(call, "path"),
            idempotency_key: call["idempotency_key"].as_str().map(str::to_owned),
        });
        Ok(calls.filter(|call| call.path != "/fault").collect())
    }

    /// All incidents, open and closed.
    pub(crate) fn incidents(&self) -> anyhow::Result<Vec<Incident>> {
        let answer = self.get_json(&self.tidegate("/api/v1/incidents"))?;
        Ok(list(&answer, "/incidents")?.iter().map(incident).collect())
    }

    /// One incident with its timeline.
    pub(crate) fn incident(&self, id: &str) -> anyhow::Result<Incident> {
        Ok(incident(&self.get_json(&self.tidegate(&format!("/api/v1/incidents/{id}")))?))
    }

    /// All requests, whatever became of them.
    pub(crate) fn requests(&self) -> anyhow::Result<Vec<Request>> {
        let answer = self.get_json(&self.tidegate("/api/v1/approvals"))?;
        Ok(list(&answer, "/approvals")?.iter().map(request).collect())
    }

    /// Says yes to exactly what `request` showed.
    pub(crate) fn approve(&self, request: &Request) -> anyhow::Result<()> {
        let url = self.tidegate(&format!("/api/v1/approvals/{}/approve", request.id));
        let answer = self
            .agent
            .post(&url)
            .header("Authorization", format!("Bearer {}", self.token))
            .send_json(json!({ "digest": request.digest }))
            .with_context(|| format!("POST {url} failed"))?;
        expect_success(&url, answer).map(drop)
    }

    pub(crate) fn prometheus(&self, path: &str) -> String {
        format!("http://{}{path}", self.addresses.prometheus)
    }

    pub(crate) fn alertmanager(&self, path: &str) -> String {
        format!("http://{}{path}", self.addresses.alertmanager)
    }

    pub(crate) fn tidegate(&self, path: &str) -> String {
        format!("http://{}{path}", self.addresses.tidegate)
    }

    pub(crate) fn shop(&self, path: &str) -> String {
        format!("http://{}{path}", self.addresses.shop)
    }

    fn get(&self, url: &str) -> anyhow::Result<(u16, String)> {
        let mut call = self.agent.get(url);
        if url.starts_with(&self.tidegate("/")) {
            call = call.header("Authorization", format!("Bearer {}", self.token));
        }
        let mut answer = call.call().with_context(|| format!("GET {url} failed"))?;
        let body = answer.body_mut().read_to_string().with_context(|| format!("GET {url} broke off"))?;
        Ok((answer.status().as_u16(), body))
    }

    fn get_json(&self, url: &str) -> anyhow::Result<Value> {
        let (status, body) = self.get(url)?;
        if status != 200 {
            bail!("GET {url} answered {status}: {}", body.trim());
        }
        serde_json::from_str(&body).with_context(|| format!("GET {url} answered no JSON"))
    }
}

fn expect_success(url: &str, mut answer: ureq::http::Response<ureq::Body>) -> anyhow::Result<String> {
    let status = answer.status();
    let body = answer.body_mut().read_to_string().with_context(|| format!("POST {url} broke off"))?;
    if !status.is_success() {
        bail!("POST {url} answered {status}: {}", body.trim());
    }
    Ok(body)
}

fn list<'a>(answer: &'a Value, pointer: &str) -> anyhow::Result<&'a Vec<Value>> {
    answer.pointer(pointer).and_then(Value::as_array).with_context(|| format!("no list at {pointer:?} in {answer}"))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn incident(value: &Value) -> Incident {
    let timeline = value["timeline"].as_array().map(Vec::as_slice).unwrap_or_default();
    Incident {
        id: text(value, "id"),
        open: value["status"] == "open",
        severity: text(value, "severity"),
        value: value["value"].as_f64(),
        expected: value["expected"].as_f64(),
        timeline: timeline
            .iter()
            .map(|entry| TimelineEntry { kind: text(entry, "kind"), text: text(entry, "text") })
            .collect(),
    }
}

fn request(value: &Value) -> Request {
    Request {
        id: text(value, "id"),
        status: text(value, "status"),
        action: text(&value["action"], "name"),
        summary: text(value, "summary"),
        digest: text(value, "digest"),
        outcome: outcome(value),
    }
}

/// What verification found. An action that failed or never ran is not verified: then its own end is the outcome.
fn outcome(request: &Value) -> Option<String> {
    let verification = &request["verification"];
    let run = &request["execution"];
    let end = match verification {
        Value::Null => [&run["outcome"], &run["status"]].into_iter().find(|end| ENDS.iter().any(|known| *end == known)),
        _ => Some(&verification["outcome"]),
    };
    end.and_then(Value::as_str).map(str::to_owned)
}
