//! Alertmanager's deliveries: real ones, captured ones, and what is none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::alertmanager::{self, Alertmanager};
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;
use crate::support::{captured, delivery};

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[storm]
incidents = 1000

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

const ALERTMANAGER: &str = r#"
[alertmanager]
url = "http://alertmanager"
severities = { page = "critical" }
"#;

/// Everything that `tidegate_journal_events_total` counts, but for what a delivery leaves out: where there is no Alertmanager
/// to ask for it that is given up at once, and noticed anew with the next copy.
fn events(tidegate: &Tidegate) -> BTreeSet<String> {
    let metrics = tidegate.get("/metrics").body;
    let lines = metrics.lines().filter(|line| line.starts_with("tidegate_journal_events_total"));
    lines
        .filter(|line| !line.contains("alerts_left_out") && !line.contains("alerts_completed"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_real_alertmanager_opens_an_incident_and_closes_it() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let mut tidegate = Tidegate::new();
    let alertmanager = Alertmanager::start(tidegate.address());
    let around =
        [("prometheus", prometheus.address()), ("alertmanager", alertmanager.address()), ("target", target.address())];
    tidegate.configure(&format!("{ALERTMANAGER}{CONFIG}"), &around);
    tidegate.run();

    let labels = json!({ "alertname": "QueueTooLong", "service": "checkout", "severity": "page" });
    alertmanager.send(&labels, true);
    let incident = tidegate.opened("payments");
    assert_eq!(incident["source"], "alert");
    assert_eq!(incident["severity"], "critical", "as the config maps it");
    assert_eq!(incident["labels"], labels);
    let request = tidegate.pending();
    assert_eq!(request["action"]["target"], json!({ "service": "checkout" }));

    alertmanager.send(&labels, false);
    assert_eq!(tidegate.closed(&incident)["closed"]["reason"], "resolved");
    tidegate.request_when(&request, "the request is withdrawn", |request| request["status"] == "withdrawn");
    assert_eq!(tidegate.approve(&request).status, 409);
    assert!(target.repairs().is_empty());
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_real_alertmanager_may_use_its_name_and_a_password() {
    let prometheus = FakePrometheus::start();
    let mut tidegate = Tidegate::new();
    let mut config = alertmanager::Config::for_tidegate(tidegate.address());
    config.receivers[0].http_config = "basic_auth: { username: alertmanager, password_file: token }".to_owned();
    let alertmanager = Alertmanager::run(&config);
    tidegate.configure(CONFIG, &[("prometheus", prometheus.address()), ("target", prometheus.address())]);
    tidegate.run();
    alertmanager.send(&json!({ "alertname": "QueueTooLong", "service": "checkout" }), true);
    assert_eq!(tidegate.opened("payments")["caused_by"], json!([]), "a program has asked for nothing");
    tidegate.stop_and_verify_journal();
}

#[test]
fn an_alert_is_repaired_when_it_has_resolved() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let mut tidegate = Tidegate::new();
    let alertmanager = Alertmanager::start(tidegate.address());
    let around =
        [("prometheus", prometheus.address()), ("alertmanager", alertmanager.address()), ("target", target.address())];
    // Alerts are looked up four times a minute; once is enough here.
    let verify = "verify = { settle = \"0s\", within = \"1m\", healthy_for = 1 }\n";
    tidegate.configure(&format!("{ALERTMANAGER}{CONFIG}{verify}"), &around);
    tidegate.run();

    let labels = json!({ "alertname": "QueueTooLong", "service": "checkout" });
    alertmanager.send(&labels, true);
    let incident = tidegate.opened("payments");
    let request = tidegate.pending();
    tidegate.approve(&request).good();
    tidegate.request_when(&request, "the action ends", |request| request["execution"]["outcome"] == "succeeded");
    alertmanager.send(&labels, false);
    assert_eq!(tidegate.closed(&incident)["closed"]["reason"], "fixed");
    assert_eq!(tidegate.request(&request)["verification"]["outcome"], "fixed");
    assert_eq!(target.repairs().len(), 1);
    tidegate.stop_and_verify_journal();
}

#[test]
fn what_is_silenced_is_not_repaired() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let mut tidegate = Tidegate::new();
    let alertmanager = Alertmanager::start(tidegate.address());
    let around =
        [("prometheus", prometheus.address()), ("alertmanager", alertmanager.address()), ("target", target.address())];
    tidegate.configure(&format!("{ALERTMANAGER}{CONFIG}"), &around);
    tidegate.run();

    alertmanager.send(&json!({ "alertname": "QueueTooLong", "service": "checkout" }), true);
    tidegate.opened("payments");
    let request = tidegate.pending();
    alertmanager.silence("checkout");
    tidegate.approve(&request).good();
    let refused = tidegate.request_when(&request, "a guard stops it", |request| !request["execution"].is_null());
    assert_eq!(refused["execution"]["guard"], "silenced", "{refused}");
    assert_eq!(tidegate.metric("tidegate_guard_refusals_total", r#"guard="silenced""#), 1.0);
    assert!(target.repairs().is_empty());
    tidegate.stop_and_verify_journal();
}

#[test]
fn captured_deliveries_are_taken_and_copies_of_them_change_nothing() {
    let prometheus = FakePrometheus::start();
    let around = [("prometheus", prometheus.address()), ("target", prometheus.address())];
    let mut tidegate = Tidegate::start(CONFIG, &around);
    for name in [
        "am-0.25.0-webhook-firing",
        "am-0.28.1-webhook-firing",
        "am-0.33.1-webhook-firing-group",
        "am-0.33.1-webhook-groupby-all",
        "am-0.33.1-webhook-groupby-none",
        "am-0.33.1-webhook-no-alertname",
        "am-0.33.1-webhook-truncated",
        "am-0.33.1-webhook-utf8",
        "am-0.33.1-webhook-repeat",
        "am-0.33.1-webhook-mixed-firing-resolved",
        "am-0.33.1-webhook-resolved-group",
    ] {
        let body = captured("webhook", &format!("{name}.json"));
        tidegate.deliver(&body).good();
        let before = events(&tidegate);
        for _ in 0..3 {
            tidegate.deliver(&body).good();
        }
        assert_eq!(events(&tidegate), before, "{name}");
    }
    assert!(tidegate.incidents().len() >= 5, "{:?}", tidegate.incidents());
    tidegate.stop_and_verify_journal();
}

#[test]
fn what_is_no_delivery_is_refused_with_a_reason() {
    let prometheus = FakePrometheus::start();
    let around = [("prometheus", prometheus.address()), ("target", prometheus.address())];
    let mut tidegate = Tidegate::start(CONFIG, &around);
    let good = delivery("firing", "QueueTooLong", "checkout");
    let text = String::from_utf8(good.clone()).expect("JSON");
    let mut long = good.clone();
    long.resize((4 << 20) + 1, b' ');

    let cases: [(&str, Vec<u8>, u16, &str); 9] = [
        ("nothing", Vec::new(), 400, "JSON"),
        ("half of it", good[..good.len() / 2].to_vec(), 400, "JSON"),
        ("a list", b"[]".to_vec(), 400, "JSON object"),
        ("a form", b"payload=x".to_vec(), 400, "JSON"),
        ("version 3", text.replace("\"4\"", "\"3\"").into_bytes(), 400, "version"),
        ("a custom payload", captured("webhook", "am-0.33.1-webhook-custom-payload.json"), 400, "custom payload"),
        ("no fingerprint", text.replace("fingerprint", "footprint").into_bytes(), 400, "alerts[0]"),
        ("no time", text.replace("2026-01-01T00:00:00Z", "yesterday").into_bytes(), 400, "startsAt"),
        ("too long", long, 413, "4194304"),
    ];
    let count = cases.len();
    for (name, body, status, reason) in cases {
        let answer = tidegate.deliver(&body);
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        let error = answer.json()["error"].as_str().expect("a reason").to_owned();
        assert!(error.contains(reason), "{name}: {error}");
    }
    assert_eq!(tidegate.metric("tidegate_webhook_deliveries_total", r#"result="refused""#), count as f64);
    assert_eq!(tidegate.log().matches("/webhook/alertmanager was refused").count(), count);
    assert_eq!(tidegate.incidents(), Vec::<Value>::new());

    tidegate.deliver(&good).good();
    tidegate.opened("payments");
    tidegate.stop_and_verify_journal();
}

#[test]
fn alerts_about_alerting_open_nothing() {
    let prometheus = FakePrometheus::start();
    let around = [("prometheus", prometheus.address()), ("target", prometheus.address())];
    let tidegate = Tidegate::start(CONFIG, &around);
    // Nothing is watched here, so nothing has to be waited for.
    assert_eq!(tidegate.get("/-/ready").status, 200);
    for alertname in ["Watchdog", "InfoInhibitor", "TidegateAnomaly"] {
        tidegate.deliver(&delivery("firing", alertname, "checkout")).good();
    }
    assert_eq!(tidegate.incidents(), Vec::<Value>::new());
    // A delivery of something that was over before anybody heard of it neither.
    tidegate.deliver(&delivery("resolved", "QueueTooLong", "checkout")).good();
    assert_eq!(tidegate.incidents(), Vec::<Value>::new());
}
