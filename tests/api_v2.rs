//! Alertmanager's API as its real clients use it: Prometheus sends alerts straight to tidegate, `amtool` asks and silences,
//! Grafana and karma ask what they ask of Alertmanager.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::alertmanager::{Alertmanager, Config as AlertmanagerConfig, Webhook, alert};
use crate::support::amtool::Amtool;
use crate::support::eventually;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::Client;
use crate::support::prometheus::{Config as PrometheusConfig, Prometheus};
use crate::support::target::{NORMAL, Target};
use crate::support::tidegate::{SENDER_TOKEN, TOKEN, Tidegate};
use crate::support::version::Version;

mod amtool;
mod hostile;
mod like_alertmanager;

pub(super) const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[storm]
incidents = 100000

[[approver]]
name = "vera"
role = "view"
token_file = "vera"

[[alert_route]]
name = "queues"
match = ['alertname="QueueTooLong"']
group_by = ["service"]
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
"#;

pub(super) const UPSTREAM: &str = r#"
[alertmanager]
url = "http://upstream"
poll_interval = "1s"
"#;

pub(super) const VERA: &str = "a-token-that-only-vera-knows";

/// A tidegate that speaks Alertmanager's API, and what is around it.
pub(super) struct Around {
    pub(super) tidegate: Tidegate,
    _prometheus: FakePrometheus,
}

impl Around {
    /// Without an upstream Alertmanager.
    pub(super) fn alone() -> Around {
        Around::start(CONFIG, &[])
    }

    /// With one.
    pub(super) fn beside(upstream: &Alertmanager) -> Around {
        Around::start(&format!("{UPSTREAM}{CONFIG}"), &[("upstream", upstream.address())])
    }

    pub(super) fn start(config: &str, upstreams: &[(&str, std::net::SocketAddr)]) -> Around {
        let prometheus = FakePrometheus::start();
        let mut tidegate = Tidegate::new();
        tidegate.write_secret("vera", VERA);
        let mut around = vec![("prometheus", prometheus.address()), ("target", prometheus.address())];
        around.extend(upstreams);
        tidegate.configure(config, &around);
        tidegate.run();
        Around { tidegate, _prometheus: prometheus }
    }

    /// Whoever sends alerts.
    pub(super) fn sender(&self) -> Client {
        self.tidegate.stranger().with_token(SENDER_TOKEN)
    }

    /// Sends alerts that must be taken.
    pub(super) fn send(&self, alerts: &[Value]) {
        let answer = self.sender().post("/api/v2/alerts", &json!(alerts));
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }

    /// The alerts that it lists, by the value of a label.
    pub(super) fn listed(&self, query: &str, label: &str) -> BTreeSet<String> {
        labels_of(&self.tidegate.get(&format!("/api/v2/alerts?{query}")).good(), label)
    }
}

fn labels_of(alerts: &Value, label: &str) -> BTreeSet<String> {
    let alerts = alerts.as_array().expect("a list").iter();
    alerts.filter_map(|alert| Some(alert["labels"][label].as_str()?.to_owned())).collect()
}

/// An upstream that delivers to nobody.
fn upstream(version: Version) -> Alertmanager {
    Alertmanager::run(&AlertmanagerConfig {
        version,
        receivers: Vec::new(),
        ..AlertmanagerConfig::for_tidegate(([127, 0, 0, 1], 9).into())
    })
}

fn queue(service: &str) -> Value {
    json!({ "alertname": "QueueTooLong", "service": service })
}

/// From firing to resolved, and from firing to a Prometheus that is no more.
fn alerts_straight_to_tidegate(version: Version) {
    let (target, upstream) = (Target::start(), upstream(version));
    let around = Around::beside(&upstream);
    let tidegate = &around.tidegate;
    let rule = "{ alert: QueueTooLong, expr: 'queue_length > 50', labels: { severity: page } }";
    let told = format!(
        "{{ authorization: {{ credentials: '{SENDER_TOKEN}' }}, static_configs: [{{ targets: ['{}'] }}] }}",
        tidegate.address()
    );
    let config = PrometheusConfig {
        version,
        rules: vec![rule.to_owned()],
        alertmanagers: vec![told],
        ..PrometheusConfig::default()
    };
    let prometheus = Prometheus::run(&target, &config);

    target.set_queue("checkout", 90.0);
    let incident = tidegate.opened("queues");
    assert_eq!(incident["labels"]["service"], "checkout", "{incident:#}");
    let alerts = eventually("the upstream has it", || Some(upstream.alerts("QueueTooLong")).filter(|a| !a.is_empty()));
    let (theirs, ours) = (&alerts[0], &incident["alerts"][0]);
    assert_eq!((&theirs["labels"], &theirs["fingerprint"]), (&ours["labels"], &ours["fingerprint"]));
    let graph = theirs["generatorURL"].as_str().expect("a URL");
    assert!(graph.contains("queue_length"), "{graph}");
    tidegate.pending();

    // Prometheus says so again and again, which is no news.
    let received = || tidegate.metric("tidegate_alerts_received_total", r#"via="api",status="firing""#);
    let seen = received();
    eventually("Prometheus repeats it", || (received() > seen).then_some(()));
    let about_alerts = tidegate.timeline(&incident).into_iter().filter(|kind| kind.starts_with("alerts_")).count();
    assert_eq!(about_alerts, 0, "{:?}", tidegate.timeline(&incident));

    target.set_queue("checkout", NORMAL);
    assert_eq!(tidegate.closed(&incident)["closed"]["reason"], "resolved");
    eventually("it is over upstream", || upstream.alerts("QueueTooLong").is_empty().then_some(()));

    // A Prometheus that dies says nothing any more.
    target.set_queue("checkout", 90.0);
    let again = eventually("it opens again", || {
        let open = tidegate.incidents().into_iter().find(|one| one["status"] == "open");
        open.filter(|one| one["id"] != incident["id"])
    });
    drop(prometheus);
    assert_eq!(tidegate.closed(&again)["closed"]["reason"], "resolved");
    eventually("nothing is listed any more", || around.listed("", "alertname").is_empty().then_some(()));
}

#[test]
fn prometheus_alerts_straight_to_tidegate() {
    alerts_straight_to_tidegate(Version::Installed);
}

#[test]
fn a_newer_prometheus_alerts_straight_to_tidegate() {
    alerts_straight_to_tidegate(Version::Newer);
}

#[test]
fn alerts_are_put_together_as_their_route_says_and_by_two_paths_are_one_incident() {
    let mut around = Around::alone();
    let pod = |service: &str, pod: &str| json!({ "alertname": "QueueTooLong", "service": service, "pod": pod });
    around.send(&[
        alert(&pod("checkout", "a"), true),
        alert(&pod("checkout", "b"), true),
        alert(&pod("search", "c"), true),
        alert(&json!({ "alertname": "DiskFull", "node": "n1" }), true),
        alert(&json!({ "alertname": "DiskFull", "node": "n2" }), true),
        // What says that alerting works, and what tidegate itself sends, opens nothing.
        alert(&json!({ "alertname": "Watchdog" }), true),
        alert(&json!({ "alertname": "TidegateAnomaly", "service": "checkout" }), true),
        alert(&json!({ "alertname": "TidegateHandling", "service": "checkout" }), true),
    ]);
    let sizes = |around: &Around| {
        let incidents = around.tidegate.incidents();
        let size = |one: &Value| {
            (one["watch"].as_str().unwrap_or("").to_owned(), one["alerts"].as_array().map_or(0, Vec::len))
        };
        let mut sizes: Vec<(String, usize)> = incidents.iter().map(size).collect();
        sizes.sort();
        sizes
    };
    let expected: Vec<(String, usize)> =
        [("", 1), ("", 1), ("queues", 1), ("queues", 2)].map(|(route, size)| (route.to_owned(), size)).to_vec();
    assert_eq!(sizes(&around), expected);
    assert_eq!(around.listed("", "alertname").len(), 5, "all are listed");

    // The same alert by the webhook of an Alertmanager that got it from elsewhere.
    let listed = around.tidegate.get("/api/v2/alerts?filter=pod=a").good();
    let delivery = |status: &str| {
        json!({
            "version": "4", "receiver": "tidegate", "groupKey": "{}:{alertname=\"QueueTooLong\"}", "status": status,
            "alerts": [{
                "status": status, "labels": listed[0]["labels"], "annotations": {}, "startsAt": listed[0]["startsAt"],
                "endsAt": listed[0]["endsAt"], "fingerprint": listed[0]["fingerprint"],
            }],
        })
        .to_string()
        .into_bytes()
    };
    around.tidegate.deliver(&delivery("firing")).good();
    assert_eq!(sizes(&around), expected);
    let incident =
        around.tidegate.incidents().into_iter().find(|one| one["alerts"].as_array().map(Vec::len) == Some(2));
    let incident = incident.expect("that of two pods");
    around.tidegate.deliver(&delivery("resolved")).good();
    around.send(&[alert(&pod("checkout", "b"), false)]);
    around.tidegate.closed(&incident);
    around.tidegate.stop_and_verify_journal();
}

#[test]
fn what_was_sent_is_still_there_after_a_restart_and_ends_as_before() {
    let mut around = Around::alone();
    around.send(&[alert(&queue("checkout"), true)]);
    let incident = around.tidegate.opened("queues");
    around.tidegate.kill();
    around.tidegate.run();
    assert_eq!(around.listed("", "service"), BTreeSet::from(["checkout".to_owned()]));
    assert_eq!(around.tidegate.incident(&incident)["status"], "open");
    around.send(&[alert(&queue("checkout"), true)]);
    assert_eq!(around.tidegate.incidents().len(), 1);
    around.send(&[alert(&queue("checkout"), false)]);
    around.tidegate.closed(&incident);
    assert!(around.listed("", "service").is_empty());
    around.tidegate.stop_and_verify_journal();
}

/// What Grafana's data source and karma ask for, with and without an upstream.
#[test]
fn grafana_and_karma_find_what_they_need() {
    let upstream = upstream(Version::Newer);
    for around in [Around::alone(), Around::beside(&upstream)] {
        around.send(&[alert(&queue("checkout"), true)]);
        eventually("the alert is listed", || (around.listed("", "service").len() == 1).then_some(()));
        let get = |path: &str| around.tidegate.get(path);

        // Grafana: is it there, is it none of Mimir's, and then lists.
        let status = get("/api/v2/status").good();
        assert!(status["versionInfo"]["version"].is_string() && status["config"]["original"].is_string(), "{status:#}");
        assert!(status["uptime"].as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()), "{status:#}");
        assert_eq!(get("/alertmanager/api/v2/status").status, 404);
        let groups = get("/api/v2/alerts/groups?silenced=true&inhibited=true&active=true&receiver=.*").good();
        assert_eq!(groups.as_array().map(Vec::len), Some(1), "{groups:#}");
        let group = &groups[0];
        assert!(group["receiver"]["name"].is_string() && group["labels"].is_object(), "{group:#}");
        let alert = &group["alerts"][0];
        assert_eq!((&alert["labels"], &alert["status"]["state"]), (&queue("checkout"), &json!("active")));
        for list in ["inhibitedBy", "silencedBy"] {
            assert_eq!(alert["status"][list], json!([]), "{alert:#}");
        }
        for time in ["startsAt", "endsAt", "updatedAt"] {
            assert!(alert[time].as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()), "{alert:#}");
        }
        assert_eq!(get("/api/v2/silences").good(), json!([]));

        // karma: which API it is, from the metrics; then groups, silences and who is told.
        let metrics = get("/metrics").body;
        assert!(metrics.lines().any(|line| line.starts_with("alertmanager_build_info{version=\"0.")), "{metrics}");
        assert!(!get("/api/v2/receivers").good().as_array().expect("a list").is_empty());
    }
}
