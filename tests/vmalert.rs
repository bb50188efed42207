//! vmalert names tidegate as its Alertmanager.

use serde_json::json;

use crate::support::prometheus::Prometheus;
use crate::support::target::{NORMAL, Target};
use crate::support::tidegate::Tidegate;
use crate::support::vmalert::Vmalert;

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[[alert_route]]
name = "queues"
match = ['alertname="QueueTooLong"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
"#;

#[test]
fn vmalert_raises_an_alert_and_takes_it_back() {
    let target = Target::start();
    let prometheus = Prometheus::start(&target);
    let tidegate = Tidegate::start(CONFIG, &[("prometheus", prometheus.address()), ("target", target.address())]);
    let rule = "{ alert: QueueTooLong, expr: 'queue_length > 100', labels: { severity: page } }";
    let _vmalert = Vmalert::start(prometheus.address(), tidegate.address(), rule);

    target.set_queue("checkout", 500.0);
    let incident = tidegate.opened("queues");
    assert_eq!(incident["labels"]["service"], "checkout");
    assert_eq!(incident["labels"]["severity"], "page");
    assert_eq!(tidegate.pending()["action"]["target"], json!({ "service": "checkout" }));

    target.set_queue("checkout", NORMAL);
    assert_eq!(tidegate.closed(&incident)["closed"]["reason"], "resolved");
    assert!(target.repairs().is_empty());
}
