//! Many deliveries at once, and a host that is killed in the middle of them: what it said yes to is in the journal, each
//! alert once, however often and by however many Alertmanagers it was delivered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::Client;
use crate::support::tidegate::{SENDER_TOKEN, Tidegate};

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[[alert_route]]
name = "load"
match = ['alertname="Load"']
mode = "observe"
"#;

/// Each is a group, and so an incident.
const DELIVERIES: usize = 120;
const ALERTS: usize = 50;
/// Two Alertmanagers that know nothing of each other, with two connections each.
const CONNECTIONS: usize = 4;

fn fingerprint(group: usize, alert: usize) -> String {
    format!("{:016x}", group * ALERTS + alert)
}

fn delivery(group: usize) -> Value {
    let alert = |alert: usize| {
        json!({
            "status": "firing",
            "labels": { "alertname": "Load", "group": group.to_string(), "instance": format!("host-{alert}") },
            "annotations": { "summary": "one of many" },
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": fingerprint(group, alert),
        })
    };
    json!({
        "version": "4",
        "receiver": "tidegate",
        "status": "firing",
        "groupKey": format!("{{}}:{{group=\"{group}\"}}"),
        "alerts": (0..ALERTS).map(alert).collect::<Vec<_>>(),
    })
}

/// Delivers until it is taken, as Alertmanager does where the connection breaks.
fn insist(client: &Client, group: usize) {
    let body = delivery(group);
    eventually("the delivery is taken", || {
        client.try_post("/webhook/alertmanager", &body).filter(|answer| answer.status == 200)
    });
}

#[test]
fn what_was_answered_is_in_the_journal_once() {
    let prometheus = FakePrometheus::start();
    let mut tidegate = Tidegate::start(CONFIG, &[("prometheus", prometheus.address())]);
    let client = tidegate.stranger().with_token(SENDER_TOKEN);
    let next = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (client, next, taken) = (client.clone(), &next[connection % 2], &taken);
            scope.spawn(move || {
                loop {
                    let group = next.fetch_add(1, Ordering::Relaxed);
                    if group >= DELIVERIES {
                        return;
                    }
                    insist(&client, group);
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for deaths in 1..=2 {
            eventually("a part of them is taken", || {
                (taken.load(Ordering::Relaxed) >= deaths * DELIVERIES / 2).then_some(())
            });
            tidegate.kill();
            tidegate.run();
        }
    });
    assert_eq!(taken.load(Ordering::Relaxed), 2 * DELIVERIES, "each of both has delivered all");
    tidegate.kill();

    let output = tidegate.cli(&["journal", "export"]);
    assert!(output.status.success(), "{output:?}");
    let (mut incidents, mut fired) = (0, BTreeMap::<String, usize>::new());
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let event = &serde_json::from_str::<Value>(line).expect("JSON")["event"];
        incidents += usize::from(event["kind"] == "incident_opened");
        for alert in event["alerts"].as_array().into_iter().flatten() {
            assert_eq!(alert["firing"], true, "{event}");
            *fired.entry(alert["fingerprint"].as_str().expect("a fingerprint").to_owned()).or_default() += 1;
        }
    }
    assert_eq!(incidents, DELIVERIES, "one for each group");
    assert_eq!(fired.len(), DELIVERIES * ALERTS, "none is lost");
    assert!(fired.values().all(|times| *times == 1), "none is there twice: {fired:?}");
    let output = tidegate.cli(&["journal", "verify"]);
    assert!(output.status.success(), "{output:?}");
}
