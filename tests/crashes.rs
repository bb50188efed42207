//! SIGKILL at the worst moments: nothing that was decided is lost, nothing that was approved runs twice.

use serde_json::Value;

use crate::support::eventually;
use crate::support::prometheus::Prometheus;
use crate::support::target::{Conduct, Target};
use crate::support::tidegate::Tidegate;

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
