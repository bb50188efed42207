//! SIGKILL at the worst moments: nothing that was decided is lost, nothing that was approved runs twice.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::prometheus::Prometheus;
use crate::support::target::{Conduct, Target};
use crate::support::tidegate::{TOKEN, Tidegate};
use crate::support::{delivery, eventually};

const CONFIG: &str = r#"
snapshot_interval = "1s"

[prometheus]
url = "http://prometheus"

[detector.sudden]
guest = "zscore"
settings = { window = "1m" }

[[watch]]
name = "queue"
expr = 'queue_length{service="checkout"}'
interval = "1s"
step = "1s"
query_offset = "1s"
detectors = ["sudden"]
consecutive = 2
cold_start = { history = "1m" }
group_by = ["service"]
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
cooldown = "0s"
verify = { settle = "1s", within = "30s", healthy_for = 2 }
"#;

struct Scene {
    tidegate: Tidegate,
    target: Target,
    incident: Value,
    request: Value,
    _prometheus: Prometheus,
}

/// A fault, an incident, and a request that waits.
fn waiting(config: &str) -> Scene {
    let target = Target::start();
    let prometheus = Prometheus::with_history(&target, 5);
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let tidegate = Tidegate::start(config, &around);
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="normal""#, 1.0);
    assert!(tidegate.log().contains("history learnt"));
    target.set_queue("checkout", 400.0);
    let incident = tidegate.opened("queue");
    let request = tidegate.pending();
    Scene { tidegate, target, incident, request, _prometheus: prometheus }
}

/// The same, approved, and the host killed while the action was running.
fn killed_in_the_middle(config: &str) -> Scene {
    let mut scene = waiting(config);
    scene.target.on_repair(Conduct::Hang);
    scene.tidegate.approve(&scene.request).good();
    eventually("the action is called", || (!scene.target.repairs().is_empty()).then_some(()));
    scene.tidegate.kill();
    scene
}

#[test]
fn a_request_outlives_a_crash_of_the_host_that_asked() {
    let mut scene = waiting(CONFIG);
    // As soon as the table knows the series: later the crash would cost what was seen since.
    eventually("the series table is written", || {
        std::fs::metadata(scene.tidegate.file("data/series.db-wal")).ok().filter(|meta| meta.len() > 0)
    });
    scene.tidegate.kill();
    scene.tidegate.run();
    scene.tidegate.ready();

    let request = scene.tidegate.request(&scene.request);
    assert_eq!(request["status"], "pending");
    for same in ["digest", "deadline", "shown", "action"] {
        assert_eq!(request[same], scene.request[same], "{same}");
    }
    scene.tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="anomalous""#, 3.0);
    assert_eq!(scene.tidegate.incidents().len(), 1, "it is the same incident");
    assert_eq!(scene.tidegate.requests().len(), 1);
    assert_eq!(scene.tidegate.metric("tidegate_samples_total", r#"watch="queue",standing="learnt""#), 0.0);
    assert!(!scene.tidegate.log().contains("history learnt"), "the series are not learnt again");

    scene.tidegate.approve(&request).good();
    let incident = scene.tidegate.closed(&scene.incident);
    assert_eq!(incident["closed"]["reason"], "fixed");
    assert_eq!(scene.target.repairs().len(), 1);
    scene.tidegate.stop_and_verify_journal();
}

#[test]
fn an_action_cut_short_by_a_crash_is_unknown_and_asked_again() {
    let mut scene = killed_in_the_middle(CONFIG);
    scene.tidegate.run();

    let cut_short =
        scene.tidegate.request_when(&scene.request, "its outcome is told", |r| !r["execution"]["outcome"].is_null());
    assert_eq!(cut_short["execution"]["outcome"], "unknown", "{cut_short}");
    let again = scene.tidegate.pending();
    assert_ne!(again["id"], scene.request["id"]);
    assert!(again["shown"].to_string().contains("unknown"), "the person is told: {again}");
    assert_eq!(scene.target.repairs().len(), 1, "not run again by itself");

    scene.target.on_repair(Conduct::Repair);
    scene.tidegate.approve(&again).good();
    assert_eq!(scene.tidegate.closed(&scene.incident)["closed"]["reason"], "fixed");
    let keys: Vec<String> = scene.target.repairs().into_iter().map(|repair| repair.key).collect();
    assert_eq!(keys, [scene.request["id"].as_str(), again["id"].as_str()].map(Option::unwrap_or_default));
    scene.tidegate.stop_and_verify_journal();
}

#[test]
fn an_idempotent_action_cut_short_by_a_crash_is_run_again_under_the_same_key() {
    let config = CONFIG.replace("cooldown = \"0s\"", "cooldown = \"0s\"\nidempotent = true");
    let mut scene = killed_in_the_middle(&config);
    scene.target.on_repair(Conduct::Repair);
    scene.tidegate.run();

    assert_eq!(scene.tidegate.closed(&scene.incident)["closed"]["reason"], "fixed");
    let keys: Vec<String> = scene.target.repairs().into_iter().map(|repair| repair.key).collect();
    let key = scene.request["id"].as_str().expect("an id");
    assert_eq!(keys, [key, key]);
    assert_eq!(scene.tidegate.requests().len(), 1, "nobody had to be asked");
    scene.tidegate.stop_and_verify_journal();
}

/// Alerts open incidents at once, so nothing has to be watched.
const ALERTS: &str = r#"
[prometheus]
url = "http://prometheus"

[gate]
deadline = "3s"
max_targets = 100

[storm]
incidents = 100

[[alert_route]]
name = "alerts"
match = ['alertname="Down"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
cooldown = "0s"
"#;

#[test]
fn a_deadline_passes_while_nobody_is_there() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let mut tidegate = Tidegate::start(ALERTS, &around);
    tidegate.deliver(&delivery("firing", "Down", "checkout")).good();
    let request = tidegate.pending();
    tidegate.kill();
    let deadline: jiff::Timestamp = request["deadline"].as_str().expect("a time").parse().expect("a time");
    eventually("the deadline has passed", || (jiff::Timestamp::now() > deadline).then_some(()));

    tidegate.run();
    let late = tidegate.approve(&request);
    assert_eq!((late.status, late.json()["status"].as_str()), (409, Some("expired")), "{late:?}");
    assert!(target.repairs().is_empty());
    tidegate.stop_and_verify_journal();
}

/// Somebody approves, and the host is killed a little later, each time a little later still: before the decision is
/// durable, while the action is started, after it. Whoever was told yes finds a yes, and no approval runs twice.
#[test]
fn killed_at_any_moment_an_approval_counts_once() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    target.on_repair(Conduct::Nothing);
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let mut tidegate = Tidegate::start(&ALERTS.replace("\"3s\"", "\"5m\""), &around);
    for round in 0..8 {
        let service = format!("service-{round}");
        tidegate.deliver(&delivery("firing", "Down", &service)).good();
        let request = eventually("it is asked", || {
            let of_service = |request: &Value| request["action"]["target"]["service"] == service.as_str();
            tidegate.requests().into_iter().find(|request| of_service(request) && request["status"] == "pending")
        });
        let path = format!("/api/v1/approvals/{}/approve", request["id"].as_str().expect("an id"));
        let alice = tidegate.stranger().with_token(TOKEN);
        let approving = thread::spawn(move || alice.try_post(&path, &json!({})).map(|answer| answer.status));
        // Not waiting for anything: this is the moment that differs.
        thread::sleep(Duration::from_millis(round * 3));
        tidegate.kill();
        let answered = approving.join().expect("an answer or none");

        tidegate.run();
        let status = tidegate.request(&request)["status"].clone();
        match answered {
            Some(code) => assert_eq!((code, status.as_str()), (200, Some("approved")), "round {round}"),
            None => assert!(["approved", "pending"].iter().any(|known| status == **known), "round {round}: {status}"),
        }
    }
    // What was approved and had not been started before the kill is started afterwards.
    eventually("every approved request was carried out", || {
        let done = |request: &Value| request["status"] != "approved" || request["execution"]["status"] == "finished";
        tidegate.requests().iter().all(done).then_some(())
    });
    let mut calls = BTreeMap::<String, usize>::new();
    for repair in target.repairs() {
        *calls.entry(repair.key).or_default() += 1;
    }
    assert!(calls.values().all(|count| *count == 1), "{calls:?}");
    for request in tidegate.requests().iter().filter(|request| request["status"] == "pending") {
        assert!(!calls.contains_key(request["id"].as_str().expect("an id")), "run without a yes: {request}");
    }
    tidegate.stop_and_verify_journal();
}
