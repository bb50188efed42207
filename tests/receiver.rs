//! Alerts from real Alertmanagers of two versions, and what may happen to them on their way: what is delivered twice, late,
//! in part, in another order, or by somebody else.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;

mod credentials;
mod deliveries;
mod outages;
mod pairs;
mod polls;
mod sources;

/// What is about checkout may be repaired, if somebody says so.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[storm]
incidents = 1000

[[alert_route]]
name = "statuses"
match = ['{"http.status"=~"5.."}']

[[alert_route]]
name = "payments"
match = ['service="checkout"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
"#;

const ACCEPTED: &str = r#"result="accepted""#;

/// A tidegate that alerts are delivered to.
struct Scene {
    tidegate: Tidegate,
    target: Target,
    prometheus: FakePrometheus,
}

impl Scene {
    /// One that knows of no Alertmanager, and only has what is delivered.
    fn start() -> Scene {
        let mut scene = Scene::new();
        scene.configure("", &[]);
        scene.tidegate.run();
        scene
    }

    /// An address, and nothing running there yet.
    fn new() -> Scene {
        Scene { tidegate: Tidegate::new(), target: Target::start(), prometheus: FakePrometheus::start() }
    }

    /// `server` may add keys to `[server]`, and more tables.
    fn configure(&mut self, server: &str, around: &[(&str, SocketAddr)]) {
        let known = [("prometheus", self.prometheus.address()), ("target", self.target.address())];
        self.tidegate.configure(&format!("{server}{CONFIG}"), &[&known[..], around].concat());
    }

    /// How many deliveries were taken so far.
    fn deliveries(&self) -> f64 {
        self.tidegate.metric("tidegate_webhook_deliveries_total", ACCEPTED)
    }

    /// Waits until so many have been taken.
    fn reaches_deliveries(&self, count: f64) {
        self.tidegate.reaches("tidegate_webhook_deliveries_total", ACCEPTED, count);
    }

    /// There is one incident, one request of it, and it waits for somebody.
    fn has_asked_once(&self, incident: &Value, request: &Value) {
        let ids = |list: Vec<Value>| list.into_iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(self.tidegate.incidents()), [incident["id"].clone()]);
        assert_eq!(ids(self.tidegate.requests()), [request["id"].clone()]);
        assert_eq!(self.tidegate.request(request)["status"], "pending");
    }

    /// Nothing was started, and what was asked is asked no more.
    fn has_withdrawn(&mut self, request: &Value) {
        self.tidegate.request_when(request, "the request is withdrawn", |request| request["status"] == "withdrawn");
        assert_eq!(self.tidegate.approve(request).status, 409);
        assert!(self.target.repairs().is_empty());
        self.tidegate.stop_and_verify_journal();
    }
}

/// An alert about checkout.
fn alert_called(alertname: &str) -> Value {
    json!({ "alertname": alertname, "service": "checkout" })
}

/// The names of an incident's alerts that fire, and of those that do not.
fn alerts_of(incident: &Value) -> [Vec<String>; 2] {
    let named = |firing: bool| {
        let alerts = incident["alerts"].as_array().expect("a list").iter();
        let mut names: Vec<String> = alerts
            .filter(|alert| alert["firing"] == firing)
            .map(|alert| alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned())
            .collect();
        names.sort();
        names
    };
    [named(true), named(false)]
}
