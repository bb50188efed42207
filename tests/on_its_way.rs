//! An alert that this host has yet to send to Alertmanager: that it is not listed there does not say that nothing would
//! hold it back. A stand-in is slow, or takes nothing; a real Alertmanager cannot be made to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::alertmanager::alert;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::listener::{Call, Listener, Reply};
use crate::support::target::Target;
use crate::support::tidegate::{SENDER_TOKEN, Tidegate};
use crate::support::{delivery, eventually, free_address};

/// Everything passes by itself, so nothing but Alertmanager's word is in the way.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[alertmanager]
url = "http://upstream"
poll_interval = "1s"

[gate]
auto_approve = "critical"

[[alert_route]]
name = "queues"
mode = "auto"
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

/// An Alertmanager that has run for long, in which everything is silenced that it has.
struct Upstream {
    listener: Listener,
    looks: Arc<AtomicUsize>,
    takes: Arc<Mutex<Takes>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Slowly,
    Nothing,
}

impl Upstream {
    fn start(takes: Takes) -> Upstream {
        let takes = Arc::new(Mutex::new(takes));
        let alerts = Arc::<Mutex<Vec<Value>>>::default();
        let looks = Arc::<AtomicUsize>::default();
        let (conduct, counted) = (takes.clone(), looks.clone());
        let listener = Listener::open(free_address(), move |call| {
            counted.fetch_add(usize::from((&*call.method, &*call.path) == ("GET", "/api/v2/alerts")), Ordering::SeqCst);
            answer(&conduct, &alerts, call)
        });
        Upstream { listener, looks, takes }
    }
}

fn answer(takes: &Mutex<Takes>, alerts: &Mutex<Vec<Value>>, call: &Call) -> Reply {
    let lock = || alerts.lock().expect("no panic");
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/api/v2/status") => {
            let status = json!({ "cluster": { "status": "disabled" }, "uptime": "2026-01-01T00:00:00Z" });
            Reply::json(200, status.to_string())
        }
        ("GET", "/api/v2/alerts") => Reply::json(200, json!(*lock()).to_string()),
        ("POST", "/api/v2/alerts") if *takes.lock().expect("no panic") == Takes::Nothing => Reply::text(503, "not now"),
        ("POST", "/api/v2/alerts") => {
            // What is waited for is that it would be acted on meanwhile.
            thread::sleep(Duration::from_millis(3200));
            let mut sent: Vec<Value> = serde_json::from_slice(&call.body).expect("alerts");
            sent.retain(|alert| alert["labels"]["alertname"] == "QueueTooLong");
            for alert in &mut sent {
                alert["fingerprint"] = fingerprint(alert).into();
                alert["status"] = json!({ "state": "suppressed", "silencedBy": ["known"], "inhibitedBy": [] });
            }
            lock().extend(sent);
            Reply::json(200, "")
        }
        ("POST", "/api/v2/silences") => Reply::json(200, r#"{"silenceID":"5b3b1a8c-7f5f-4f0e-9d0a-000000000000"}"#),
        _ => Reply::json(200, "[]"),
    }
}

/// FNV-1a over the sorted labels, as Alertmanager has it.
fn fingerprint(alert: &Value) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let labels = alert["labels"].as_object().expect("labels");
    for (name, value) in labels {
        let value = value.as_str().expect("a text");
        for byte in name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

fn scene(takes: Takes) -> (Upstream, Target, Tidegate, FakePrometheus) {
    let (upstream, target, tidegate, prometheus) = start(CONFIG, takes);
    let queue = json!([alert(&json!({ "alertname": "QueueTooLong", "service": "checkout" }), true)]);
    let sender = tidegate.stranger().with_token(SENDER_TOKEN);
    assert_eq!(sender.post("/api/v2/alerts", &queue).status, 200);
    (upstream, target, tidegate, prometheus)
}

fn start(config: &str, takes: Takes) -> (Upstream, Target, Tidegate, FakePrometheus) {
    let (upstream, target, prometheus) = (Upstream::start(takes), Target::start(), FakePrometheus::start());
    let around =
        [("prometheus", prometheus.address()), ("upstream", upstream.listener.address()), ("target", target.address())];
    let tidegate = Tidegate::start(config, &around);
    tidegate.ready();
    (upstream, target, tidegate, prometheus)
}

#[test]
fn what_alertmanager_has_not_heard_of_yet_is_waited_for() {
    let (_upstream, target, tidegate, _prometheus) = scene(Takes::Slowly);
    let held =
        eventually("it is held back", || tidegate.incidents().into_iter().find(|incident| !incident["held"].is_null()));
    assert_eq!(held["held"]["by"], "silence known");
    assert_eq!(target.repairs().len(), 0, "it is silenced");
}

#[test]
fn what_alertmanager_does_not_take_may_be_silenced() {
    let (upstream, target, tidegate, _prometheus) = scene(Takes::Nothing);
    let incident = tidegate.opened("queues");
    let told = tidegate.told(&incident, "execution_refused");
    assert!(told.contains("has not taken the alerts of the incident yet"), "{told}");
    *upstream.takes.lock().expect("no panic") = Takes::Slowly;
    eventually("it is held back", || tidegate.incidents().into_iter().find(|incident| !incident["held"].is_null()));
    assert_eq!(target.repairs().len(), 0, "it is silenced");
}

/// Its alerts may come from an Alertmanager that is not asked, and so be listed nowhere.
#[test]
fn what_somebody_silenced_here_stays_silenced_where_it_is_not_listed() {
    let (upstream, target, tidegate, _prometheus) = start(&CONFIG.replace("\"auto\"", "\"ask\""), Takes::Slowly);
    assert_eq!(tidegate.deliver(&delivery("firing", "QueueTooLong", "checkout")).status, 200);
    let request = tidegate.pending();
    let silence = json!({ "for": "1h", "comment": "known" });
    let answer =
        tidegate.post(&format!("/api/v1/incidents/{}/silence", request["incident"].as_str().unwrap()), &silence);
    assert_eq!(answer.status, 200, "{answer:?}");
    tidegate.request_when(&request, "it is withdrawn", |request| request["status"] == "withdrawn");
    let so_far = upstream.looks.load(Ordering::SeqCst);
    eventually("it is looked at again", || (upstream.looks.load(Ordering::SeqCst) > so_far + 3).then_some(()));
    let incident = tidegate.incident(&tidegate.opened("queues"));
    assert_eq!(incident["held"]["by"], "silence 5b3b1a8c-7f5f-4f0e-9d0a-000000000000", "{incident:#}");
    assert!(tidegate.requests().iter().all(|request| request["status"] == "withdrawn"), "nobody is asked");
    assert_eq!(target.repairs().len(), 0);
}
