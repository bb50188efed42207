//! What an incident's charts are drawn from: in the journal, from before the trouble to after the repair, whatever
//! happens to the host in between.

use serde_json::Value;

use crate::support::eventually;
use crate::support::prometheus::Prometheus;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;

/// The series table is written often: what a crash loses is folded again from there.
const CONFIG: &str = r#"snapshot_interval = "1s"

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
consecutive = 3
cold_start = { history = "1m" }
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
verify = { settle = "1s", within = "30s", healthy_for = 2 }
"#;

/// The samples of the only series of an incident that the journal has, in the order in which it got them.
fn traced(tidegate: &Tidegate, incident: &Value) -> Vec<Value> {
    let output = tidegate.cli(&["journal", "export"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let ours = events.filter(|line| line["incident"] == incident["id"] && line["event"]["kind"] == "series_traced");
    let mut series = None;
    let mut points = Vec::new();
    for line in ours {
        let event = &line["event"];
        assert_eq!(series.get_or_insert_with(|| event["series"].clone()), &event["series"], "{event}");
        points.extend(event["points"].as_array().expect("points").iter().cloned());
    }
    points
}

fn at(point: &Value) -> i64 {
    point["at"].as_i64().expect("a time")
}

fn anomalous(point: &Value) -> bool {
    point["anomalous"] == true
}

fn millis(time: &Value) -> i64 {
    let time: jiff::Timestamp = time.as_str().expect("a time").parse().expect("RFC 3339");
    time.as_millisecond()
}

#[test]
fn a_trace_covers_what_was_before_the_trouble_the_trouble_and_what_came_after_and_outlives_a_crash() {
    let target = Target::start();
    let prometheus = Prometheus::with_history(&target, 5);
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let mut tidegate = Tidegate::start(CONFIG, &around);
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="normal""#, 8.0);

    target.set_queue("checkout", 400.0);
    let incident = tidegate.opened("queue");
    tidegate.told(&incident, "series_traced");
    let request = tidegate.pending();
    let before = traced(&tidegate, &incident);
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="anomalous""#, 8.0);
    tidegate.kill();
    tidegate.run();
    tidegate.ready();
    tidegate.approve(&request).good();
    let closed = tidegate.closed(&incident);
    assert_eq!(closed["closed"]["reason"], "fixed");
    let end = millis(&closed["closed"]["at"]);
    let points = eventually("samples from after the end", || {
        let points = traced(&tidegate, &incident);
        let after = points.iter().filter(|point| at(point) > end).count();
        (after >= 5).then_some(points)
    });

    assert_eq!(points[..before.len()], before, "what was written before the crash stands");
    assert!(points.is_sorted_by_key(at) && points.windows(2).all(|pair| at(&pair[0]) < at(&pair[1])), "each once");
    let since = millis(&incident["since"]);
    let calm = points.iter().filter(|point| at(point) < since);
    // Samples that were only learnt, before any were judged, have no band.
    let judged: Vec<&Value> = calm.filter(|point| point["upper"].is_number()).collect();
    assert!(judged.len() >= 5, "from before the trouble: {judged:?}");
    assert!(judged.iter().all(|point| !anomalous(point) && point["value"].as_f64() < Some(50.0)), "{judged:?}");
    let trouble: Vec<&Value> = points.iter().filter(|point| anomalous(point)).collect();
    assert!(trouble.len() >= 8, "the samples from around the crash were judged once more: {trouble:?}");
    for point in &trouble {
        // By the state from before the trouble, however long it lasts.
        assert!(point["upper"].as_f64() < Some(60.0) && point["score"].as_f64() > Some(1.0), "{point}");
    }
    let well: Vec<&Value> = points.iter().filter(|point| at(point) > end).collect();
    assert!(well.iter().all(|point| !anomalous(point) && point["upper"].is_number()), "{well:?}");
    let steps = points.windows(2).map(|pair| at(&pair[1]) - at(&pair[0]));
    assert!(steps.filter(|step| *step > 1_000).count() <= 2, "no more than the scrapes that were missed");
    tidegate.stop_and_verify_journal();
}
