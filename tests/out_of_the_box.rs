//! A stranger names a query and no number: what nobody described is learnt from the history that a real Prometheus has, and
//! what breaks is an incident with a sentence that says why.

use serde_json::json;

use crate::support::eventually;
use crate::support::prometheus::{self, Prometheus};
use crate::support::target::{NORMAL, Target};
use crate::support::tidegate::Tidegate;

/// Only times are shorter than a user would have them.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[[watch]]
name = "queue"
expr = 'queue_length{service="checkout"}'
interval = "1s"
query_offset = "1s"
cold_start = { history = "30m" }
"#;

/// An hour of a queue, a sample a second, with noise that is the same in each run.
fn history(now: i64) -> String {
    let noise = |at: i64| (at * 7_919 % 101) as f64 / 20.0 - 2.5;
    let line = |at: i64| {
        let value = NORMAL + noise(at);
        format!("queue_length{{instance=\"one\",job=\"target\",service=\"checkout\"}} {value} {at}\n")
    };
    (now - 3600..now).map(line).collect()
}

#[test]
fn a_query_and_no_number_is_enough() {
    let target = Target::start();
    target.set_queue("checkout", NORMAL);
    let history = history(jiff::Timestamp::now().as_second());
    let prometheus = Prometheus::run(&target, &prometheus::Config { history, ..prometheus::Config::default() });
    let mut tidegate = Tidegate::new();
    tidegate.configure(CONFIG, &[("prometheus", prometheus.address())]);
    tidegate.run();
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="normal""#, 5.0);
    assert!(tidegate.incidents().is_empty());
    let watch = tidegate.get("/api/v1/watches").good()["watches"][0].clone();
    assert_eq!(watch["detectors"], json!(["tide"]));

    target.set_queue("checkout", 10.0 * NORMAL);
    let incident = eventually("an incident", || tidegate.incidents().pop());
    let detectors = &tidegate.incident(&incident)["detectors"];
    assert_eq!(detectors[0]["name"], "tide");
    let note = detectors[0]["note"].as_str().expect("words");
    assert!(note.contains("never above 42") && note.contains(" in 6"), "{note}");

    // Nothing of it was learnt: as soon as it is over the incident is, and no other begins.
    target.set_queue("checkout", NORMAL);
    assert_eq!(tidegate.closed(&incident)["closed"]["reason"], "recovered");
    assert_eq!(tidegate.incidents().len(), 1);
    tidegate.stop_and_verify_journal();
}
