//! The main job, from the first anomalous sample to the resolved alert, on real parts.

use serde_json::json;

use crate::support::alertmanager::Alertmanager;
use crate::support::eventually;
use crate::support::prometheus::Prometheus;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[alertmanager]
url = "http://alertmanager"

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
consecutive = 3
cold_start = { history = "1m" }
group_by = ["service"]
remediation = { guest = "runbook", settings = { rules = [{ action = "restart", summary = "Restart {{service}}" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
verify = { settle = "1s", within = "30s", healthy_for = 2, require = ['queue_length{service="checkout"} < 100'] }
"#;

#[test]
fn a_fault_is_found_repaired_verified_and_resolved() {
    let target = Target::start();
    let prometheus = Prometheus::with_history(&target, 5);
    let mut tidegate = Tidegate::new();
    let alertmanager = Alertmanager::start(tidegate.address());
    let around =
        [("prometheus", prometheus.address()), ("alertmanager", alertmanager.address()), ("target", target.address())];
    tidegate.configure(CONFIG, &around);
    tidegate.run();
    tidegate.ready();
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="normal""#, 2.0);
    assert_eq!(tidegate.incidents(), Vec::<serde_json::Value>::new(), "all is well");

    target.set_queue("checkout", 400.0);
    let incident = tidegate.opened("queue");
    assert_eq!(incident["source"], "anomaly");
    assert_eq!(incident["labels"], json!({ "service": "checkout" }));
    assert_eq!(incident["severity"], "high");
    assert!(incident["value"].as_f64() >= Some(400.0), "{incident}");
    assert!(incident["upper"].as_f64() < Some(60.0), "learnt from the history: {incident}");

    let alert = eventually("Alertmanager has the alert", || alertmanager.alerts("TidegateAnomaly").pop());
    assert_eq!(alert["labels"]["service"], "checkout");
    assert_eq!(alert["status"]["state"], "active");

    let request = tidegate.pending();
    assert_eq!(request["summary"], "Restart checkout");
    assert_eq!(request["action"]["target"], json!({ "service": "checkout" }));
    assert!(target.repairs().is_empty(), "nothing runs before somebody has let it");
    let approved = tidegate.approve(&request).good();
    assert_eq!(approved["decided"]["by"], "alice");

    let request =
        tidegate.request_when(&request, "the repair is verified", |r| !r["verification"]["outcome"].is_null());
    assert_eq!(request["verification"]["outcome"], "fixed", "{request}");
    assert_eq!(request["execution"]["output"], "repaired");
    let incident = tidegate.closed(&incident);
    assert_eq!(incident["closed"]["reason"], "fixed");
    let repairs = target.repairs();
    assert_eq!(repairs.len(), 1);
    assert_eq!(repairs[0].key, request["id"].as_str().expect("an id"));
    assert_eq!(repairs[0].body["action"], "restart");

    eventually("Alertmanager's alert is resolved", || alertmanager.alerts("TidegateAnomaly").is_empty().then_some(()));
    // Alertmanager delivers every alert back here; the host's own never open incidents.
    assert_eq!(tidegate.incidents().len(), 1);
    tidegate.stop_and_verify_journal();
}
